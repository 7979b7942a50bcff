"""Files that are written whole or not at all, and JSON with its schema."""

import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from glob import escape
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir
from typing import Any, BinaryIO

from mnistffn.errors import RunDirectoryError

SCHEMA = 1  # of every JSON file
TEMPORARY = ".tmp"
FOLDER = "mnistffn-"  # and the number of the process: a temporary folder
SEARCHING, TRAINING = ".search", ".train"  # folders with what is kept of a command under way
INTENT = ".renames.json"  # of files that are about to take their places
LEFT_OVER = re.compile(r"\.[\w.-]+\.(json|jsonl|csv|npz|pt|onnx|png|gif|html)\.\d+\.tmp")


def follow_links(path: Path) -> Path:
    """Return where the file is that a path names: a link stays a link, and its target is written.

    Raises
    ------
    RunDirectoryError
        The path is a link to itself.
    """
    target = Path(os.path.realpath(path))
    if target.is_symlink():
        msg = f"{path} is a link that leads back to itself: remove it"
        raise RunDirectoryError(msg)
    return target


def name_temporary(path: Path) -> Path:
    """Return the name under which this process writes a file before it takes its place."""
    target = follow_links(path)
    return target.with_name(f".{target.name}.{os.getpid()}{TEMPORARY}")


def write_beside(path: Path, write: Callable[[BinaryIO], object]) -> Path:
    """Let ``write`` fill a file, wait until it is on the disk, and return its temporary name.

    Raises
    ------
    RunDirectoryError
        The system does not let it, for want of space for example. Nothing is left of it.
    """
    temporary = name_temporary(path)
    try:
        with temporary.open("wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
    except BaseException as error:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise _refuse(path, error) from error
        raise
    return temporary


def replace_file(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Let ``write`` fill a file that takes the place of the one before, whole or not at all.

    Raises
    ------
    RunDirectoryError
        As :func:`write_beside` does.
    """
    temporary = write_beside(path, write)
    try:
        temporary.replace(follow_links(path))
    except OSError as error:
        with suppress(OSError):
            temporary.unlink()
        raise _refuse(path, error) from error


def _refuse(path: Path, error: OSError) -> RunDirectoryError:
    where = f"{path}, a link to {os.path.realpath(path)}," if path.is_symlink() else path
    return RunDirectoryError(f"{where} cannot be written: {error.strerror or error}")


def sync_folder(path: Path) -> None:
    """Make renames in a folder durable, where the system can."""
    with suppress(OSError):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def clear_left_overs(folder: Path) -> None:
    """Remove what killed processes have left in a folder; files of the user's stay."""
    places = (folder, folder / SEARCHING, folder / TRAINING)
    linked = [Path(os.path.realpath(path)) for path in folder.iterdir() if path.is_symlink()]
    temporaries = [path for place in places for path in place.glob(f".*{TEMPORARY}")]
    for target in linked:
        temporaries += target.parent.glob(f".{escape(target.name)}.*{TEMPORARY}")
    for left_over in [*folder.glob(f"{SEARCHING}/*.npy"), *temporaries]:
        if left_over.suffix == ".npy" or LEFT_OVER.fullmatch(left_over.name):
            with suppress(OSError):
                left_over.unlink(missing_ok=True)


def make_temporary_folder() -> TemporaryDirectory[str]:
    """Make a folder of this process's, and remove those of processes that were killed.

    Raises
    ------
    RunDirectoryError
        The system's temporary folder cannot be written.
    """
    for left_over in Path(gettempdir()).glob(f"{FOLDER}*-*"):
        with suppress(ValueError):  # a name of somebody else's making
            pid = int(left_over.name.removeprefix(FOLDER).partition("-")[0])
            if not is_alive(pid):
                shutil.rmtree(left_over, ignore_errors=True)
    try:
        return TemporaryDirectory(prefix=f"{FOLDER}{os.getpid()}-")
    except OSError as error:
        msg = f"the temporary folder {gettempdir()} cannot be written: {error.strerror or error}"
        raise RunDirectoryError(msg) from error


def is_alive(pid: int) -> bool:
    """Return whether there is a process of this number; True where the system cannot be asked."""
    if os.name != "posix":
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # somebody else's
        pass
    return True


def announce_renaming(folder: Path, files: Sequence[str], dropped: Sequence[str]) -> None:
    """Write down which files are about to take their places, so that a kill meanwhile does no harm.

    :func:`finish_renaming` does it, now or in the next command.

    Parameters
    ----------
    folder : Path
    files : sequence of str
        Written by this process under their temporary names.
    dropped : sequence of str
        Files to remove after that.
    """
    renames = {file: name_temporary(folder / file).name for file in files}
    content = to_json({"renames": renames, "dropped": list(dropped)})
    replace_file(folder / INTENT, lambda file: file.write(content))
    sync_folder(folder)


def finish_renaming(folder: Path) -> None:
    """Let files take the places that :func:`announce_renaming` has written down for them."""
    if not (folder / INTENT).exists():
        return
    renames, dropped = _read_intent(folder / INTENT)
    written = {folder}
    for file, temporary in renames.items():
        target = follow_links(folder / file)
        with suppress(FileNotFoundError):  # renamed already, before a kill
            target.with_name(temporary).replace(target)
            written.add(target.parent)
    for file in dropped:
        with suppress(OSError):  # what cannot be removed is no reason to lose what was written
            if (folder / file).is_file():
                (folder / file).unlink()
    for place in written:
        sync_folder(place)
    with suppress(OSError):
        (folder / INTENT).unlink(missing_ok=True)


def _read_intent(path: Path) -> tuple[dict[str, str], list[str]]:
    """Return what to rename and what to drop: nothing that reaches out of the folder."""
    try:
        content = read_json(path)
        renames, dropped = dict(content["renames"]), list(content["dropped"])
    except (RunDirectoryError, KeyError, TypeError, ValueError):
        return {}, []
    dropped = [name for name in dropped if is_plain(name)]
    if not all(map(is_plain, [*renames, *renames.values()])):
        return {}, []
    return renames, dropped


def is_plain(name: Any) -> bool:
    """Return whether a name is that of a file in the folder itself, not of one elsewhere."""
    return bool(Path(str(name)).name == name)


def hash_file(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal digits, or an empty string where there is none."""
    with suppress(FileNotFoundError), path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
    return ""


def to_json(content: Mapping[str, Any]) -> bytes:
    """Return ``content`` as the text of a JSON file, the schema version in front."""
    text = json.dumps({"schema": SCHEMA} | dict(content), indent=2, allow_nan=False)
    return f"{text}\n".encode()


def read_json(path: Path) -> dict[str, Any]:
    """Return the content of a JSON file that :func:`to_json` has made.

    Raises
    ------
    RunDirectoryError
        The file is missing, damaged or of another schema.
    """
    try:
        content = json.loads(path.read_bytes())
    except FileNotFoundError as error:
        msg = f"{path} is missing"
        raise RunDirectoryError(msg) from error
    except (OSError, ValueError) as error:
        msg = f"{path} cannot be read ({error}): remove it and run its command again"
        raise RunDirectoryError(msg) from error
    if not isinstance(content, dict) or content.get("schema") != SCHEMA:
        msg = f"{path} is not of schema {SCHEMA}: remove it and run its command again"
        raise RunDirectoryError(msg)
    return content
