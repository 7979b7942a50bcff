"""``run.json``: which data a run is about, and what every stage has read and written.

A stage is one command's work. Hashes of what it read and wrote tell a later command when something that
a stage read has changed since: then what it wrote is *stale*.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, asdict, dataclass, field, fields, replace
from pathlib import Path
from types import UnionType
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from mnistffn.data.orientation import Orientation
from mnistffn.data.split import SplitKind
from mnistffn.errors import RunDirectoryError
from mnistffn.run.files import hash_file, read_json, to_json

MANIFEST = "run.json"
DATA = "data"  # stands for the data among the inputs of a stage

T = TypeVar("T")


@dataclass(frozen=True)
class DataRecord:
    """The data of a run, how they were read, and how they were split.

    Attributes
    ----------
    path : str or None
        None for the built-in digits.
    sha256 : str
        Of the file.
    n : int
        Images.
    image_shape : (int, int)
    classes : tuple of label
    orientation : str
        As it was recognised.
    requested_orientation : {"auto", "row-major", "column-major"}
    layout : dict
        What was recognised in the file: a :class:`~mnistffn.data.Layout`.
    test_size : float
    split_seed : int
    n_train, n_test : int
    relative_path : str or None
        From the run directory, for a run that was moved together with its data.
    split : {"random", "stratified", "grouped", "given"}
    unique : bool
        Whether images that occur a second time are left out.
    requested : dict
        What else was asked for when the file was read.
    n_trained_on : int
        Images for testing that are among those to train on as well.
    content : str
        A hash of the images, their shape and labels, and which are trained on; empty in runs of earlier
        versions.
    """

    path: str | None
    sha256: str
    n: int
    image_shape: tuple[int, ...]
    classes: tuple[Any, ...]
    orientation: Orientation
    requested_orientation: Orientation
    layout: dict[str, Any]
    test_size: float
    split_seed: int
    n_train: int
    n_test: int
    relative_path: str | None = None
    split: SplitKind = "random"
    unique: bool = False
    requested: dict[str, Any] = field(default_factory=dict)
    n_trained_on: int = 0
    content: str = ""

    @property
    def reading(self) -> str:
        """The fingerprint without the content: how the file is read and split."""
        return replace(self, content="").fingerprint

    @property
    def fingerprint(self) -> str:
        """A hash of what a stage reads of the data: the file, how it is read, and the split."""
        names = ("sha256", "orientation", "test_size", "split_seed")
        content = {name: getattr(self, name) for name in names}
        # What runs of earlier versions do not have counts only where it differs from what they did.
        content |= {"split": self.split} if self.split != "random" else {}
        content |= {"unique": True} if self.unique else {}
        content |= {"content": self.content} if self.content else {}
        for name, usual in (("polarity", "bright"), ("labels_mean", "as-is")):
            if (found := self.layout.get(name, usual)) != usual:
                content[name] = found
        return hashlib.sha256(to_json(content)).hexdigest()


def is_read_alike(one: DataRecord, other: DataRecord) -> bool:
    """Return whether two records differ in nothing but what was not recorded of the content."""
    names = ("images", "labels", "groups")
    first, second = (
        (record.reading, record.image_shape, [record.requested.get(name) for name in names])
        for record in (one, other)
    )
    return first == second


@dataclass(frozen=True)
class StageRecord:
    """What a stage did.

    Attributes
    ----------
    command : str
        The subcommand, with the options that tell it from other stages, as a message names it.
    options : dict
        Resolved options, seeds, threads and device.
    versions : dict of str to str
    started, ended : str
        ISO 8601, UTC.
    inputs, outputs : dict of str to str
        SHA-256 of every file, by its name in the run directory or its whole path; among the inputs,
        ``data`` is a fingerprint.
    """

    command: str
    options: dict[str, Any]
    versions: dict[str, str]
    started: str
    ended: str
    inputs: dict[str, str]
    outputs: dict[str, str]


@dataclass(frozen=True)
class Manifest:
    """The content of ``run.json``."""

    data: DataRecord | None = None
    stages: Mapping[str, StageRecord] = field(default_factory=dict)

    def to_json(self) -> bytes:
        """Return the text of the file."""
        return to_json(asdict(self))

    @property
    def looked_at(self) -> str:
        """What ``data`` was told of a file, while the run has no data yet; else empty."""
        if self.data is not None or DATA not in self.stages:
            return ""
        return self.stages[DATA].command.removeprefix(DATA).strip()

    def find_makers(self, file: str) -> Iterator[tuple[str, StageRecord]]:
        """Yield the stages that wrote a file, with their names."""
        return ((name, stage) for name, stage in self.stages.items() if file in stage.outputs)

    def why_stale(self, stage: StageRecord, folder: Path) -> str | None:
        """Return what has changed since a stage read it, or since what it read was made."""
        for name, digest in stage.inputs.items():
            if name == DATA:
                if self.data is None or self.data.fingerprint != digest:
                    return "the data or their split changed after it was made"
                continue
            if Path(name).is_absolute() and not Path(name).exists():
                continue  # a file of somebody else's, which is elsewhere now
            if hash_file(folder / name) != digest:
                return f"{name} changed after it was made"
            for _, maker in self.find_makers(name):
                if self.why_stale(maker, folder):
                    return f"{name}, which it was made from, is out of date itself"
        return None


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest of a folder, an empty one where there is none.

    Raises
    ------
    RunDirectoryError
        It is damaged or of another schema: the message names what is not as it should be. Or the
        folder is none.
    """
    path = folder / MANIFEST
    if folder.exists() and not folder.is_dir():
        msg = f"{folder} is a file: name a folder with --run-dir"
        raise RunDirectoryError(msg)
    if not path.exists():
        return Manifest()
    content = read_json(path)
    try:
        data = content[DATA]
        stages = content["stages"]
        if not isinstance(stages, dict):
            raise TypeError(_describe("stages", stages))
        return Manifest(
            None if data is None else _read(DataRecord, data, DATA),
            {name: _read(StageRecord, stage, name) for name, stage in stages.items()},
        )
    except (KeyError, TypeError) as error:
        msg = f"{path} is damaged ({error}): remove it and start again"
        raise RunDirectoryError(msg) from error


