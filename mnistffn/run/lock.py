"""The lock that keeps two commands from working in one run directory."""

from pathlib import Path

from mnistffn.errors import RunDirectoryError


def lock(descriptor: int, folder: Path) -> None:
    """Take an exclusive lock that the system releases when the process ends, however it ends.

    Raises
    ------
    RunDirectoryError
        Another process holds it.
    """
    try:
        import fcntl  # noqa: PLC0415  # not on Windows, where nothing is locked
    except ImportError:
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        msg = f"another mnistffn is at work in {folder}: wait for it, or take another --run-dir"
        raise RunDirectoryError(msg) from error
