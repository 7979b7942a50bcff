"""How messages say numbers and command lines."""

import os
import shlex
from collections.abc import Sequence
from pathlib import Path

DEFAULT_RUN_DIR = Path("run")
RUN_DIR_VARIABLE = "MNISTFFN_RUN_DIR"


def count(n: int, what: str, plural: str | None = None) -> str:
    """Return a number of things.

    Parameters
    ----------
    n : int
    what : str
        One of them.
    plural : str or None
        Several of them; None where an s makes it.

    Examples
    --------
    >>> count(1, "image"), count(2000, "image"), count(0, "class", "classes")
    ('1 image', '2,000 images', '0 classes')
    """
    return f"{n:,} {what if n == 1 else plural or f'{what}s'}"


def list_few(labels: Sequence[object], most: int = 4) -> str:
    """Return the first of some labels, and a sign where there are more.

    Examples
    --------
    >>> list_few([1, 3]), list_few([1, 3, 2, 9, 7])
    ('1 3', '1 3 2 9 …')
    """
    return " ".join([*map(str, labels[:most]), *["…"] * (len(labels) > most)])


def spell_command(command: str, run_dir: str | os.PathLike[str]) -> str:
    """Return a command that works on a run directory as a shell takes it.

    Parameters
    ----------
    command : str
        The subcommand with its options, quoted where that is needed. One that names its ``--output``
        works on that alone.
    run_dir : str or path-like
        It is named unless it is what the program would take anyway.
    """
    is_usual = Path(run_dir) == DEFAULT_RUN_DIR and not os.environ.get(RUN_DIR_VARIABLE)
    where = "" if is_usual or " --output " in command else f" --run-dir {shlex.quote(str(run_dir))}"
    return f"mnistffn {command}{where}"