def _read(kind: type[T], content: Any, where: str) -> T:
    """Return a dataclass from a JSON object; KeyError or TypeError for one that does not fit."""
    if not isinstance(content, dict):
        raise TypeError(_describe(where, content))
    hints = get_type_hints(kind)
    found: dict[str, Any] = {}
    for entry in fields(kind):  # type: ignore[arg-type]  # mypy cannot say that T is a dataclass
        if entry.name not in content and (entry.default, entry.default_factory) != (MISSING, MISSING):
            continue
        value = content[entry.name]
        if not _fits(value, hints[entry.name]):
            raise TypeError(_describe(f"{where}.{entry.name}", value))
        found[entry.name] = tuple(value) if get_origin(hints[entry.name]) is tuple else value
    return kind(**found)


def _fits(value: Any, hint: Any) -> bool:
    """Return whether a value of a JSON file is what a dataclass's field asks for."""
    origin, kinds = get_origin(hint), get_args(hint)
    if origin is Literal:
        return value in kinds
    if origin is UnionType:
        return any(_fits(value, kind) for kind in kinds)
    if origin is tuple:
        return isinstance(value, list) and all(_fits(item, kinds[0]) for item in value)
    if origin is dict:
        return isinstance(value, dict) and all(_fits(item, kinds[1]) for item in value.values())
    return hint is Any or (isinstance(value, hint) and not (hint is int and isinstance(value, bool)))


def _describe(name: str, value: object) -> str:
    return f"{name} is {value!r}"
