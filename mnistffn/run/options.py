"""What a user says about the data of a run."""

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from mnistffn.data import ReadOptions
from mnistffn.data.formats import MAX_SIZE
from mnistffn.data.formats.source import Source
from mnistffn.data.labels import LabelsMean
from mnistffn.data.orientation import Orientation
from mnistffn.data.pixels import Polarity
from mnistffn.errors import UsageError, check_values
from mnistffn.run.manifest import DataRecord

READING = (
    "orientation", "images", "labels", "groups", "polarity", "labels_mean", "image_shape", "max_size",
)  # fmt: skip


@dataclass(frozen=True)
class DataOptions:
    """What a user says about the data; None leaves it to the run directory, or else the default.

    Attributes
    ----------
    path : Path or None
    orientation : {"auto", "row-major", "column-major"} or None
    test_size : float in (0, 1) or None
    images, labels, groups, polarity, labels_mean, image_shape
        See :class:`~mnistffn.data.ReadOptions`.
    max_size : int or None
        Bytes that a file may unpack to.
    resplit : bool
        Hold out a test part even if the file has one.
    unique : bool
        Leave out images that occur a second time.
    """

    path: Path | None = None
    orientation: Orientation | None = None
    test_size: float | None = None
    images: str | None = None
    labels: str | None = None
    groups: str | None = None
    polarity: Polarity | None = None
    labels_mean: LabelsMean | None = None
    image_shape: tuple[int, int] | None = None
    max_size: int | None = None
    resplit: bool = False
    unique: bool = False

    def __post_init__(self) -> None:
        rule = (lambda v: v is None or 0 < v < 1, "above 0 and below 1")
        check_values(vars(self), {"test_size": rule})

    def spell(self) -> list[str]:
        """Return the words of a command line that say how the data are read."""
        words = [] if self.path is None else [str(self.path)]
        for name in READING:
            if (value := getattr(self, name)) is not None:
                words += spell_reading(name, value)
        return words

    def refuse_without_file(self) -> None:
        """Raise UsageError where something says how a file is read, and there is none."""
        if self.path is None and (words := self.spell()):
            given = " ".join(words[:2])
            msg = f"{given} says how a file is read, and the built-in digits are none: give DATA"
            raise UsageError(msg)

    def open(self, path: Path, known_sha256: str | None = None) -> Source:
        """Return what is to be read at a path; with a hash, what has come through a pipe before."""
        return Source(path, self.max_size or MAX_SIZE, known_sha256)

    def over(self, settled: ReadOptions) -> ReadOptions:
        """Return what is settled of the reading, with what the user says over it."""
        given = {name: getattr(self, name) for name in READING if getattr(self, name) is not None}
        return replace(settled, **given)


def spell_reading(name: str, value: Any) -> list[str]:
    """Return the words of a command line that say how a data file is read in one respect."""
    text = "x".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
    return [f"--{name.replace('_', '-')}", f"{text}B" if name == "max_size" else text]


def settle_reading(known: DataRecord) -> ReadOptions:
    """Return how the run's data were read, so that they are read in the same way again."""
    if "form" not in known.layout:  # by an earlier version, which knew of nothing but the orientation
        return ReadOptions(orientation=known.orientation, polarity="bright", labels_mean="as-is")
    requested = dict(known.requested)
    if shape := requested.get("image_shape"):
        requested["image_shape"] = tuple(shape)
    return ReadOptions(orientation=known.requested_orientation, **requested)


def list_requests(wanted: ReadOptions) -> dict[str, Any]:
    """Return what was asked for beside the orientation, as JSON has it."""
    usual, content = asdict(ReadOptions()), asdict(wanted)
    names = set(content) - {"orientation", "max_size"}
    asked = {name: content[name] for name in content if name in names and content[name] != usual[name]}
    return {name: list(value) if isinstance(value, tuple) else value for name, value in asked.items()}
