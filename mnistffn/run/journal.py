"""Finished work that need not be done twice: a line for each piece of it, and what it depends on."""

import json
import zlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

from mnistffn.errors import RunDirectoryError
from mnistffn.run.files import read_json, replace_file, to_json

COMMAND = "command.json"


def keep_command(folder: Path, command: str | None) -> None:
    """Write down which command's work a folder keeps, so that it can be named where it was stopped."""
    if command is not None:
        content = to_json({"command": command})
        replace_file(folder / COMMAND, lambda file: file.write(content))


def read_command(folder: Path) -> str | None:
    """Return the command whose work a folder keeps, None where nobody knows."""
    with suppress(RunDirectoryError):
        command = read_json(folder / COMMAND).get("command")
        return command if isinstance(command, str) else None
    return None


class Journal:
    """A file to which is appended what was finished.

    A line that a kill has cut off, or that has changed, does not fit its checksum and is passed over.

    Parameters
    ----------
    path : Path
        Of the file, beside which ``settings.json`` says what its lines depend on.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.settings = path.with_name("settings.json")

    def open(self, settings: Mapping[str, Any], *, fresh: bool) -> int:
        """Begin, or go on where an earlier command has stopped, and return how many lines there are.

        Parameters
        ----------
        settings : mapping
            Plain values that everything depends on.
        fresh : bool
            Start over, whatever there is.

        Raises
        ------
        RunDirectoryError
            Something is kept that was stopped under other settings: the message names the first that
            differs.
        """
        wanted = json.loads(json.dumps(dict(settings)))
        found = {} if fresh else self._read_settings()
        is_same = found.get("settings") == wanted
        if not is_same and not found.get("finished", True) and any(self.read()):
            refuse(self.path.parent, "search, which was stopped", found.get("settings"), wanted)
        lines = [make_line(entry) for entry in self.read()] if is_same else []
        content = "".join(lines).encode()
        replace_file(self.path, lambda file: file.write(content))
        self._write_settings(wanted, finished=False)
        return len(lines)

    def finish(self) -> None:
        """Note that what the lines were for is done: other settings may take their place."""
        self._write_settings(self._read_settings()["settings"], finished=True)

    def read(self) -> Iterator[dict[str, Any]]:
        """Yield what is kept.

        Raises
        ------
        RunDirectoryError
            The file cannot be read.
        """
        try:
            if self.path.exists():
                with self.path.open("rb") as file:
                    yield from (entry for line in file if (entry := read_line(line)) is not None)
        except OSError as error:
            msg = f"{self.path} cannot be read: {error.strerror or error}"
            raise RunDirectoryError(msg) from error

    def append(self, entry: Mapping[str, Any]) -> None:
        """Keep something: it is there from now on, however this process ends.

        Raises
        ------
        RunDirectoryError
            The system does not let it, for want of space for example.
        """
        try:
            with self.path.open("a") as file:
                file.write(make_line(entry))
        except OSError as error:
            msg = f"{self.path} cannot be written: {error.strerror or error}"
            raise RunDirectoryError(msg) from error

    def _read_settings(self) -> dict[str, Any]:
        return read_json(self.settings) if self.settings.exists() else {}

    def _write_settings(self, settings: Mapping[str, Any], *, finished: bool) -> None:
        content = to_json({"settings": settings, "finished": finished})
        replace_file(self.settings, lambda file: file.write(content))


def make_line(entry: Mapping[str, Any]) -> str:
    """Return an entry as a line that carries its checksum."""
    text = json.dumps(dict(entry))
    return f"{zlib.crc32(text.encode()):08x} {text}\n"


def read_line(line: bytes) -> dict[str, Any] | None:
    """Return the entry of a line, None for one that is not whole."""
    check, _, text = line.rstrip(b"\n").partition(b" ")
    if not line.endswith(b"\n") or check != b"%08x" % zlib.crc32(text):
        return None
    entry = json.loads(text)
    return entry if isinstance(entry, dict) else None


def refuse(folder: Path, kept: str, before: Any, now: Any) -> NoReturn:
    """Raise RunDirectoryError: what a folder keeps of another command is neither taken nor lost.

    Parameters
    ----------
    folder : Path
    kept : str
        What it keeps, as a message names it.
    before, now : object
        The settings of that and of this command, which differ.
    """
    what = describe_difference(before, now)
    remedy = "repeat it to go on with that, or start over with --fresh"
    msg = f"{folder} keeps another {kept}: {what}; {remedy}"
    raise RunDirectoryError(msg)


def describe_difference(before: Any, now: Any, name: str = "") -> str:
    """Return the first value in which two settings differ, and how, as a message says it."""
    if isinstance(before, dict) and isinstance(now, dict):
        for key in dict.fromkeys([*before, *now]):
            if before.get(key) != now.get(key):
                return describe_difference(before.get(key), now.get(key), f"{name} {key}".strip())
    return f"{name or 'its settings'} was {before}, and is {now} now"
