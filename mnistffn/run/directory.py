"""The run directory: lock, atomic writes, manifest, and which stage is stale.

A stage is one command's work: it reads files of the run directory and the data, and writes files. The
manifest, ``run.json``, records for every stage the hashes of what it read and wrote, so that a later
command can tell when something that a stage read has changed since.
"""

import csv
import hashlib
import io
import json
import os
import platform
import re
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import wraps
from pathlib import Path
from typing import Any, BinaryIO, Concatenate, ParamSpec, TypeVar

from mnistffn.errors import RunDirectoryError

P = ParamSpec("P")
R = TypeVar("R")

SCHEMA = 1
MANIFEST = "run.json"
LOCK = ".lock"
CACHE = ".data.npz"
TEMPORARY = ".tmp"
LEFT_OVER = re.compile(r"\.[\w.-]+\.(json|csv|npz|pt|png|gif)\.\d+\.tmp")
PACKAGES = ("mnistffn", "torch", "skorch", "scikit-learn", "scipy", "numpy", "matplotlib")


class StaleWarning(UserWarning):
    """A file was made from something that has changed since."""


@dataclass
class Stage:
    """The files that one command is about to put into the run directory.

    They are written under temporary names and renamed together when the stage ends well.
    """

    directory: Path
    options: dict[str, Any]
    inputs: dict[str, str]
    pending: dict[str, Path] = field(default_factory=dict)

    def write(self, name: str, write: Callable[[BinaryIO], object]) -> None:
        """Let ``write`` fill the file ``name``, and sync it to the disk.

        Raises
        ------
        RunDirectoryError
            The system does not let it, for want of space for example.
        """
        self.pending[name] = temporary = _name_temporary(self.directory / name)
        try:
            _write_synced(temporary, write)
        except OSError as error:
            msg = f"{self.directory / name} cannot be written: {error.strerror or error}"
            raise RunDirectoryError(msg) from error

    def write_json(self, name: str, content: Mapping[str, Any]) -> None:
        """Write ``content`` with the schema version in front."""
        self.write(name, lambda file: file.write(_to_json(content)))

    def write_csv(self, name: str, header: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Write a table with one header line."""
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows([header, *rows])
        self.write(name, lambda file: file.write(text.getvalue().encode()))

    def write_arrays(self, name: str, arrays: Mapping[str, Any]) -> None:
        """Write named NumPy arrays as .npz."""
        from numpy import savez_compressed  # noqa: PLC0415  # the only file here that needs more than Python

        self.write(name, lambda file: savez_compressed(file, **arrays))

    def write_figure(self, name: str, figure: Any) -> None:
        """Write a matplotlib figure as PNG, which is packed in half the time by a fifth less."""
        options = {"format": "png", "dpi": "figure", "pil_kwargs": {"compress_level": 1}}
        self.write(name, lambda file: figure.savefig(file, **options))

    def discard(self) -> None:
        """Remove what was written so far."""
        for temporary in self.pending.values():
            temporary.unlink(missing_ok=True)


class RunDirectory:
    """A folder that the five commands share.

    Parameters
    ----------
    path : str or path-like
        It is created when the first stage opens.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self.cache = self.path / CACHE

    def manifest(self) -> dict[str, Any]:
        """Return the content of ``run.json``, or an empty manifest where there is none.

        Raises
        ------
        RunDirectoryError
            The file is damaged or of another schema.
        """
        if not (self.path / MANIFEST).exists():
            return {"schema": SCHEMA, "data": None, "stages": {}}
        manifest = self.read_json(MANIFEST)
        try:
            _check_manifest(manifest)
        except (KeyError, TypeError) as error:
            msg = f"{self.path / MANIFEST} is damaged ({error}): remove it and start again"
            raise RunDirectoryError(msg) from error
        return manifest

    def read_json(self, name: str) -> dict[str, Any]:
        """Return the content of a JSON file that a stage has written.

        Raises
        ------
        RunDirectoryError
            The file is missing, damaged or of another schema.
        """
        path = self.path / name
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

    def write_cache(self, write: Callable[[BinaryIO], object]) -> None:
        """Let ``write`` fill the cache, which no stage counts on; do without if that fails."""
        temporary = _name_temporary(self.cache)
        try:
            _write_synced(temporary, write)
            temporary.replace(self.cache)
        except OSError:
            temporary.unlink(missing_ok=True)

    @contextmanager
    def stage(
        self,
        name: str,
        *,
        command: str,
        options: Mapping[str, Any],
        reads: Sequence[str] = (),
        data: Mapping[str, Any] | None = None,
    ) -> Iterator[Stage]:
        """Run a stage: write its files together at the end, and the manifest last.

        Files that the same stage wrote before, and now does not, are removed after that.

        The directory must be :meth:`locked` since before the stage's inputs were read, so that the
        manifest records what was read and not what another process has put in its place.

        Parameters
        ----------
        name : str
            The stage, such as ``train`` or ``fields-layer3``.
        command : str
            The subcommand, with the options that tell it from other stages, as a message names it.
        options : mapping
            Resolved options, seeds, threads and device; plain values. The stage may add to them.
        reads : sequence of str
            Files of the run directory that it reads.
        data : mapping or None
            The manifest's new entry on the data, where the stage reads them.

        Raises
        ------
        RunDirectoryError
            A file cannot be put in its place.
        """
        started = _now()
        inputs = {file: _hash(self.path / file) for file in reads}
        if data is not None:
            inputs["data"] = fingerprint(data)
        stage = Stage(self.path, dict(options), inputs)
        try:
            yield stage
            self._commit(name, command, stage, started, data)
        finally:
            stage.discard()

    def warn_if_stale(self, reads: Sequence[str], data: Mapping[str, Any] | None = None) -> None:
        """Warn about files among ``reads`` that were made from something that has changed since.

        Parameters
        ----------
        reads : sequence of str
            Files of the run directory that a command is about to read.
        data : mapping or None
            The entry on the data that it is about to use; None for the manifest's own.

        Warns
        -----
        StaleWarning
            One for every such file, naming the command to run again.
        """
        manifest = self.manifest()
        if data is not None:
            manifest["data"] = data
        for name, stage in manifest["stages"].items():
            for file in set(stage["outputs"]) & set(reads):
                if reason := self._why_stale(stage, manifest):
                    again = f"run mnistffn {stage['command']} again"
                    msg = f"{file} is out of date, {reason}: {again}"
                    warnings.warn(StaleWarning(msg), stacklevel=2)
                elif _hash(self.path / file) != stage["outputs"][file]:
                    msg = f"{file} has changed since {name} wrote it"
                    warnings.warn(StaleWarning(msg), stacklevel=2)

    def stale_commands(self) -> list[str]:
        """Return the commands whose files were made from something that has changed since."""
        manifest = self.manifest()
        stages = manifest["stages"].values()
        return [stage["command"] for stage in stages if self._why_stale(stage, manifest)]

    def _why_stale(self, stage: Mapping[str, Any], manifest: Mapping[str, Any]) -> str | None:
        """Return what has changed since a stage read it, or since what it read was made."""
        for name, digest in stage["inputs"].items():
            if name == "data":
                if manifest["data"] is None or fingerprint(manifest["data"]) != digest:
                    return "the data or their split changed after it was made"
                continue
            if _hash(self.path / name) != digest:
                return f"{name} changed after it was made"
            for maker in manifest["stages"].values():
                if name in maker["outputs"] and self._why_stale(maker, manifest):
                    return f"{name}, which it was made from, is out of date itself"
        return None

    def _commit(
        self, name: str, command: str, stage: Stage, started: str, data: Mapping[str, Any] | None
    ) -> None:
        from importlib.metadata import version  # noqa: PLC0415  # a tenth of the time that --help may take

        manifest = self.manifest()
        outputs = {file: _hash(temporary) for file, temporary in stage.pending.items()}
        manifest["data"] = data or manifest["data"]
        dropped = set(manifest["stages"].get(name, {}).get("outputs", {})) - set(outputs)
        stages = manifest["stages"].items()
        others = [file for other, entry in stages if other != name for file in entry["outputs"]]
        dropped -= {MANIFEST, *others}
        manifest["stages"][name] = {
            "command": command,
            "options": stage.options,
            "versions": {"python": platform.python_version()}
            | {package: version(package) for package in PACKAGES},
            "started": started,
            "ended": _now(),
            "inputs": stage.inputs,
            "outputs": outputs,
        }
        files = dict(stage.pending)
        if blocked := [file for file in files if (self.path / file).is_dir()]:
            msg = f"{self.path / blocked[0]} is a folder where a file belongs: move it away"
            raise RunDirectoryError(msg)
        stage.write_json(MANIFEST, manifest)
        for file in [*files, MANIFEST]:
            stage.pending[file].replace(self.path / file)
        for file in dropped:
            # A manifest that was tampered with must not reach out of the folder.
            if Path(file).name == file and (self.path / file).is_file():
                (self.path / file).unlink()
        _sync_folder(self.path)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes from working in the directory, which is created where it is missing.

        Raises
        ------
        RunDirectoryError
            The directory cannot be written, or another process is at work in it.
        """
        is_new = not self.path.exists()
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            lock = (self.path / LOCK).open("w")
        except OSError as error:
            msg = f"the run directory {self.path} cannot be written: {error.strerror}"
            raise RunDirectoryError(msg) from error
        with lock:
            _lock(lock.fileno(), self.path)
            for left_over in self.path.glob(f".*{TEMPORARY}"):
                if LEFT_OVER.fullmatch(left_over.name):
                    left_over.unlink(missing_ok=True)
            try:
                yield
            finally:
                if is_new and {path.name for path in self.path.iterdir()} <= {LOCK, CACHE}:
                    self.cache.unlink(missing_ok=True)
                    (self.path / LOCK).unlink()
                    self.path.rmdir()


def exclusive(
    function: Callable[Concatenate[RunDirectory, P], R],
) -> Callable[Concatenate[RunDirectory, P], R]:
    """Let a function work on a run directory with the directory locked from beginning to end."""

    @wraps(function)
    def work(run: RunDirectory, /, *args: P.args, **kwargs: P.kwargs) -> R:
        with run.locked():
            return function(run, *args, **kwargs)

    return work


def _name_temporary(path: Path) -> Path:
    return path.with_name(f".{path.name}.{os.getpid()}{TEMPORARY}")


def _write_synced(path: Path, write: Callable[[BinaryIO], object]) -> None:
    with path.open("wb") as file:
        write(file)
        file.flush()
        os.fsync(file.fileno())


def _check_manifest(manifest: Mapping[str, Any]) -> None:
    """Raise KeyError or TypeError unless what later commands rely on is there and of its type."""
    _check_type("stages", manifest["stages"], dict)
    for name, stage in manifest["stages"].items():
        for key, kind in (("command", str), ("inputs", dict), ("outputs", dict)):
            _check_type(f"{name}.{key}", stage[key], kind)
    data = manifest["data"]
    if data is None:
        return
    for key in ("sha256", "orientation", "requested_orientation"):
        _check_type(key, data[key], str)
    _check_type("path", data["path"], (str, type(None)))
    _check_type("test_size", data["test_size"], float)
    _check_type("split_seed", data["split_seed"], int)
    _check_type("image_shape", data["image_shape"], list)
    for length in data["image_shape"]:
        _check_type("image_shape", length, int)


def _check_type(name: str, value: object, kind: type | tuple[type, ...]) -> None:
    if not isinstance(value, kind):
        msg = f"{name} is {value!r}"
        raise TypeError(msg)


def fingerprint(data: Mapping[str, Any]) -> str:
    """Return a hash of the data that a stage reads: the file, its orientation and the split."""
    relevant = {key: data[key] for key in ("sha256", "orientation", "test_size", "split_seed")}
    return hashlib.sha256(_to_json(relevant)).hexdigest()


def _to_json(content: Mapping[str, Any]) -> bytes:
    text = json.dumps({"schema": SCHEMA} | dict(content), indent=2, allow_nan=False)
    return f"{text}\n".encode()


def _hash(path: Path) -> str:
    """Return the SHA-256 of a file, or an empty string where there is none."""
    with suppress(FileNotFoundError), path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
    return ""


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _sync_folder(path: Path) -> None:
    """Make renames in a folder durable, where the system can."""
    with suppress(OSError):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _lock(descriptor: int, path: Path) -> None:
    """Take an exclusive lock that the system releases when the process ends, however it ends."""
    try:
        import fcntl  # noqa: PLC0415  # not on Windows, where nothing is locked
    except ImportError:
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        msg = f"another mnistffn is at work in {path}: wait for it, or take another --run-dir"
        raise RunDirectoryError(msg) from error
