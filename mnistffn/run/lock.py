"""The lock that keeps two commands from working in one run directory."""

import errno
import json
import os
import shlex
import sys
import warnings
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

from mnistffn.errors import RunDirectoryError

LOCK = ".lock"
NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP}  # NFS or Lustre without them


def take_lock(folder: Path) -> TextIO:
    """Take an exclusive lock on a folder, which the system releases when the process ends.

    Returns
    -------
    file
        Open while the lock is held. It says which process holds it.

    Raises
    ------
    RunDirectoryError
        Another process holds it: the message says which.
    OSError
        The folder cannot be written.

    Warns
    -----
    UserWarning
        The file system has no locks.
    """
    while True:
        file = (folder / LOCK).open("a+")
        try:
            _lock(file, folder)
            # Whoever held it before may have removed the folder's lock, and with it our claim.
            is_current = _is_at(file, folder)
        except BaseException:
            file.close()
            raise
        if is_current:
            _sign(file)
            return file
        file.close()


def find_holder(folder: Path) -> str | None:
    """Return which process is at work in a folder, None if there is none; nothing is changed.

    Who holds the lock has signed it. The signature of one that was killed stays, but not its lock.
    """
    with suppress(OSError, ValueError, KeyError, TypeError), (folder / LOCK).open() as file:
        os.kill(json.loads(file.read(10_000))["process"], 0)  # only if there is somebody to ask about
        try:
            import fcntl  # noqa: PLC0415  # not on Windows

            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except (ImportError, BlockingIOError):
            return _name_holder(file)
    return None


def _lock(file: TextIO, folder: Path) -> None:
    try:
        import fcntl  # noqa: PLC0415  # not on Windows, where nothing is locked
    except ImportError:
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in NO_LOCKS:
            msg = f"the file system of {folder} has no locks: start no second command in it meanwhile"
            warnings.warn(msg, stacklevel=4)
            return
        if error.errno not in (errno.EWOULDBLOCK, errno.EACCES):
            raise
        msg = f"{_name_holder(file)} is at work in {folder}: wait for it, or take another --run-dir"
        raise RunDirectoryError(msg) from error


def _is_at(file: TextIO, folder: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), (folder / LOCK).stat())
    except FileNotFoundError:
        return False


def _sign(file: TextIO) -> None:
    """Write down who holds the lock; a full disk is told of where it matters."""
    command = shlex.join(["mnistffn", *sys.argv[1:]])
    holder = {
        "process": os.getpid(),
        "command": command,
        "start": datetime.now(UTC).isoformat(" ", "seconds"),
    }
    with suppress(OSError):
        file.truncate(0)
        file.write(json.dumps(holder))
        file.flush()


def _name_holder(file: TextIO) -> str:
    with suppress(OSError, ValueError, KeyError, TypeError):
        file.seek(0)
        holder = json.loads(file.read(10_000))
        return f"process {holder['process']} ({holder['command']}, since {holder['start'][:19]} UTC)"
    return "another mnistffn"
