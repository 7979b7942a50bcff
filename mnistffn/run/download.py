"""Making a data file of the original files of a published data set."""

import hashlib
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import numpy as np

from mnistffn.data.convert import TITLE, TITLE_LENGTH, lay_out, write_document_layout
from mnistffn.data.download import fetch, find_cache
from mnistffn.data.originals import LETTERS, ORIGINALS, Original
from mnistffn.errors import RunDirectoryError, UsageError
from mnistffn.progress import Progress
from mnistffn.run.files import hash_file, replace_file

DownloadPart = Literal["all", "train", "test"]
FOLDER = Path("data")


@dataclass(frozen=True)
class DownloadOptions:
    """Which data set is fetched.

    Attributes
    ----------
    name : str
        One of :data:`~mnistffn.data.originals.ORIGINALS`.
    part : {"all", "train", "test"}
        What of it is written.
    mirror : str or None
        URL of a folder that holds the original files.
    """

    name: str
    part: DownloadPart = "all"
    mirror: str | None = None

    def __post_init__(self) -> None:
        if self.name not in ORIGINALS:
            msg = f"--download {self.name} must be one of {', '.join(ORIGINALS)}"
            raise UsageError(msg)
        if self.part not in get_args(DownloadPart):
            msg = f"--part {self.part} must be one of {', '.join(get_args(DownloadPart))}"
            raise UsageError(msg)
        if self.mirror is not None and not self.mirror.startswith(("http://", "https://")):
            msg = f"--mirror {self.mirror} must be a URL that begins with http:// or https://"
            raise UsageError(msg)

    @property
    def original(self) -> Original:
        """The data set."""
        return ORIGINALS[self.name]

    @property
    def default_path(self) -> Path:
        """Where its file is written."""
        return FOLDER / f"{self.original.stem}{'' if self.part == 'all' else f'-{self.part}'}.mat"

    def describe(self) -> dict[str, str]:
        """Return what the manifest keeps: not the mirror, which may have a password in it."""
        return {"name": self.name, "part": self.part}

    @property
    def title(self) -> str:
        """What the file begins with: which images it holds."""
        return f"{TITLE}: {self.name} ({self.part}) from its original files"


def download(options: DownloadOptions, path: Path | None, progress: Progress) -> Path:
    """Fetch the original files of a data set, and write their images to one .mat file.

    It has the variables of the document's course, ``input_images`` and ``output_labels``, with the
    training part; beside them the test part as ``input_images_test`` and ``output_labels_test``. With
    one part alone, that one has the names of the course. Pixels are as in the original files.

    Parameters
    ----------
    options : DownloadOptions
    path : Path or None
        Where to write; None for the usual place.
    progress : Progress

    Returns
    -------
    Path
        Of the file, which is left alone if it holds these images already.

    Raises
    ------
    UsageError
        There is another file in its place: it is not touched.
    RunDirectoryError
        The file cannot be written.
    DownloadError, DataError, MnistffnError
        As :func:`~mnistffn.data.download.fetch` does.
    """
    path = path or options.default_path
    _check_target(path, options)
    folder = find_cache() / options.name
    fetch(options.original, folder, options.mirror, progress)
    progress.note(f"the original files are kept in {folder}, which may be deleted")
    content = make_file(options, folder)
    if path.exists():
        if hash_file(path) != hashlib.sha256(content).hexdigest():
            raise _refuse(path)
        progress.note(f"{path} holds them already")
        return path
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        msg = f"{path} cannot be written: {error.strerror or error}"
        raise RunDirectoryError(msg) from error
    replace_file(path, lambda file: file.write(content))
    progress.note(f"wrote {path}")
    return path


def make_file(options: DownloadOptions, folder: Path) -> bytes:
    """Return the bytes of the .mat file that is made of the original files in ``folder``."""
    train, test = options.original.read(folder)
    content = lay_out(*(test if options.part == "test" else train))
    if options.part == "all":
        content |= lay_out(*test, suffix="_test")
    if options.original.has_letters:  # as EMNIST's own .mat files name the classes
        numbers = np.arange(1, LETTERS + 1)
        content["mapping"] = np.stack([numbers, numbers + ord("@"), numbers + ord("`")], axis=1)
    buffer = io.BytesIO()
    write_document_layout(buffer, content, options.title)
    return buffer.getvalue()


def _check_target(path: Path, options: DownloadOptions) -> None:
    """Raise UsageError before anything is fetched if the file cannot be the one to write."""
    if path.suffix.lower() != ".mat":
        msg = f"{path}, where --download is to write, must end in .mat"
        raise UsageError(msg)
    if not path.exists():
        return
    if not path.is_file():
        raise _refuse(path)
    try:
        with path.open("rb") as file:
            begins = file.read(TITLE_LENGTH).rstrip()
    except OSError:
        begins = b""
    if begins != options.title.encode():
        raise _refuse(path)


def _refuse(path: Path) -> UsageError:
    msg = f"{path} is something else and is not touched: move it away, or name another file as DATA"
    return UsageError(msg)
