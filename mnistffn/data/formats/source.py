"""What a data set is read from: a file, a file with its labels beside it, a folder, or a pipe."""

import hashlib
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from mnistffn.data.formats.damage import TooLargeError
from mnistffn.errors import DataError

PIECE = 1 << 20
MOST_FILES = 2_000_000
DEEPEST = 6  # folders within each other
DEVICES = ("/dev/", "/proc/")
# What images and their labels are called, in files that lie beside each other.
BESIDE = (
    (r"images", "labels"), (r"Images", "Labels"), (r"image", "label"), (r"Image", "Label"),
    (r"imgs", "labels"), (r"img", "label"), (r"(?<![A-Za-z])[Xx](?=$|[^A-Za-z]|train|test|val)", "y"),
)  # fmt: skip


@dataclass
class Source:
    """A place that data come from. A pipe is read once, and what came is kept.

    Attributes
    ----------
    path : Path
    max_size : int
        Bytes that may be read.
    known_sha256 : str or None
        What came through a pipe that cannot be read again.
    """

    path: Path
    max_size: int
    known_sha256: str | None = None
    _piped: bytes | None = field(default=None, repr=False)

    def __str__(self) -> str:
        return str(self.path)

    @cached_property
    def is_folder(self) -> bool:
        """Whether it is a folder."""
        return self.path.is_dir()

    @cached_property
    def is_pipe(self) -> bool:
        """Whether it can be read only once, as a pipe and what was redirected into a command."""
        return self.known_sha256 is not None or is_pipe(self.path)

    @property
    def place(self) -> str:
        """The path that leads there from everywhere; of a pipe, its name."""
        return str(self.path.absolute() if self.is_pipe else self.path.resolve())

    @property
    def name(self) -> str:
        """What a variable is called that has no name of its own: the file's."""
        if str(self.path).startswith(DEVICES):
            return "data"
        name = re.sub(r"\.gz$", "", self.path.name)
        name = re.sub(r"[.-]idx\d-u?byte$|\.\w{1,5}$", "", name)
        return name.replace(".", "-") or "data"

    @cached_property
    def sha256(self) -> str:
        """Hash of the file, of both files, or of all files of a folder with their names.

        Raises
        ------
        DataError
            It is not there, or cannot be read.
        """
        if self.known_sha256 is not None:
            return self.known_sha256
        self.check()
        if self.is_folder:
            digest = hashlib.sha256()
            for name, path in self.list_files():
                digest.update(f"{len(os.fsencode(name))} ".encode() + os.fsencode(name))
                digest.update(_hash(path).encode())
            return digest.hexdigest()
        if self.is_pipe:
            return hashlib.sha256(self.read()).hexdigest()
        own = _hash(self.path)
        if self.labels is None:
            return own
        return hashlib.sha256(f"{own} {_hash(self.labels)}".encode()).hexdigest()

    @cached_property
    def labels(self) -> Path | None:
        """The file beside it that its labels should be in, by its name; None where there is none."""
        if self.is_folder or self.is_pipe:
            return None
        return next((place for place in self.list_places_of_labels() if place.is_file()), None)

    def list_places_of_labels(self) -> list[Path]:
        """Return what the file with the labels may be called."""
        name = self.path.name
        packed = name.endswith(".gz")
        stem = name.removesuffix(".gz")
        for images, labels in BESIDE:
            if re.search(images, stem):
                found = re.sub(images, labels, stem).replace("idx3", "idx1")
                both = [f"{found}.gz", found] if packed else [found, f"{found}.gz"]
                return [self.path.with_name(one) for one in both]
        return []

    def check(self) -> None:
        """Raise DataError unless there is something to read."""
        if self.known_sha256 is not None:
            msg = (
                f"the run's data came through a pipe ({self.path}), which cannot be read again: give "
                f"them as DATA"
            )
            raise DataError(msg)
        try:
            mode = self.path.stat().st_mode
        except FileNotFoundError:
            msg = f"{self.path} does not exist: give the path of a data file"
            raise DataError(msg) from None
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            msg = f"{self.path} cannot be read: {reason}"
            raise DataError(msg) from error
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode) or stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)):
            msg = f"{self.path} is a device, not a data file: give a file, a folder or a pipe"
            raise DataError(msg)

    def read(self) -> bytes:
        """Return the bytes of the file, or what comes through the pipe.

        Raises
        ------
        DataError
            There is no such file, or it cannot be read.
        TooLargeError
            There are more than may be read.
        """
        self.check()
        if self._piped is None:
            content = read_file(self.path, self.max_size)
            if not self.is_pipe:
                return content
            self._piped = content
        return self._piped

    def list_files(self) -> list[tuple[str, Path]]:
        """Return the files of a folder and of those within it, by name; hidden ones are left out.

        Raises
        ------
        DataError
            There are too many, or a folder cannot be read.
        """
        found: list[tuple[str, Path]] = []
        for name, path in _walk(self.path, "", ()):
            found.append((name, path))
            if len(found) > MOST_FILES:
                msg = f"{self.path} holds more than {MOST_FILES:,} files: give the folder of the data"
                raise DataError(msg)
        return sorted(found)


def is_pipe(path: Path) -> bool:
    """Return whether a path leads to what can be read only once."""
    if str(path).startswith(DEVICES):
        return True
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)


def read_file(path: Path, max_size: int) -> bytes:
    """Return the bytes of a file.

    Raises
    ------
    DataError
        It cannot be read.
    TooLargeError
        There are more than ``max_size``.
    """
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size > max_size:
                raise TooLargeError(size)
            if size:
                return file.read()
            pieces, n = [], 0  # a pipe does not tell how much will come
            while n <= max_size and (piece := file.read(PIECE)):
                pieces.append(piece)
                n += len(piece)
    except OSError as error:
        msg = f"{path} cannot be read: {error.strerror}"
        raise DataError(msg) from error
    if n > max_size:
        raise TooLargeError(n)
    return b"".join(pieces)


def _hash(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        msg = f"{path} cannot be read: {error.strerror}"
        raise DataError(msg) from error


def _walk(folder: Path, prefix: str, above: tuple[tuple[int, int], ...]) -> Iterator[tuple[str, Path]]:
    """Yield the files of a folder and of those within it; links that lead back are not followed."""
    try:
        status = folder.stat()
        entries = list(os.scandir(folder))
        place = (status.st_dev, status.st_ino)
        if place in above or len(above) > DEEPEST:
            return
        for entry in entries:
            if entry.name.startswith((".", "__MACOSX")):
                continue
            if entry.is_dir():
                yield from _walk(Path(entry.path), f"{prefix}{entry.name}/", (*above, place))
            elif entry.is_file():
                yield f"{prefix}{entry.name}", Path(entry.path)
    except OSError as error:
        msg = f"{folder} cannot be read: {error.strerror}"
        raise DataError(msg) from error
