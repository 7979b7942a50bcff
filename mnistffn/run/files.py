"""Files that are written whole or not at all, and JSON with its schema."""

import hashlib
import json
import os
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

from mnistffn.errors import RunDirectoryError

SCHEMA = 1  # of every JSON file
TEMPORARY = ".tmp"
LEFT_OVER = re.compile(r"\.[\w.-]+\.(json|csv|npz|pt|png|gif)\.\d+\.tmp")


def name_temporary(path: Path) -> Path:
    """Return the name under which this process writes a file before it takes its place."""
    return path.with_name(f".{path.name}.{os.getpid()}{TEMPORARY}")


def write_synced(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Let ``write`` fill a file, and wait until it is on the disk."""
    with path.open("wb") as file:
        write(file)
        file.flush()
        os.fsync(file.fileno())


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
    for left_over in folder.glob(f".*{TEMPORARY}"):
        if LEFT_OVER.fullmatch(left_over.name):
            left_over.unlink(missing_ok=True)


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
