"""``python -m mnistffn``, and where the command ``mnistffn`` begins."""

import os
import sys

from mnistffn import machine
from mnistffn.cli.signals import Stopped, watch_signals


def main() -> None:
    """Run the command line; signals are watched before anything is imported that takes its time."""
    if os.name != "posix":  # no fcntl: nothing would keep two commands out of one run directory
        sys.exit("error: the commands of mnistffn run on Linux and macOS: on Windows, use them in WSL")
    try:
        watch_signals()
        machine.wait_passively()
        from mnistffn.cli.main import app  # noqa: PLC0415

        app()
    except Stopped as stopped:  # while the command line itself was imported
        sys.stderr.write(f"error: {stopped}\n")
        raise SystemExit(stopped.code) from None


if __name__ == "__main__":
    main()
