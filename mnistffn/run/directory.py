"""The run directory: a folder that the commands share, in which a stage puts all its files or none."""

import os
import platform
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import wraps
from pathlib import Path
from typing import Any, BinaryIO, Concatenate, ParamSpec, TypeVar

from mnistffn.errors import RunDirectoryError
from mnistffn.run.files import (
    announce_renaming,
    clear_left_overs,
    finish_renaming,
    hash_file,
    read_json,
    replace_file,
)
from mnistffn.run.lock import LOCK, take_lock
from mnistffn.run.manifest import DATA, MANIFEST, DataRecord, Manifest, StageRecord, read_manifest
from mnistffn.run.stage import Stage
from mnistffn.wording import spell_command

P = ParamSpec("P")
R = TypeVar("R")

CACHE = ".data.npz"
PACKAGES = ("mnistffn", "torch", "skorch", "scikit-learn", "scipy", "numpy", "matplotlib")


class StaleWarning(UserWarning):
    """A file was made from something that has changed since."""


class RunDirectory:
    """A folder that the commands share.

    Parameters
    ----------
    path : str or path-like
        It is created when the first stage opens.

    Attributes
    ----------
    command : str or None
        What was typed to work in it, the directory aside; the command line sets it.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self.cache = self.path / CACHE
        self.command: str | None = None
        self._is_locked = False

    def spell(self, command: str) -> str:
        """Return a command that works in this directory, as a shell takes it."""
        return spell_command(command, self.path)

    def manifest(self) -> Manifest:
        """Return what ``run.json`` says, an empty manifest where there is none.

        Raises
        ------
        RunDirectoryError
            The file is damaged or of another schema.
        """
        return read_manifest(self.path)

    def read_json(self, name: str) -> dict[str, Any]:
        """Return the content of a JSON file that a stage has written.

        Raises
        ------
        RunDirectoryError
            The file is missing, damaged or of another schema.
        """
        return read_json(self.path / name)

    def write_cache(self, write: Callable[[BinaryIO], object]) -> None:
        """Let ``write`` fill the cache, which no stage counts on; do without if that fails."""
        with suppress(RunDirectoryError):
            replace_file(self.cache, write)

    @contextmanager
    def stage(
        self,
        name: str,
        *,
        command: str,
        options: Mapping[str, Any],
        reads: Sequence[str] = (),
        data: DataRecord | None = None,
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
        data : DataRecord or None
            What the manifest is to say of the data, where the stage reads them.

        Raises
        ------
        RunDirectoryError
            A file cannot be put in its place.
        """
        started = _now()
        inputs = {file: hash_file(self.path / file) for file in reads}
        if data is not None:
            inputs[DATA] = data.fingerprint
        stage = Stage(self.path, dict(options), inputs)
        try:
            yield stage
            written = self._commit(name, command, stage, started, data, {})
            if stage.drawings:
                stage.draw()
                try:
                    self._commit(name, command, stage, started, data, written)
                except RunDirectoryError as error:
                    msg = f"the pictures are not written ({error}); the results are kept"
                    warnings.warn(msg, stacklevel=3)
        finally:
            stage.discard()

    def find_stale(self, reads: Sequence[str], data: DataRecord | None = None) -> list[str]:
        """Return a message for every file that was made from something that has changed since.

        Parameters
        ----------
        reads : sequence of str
            Files of the run directory that a command is about to read.
        data : DataRecord or None
            The data that it is about to use; None for the manifest's own.

        Returns
        -------
        list of str
            Each names the file and the command to run again.
        """
        manifest = self.manifest()
        if data is not None:
            manifest = replace(manifest, data=data)
        messages = []
        for file in reads:
            for name, stage in manifest.find_makers(file):
                if reason := manifest.why_stale(stage, self.path):
                    again = f"run {self.spell(stage.command)} again"
                    messages.append(f"{file} is out of date, {reason}: {again}")
                elif hash_file(self.path / file) != stage.outputs[file]:
                    messages.append(f"{file} has changed since {name} wrote it")
        return messages

    def warn_if_stale(self, reads: Sequence[str], data: DataRecord | None = None) -> None:
        """Warn about files that were made from something that has changed since.

        Parameters
        ----------
        reads, data
            As :meth:`find_stale` takes them.

        Warns
        -----
        StaleWarning
            One for every such file, naming the command to run again.
        """
        for message in self.find_stale(reads, data):
            warnings.warn(StaleWarning(message), stacklevel=2)

    def find_current(self, name: str, file: str) -> StageRecord | None:
        """Return the stage that wrote a file; None if that is out of date, changed or not there."""
        manifest = self.manifest()
        stage = manifest.stages.get(name)
        if stage is None or manifest.why_stale(stage, self.path):
            return None
        is_there = hash_file(self.path / file) == stage.outputs.get(file)
        return stage if is_there else None

    def stale_commands(self) -> list[str]:
        """Return the commands whose files were made from something that has changed since."""
        manifest = self.manifest()
        stages = manifest.stages.values()
        return [stage.command for stage in stages if manifest.why_stale(stage, self.path)]

    def _commit(
        self,
        name: str,
        command: str,
        stage: Stage,
        started: str,
        data: DataRecord | None,
        written: Mapping[str, str],
    ) -> dict[str, str]:
        """Put what a stage has pending in its place, beside what it has ``written`` before."""
        manifest = self.manifest()
        pending = {file: hash_file(temporary) for file, temporary in stage.pending.items()}
        outputs = dict(written) | pending
        before = manifest.stages[name].outputs if name in manifest.stages else {}
        others = [file for other, s in manifest.stages.items() if other != name for file in s.outputs]
        dropped = set(before) - set(outputs) - {MANIFEST, *others}
        record = StageRecord(
            command, stage.options, _find_versions(), started, _now(), stage.inputs, outputs
        )
        stages = {**manifest.stages, name: record}
        files = dict(stage.pending)
        if blocked := [file for file in files if (self.path / file).is_dir()]:
            msg = f"{self.path / blocked[0]} is a folder where a file belongs: move it away"
            raise RunDirectoryError(msg)
        content = Manifest(data or manifest.data, stages).to_json()
        stage.write(MANIFEST, lambda file: file.write(content))
        announce_renaming(self.path, [*files, MANIFEST], sorted(dropped))
        stage.pending.clear()  # from here on they are not to be discarded
        finish_renaming(self.path)
        return outputs

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes from working in the directory, which is created where it is missing.

        What a killed command left half renamed is finished, and what else it left is removed. Who holds
        the lock already may take it again.

        Raises
        ------
        RunDirectoryError
            The directory cannot be written, or another process is at work in it.
        """
        if self._is_locked:
            yield
            return
        try:
            made = [folder for folder in (self.path, *self.path.parents) if not folder.exists()]
            self.path.mkdir(parents=True, exist_ok=True)
            lock = take_lock(self.path)
        except OSError as error:
            msg = f"the run directory {self.path} cannot be written: {error.strerror}"
            raise RunDirectoryError(msg) from error
        with lock:
            self._is_locked = True
            try:
                finish_renaming(self.path)
                clear_left_overs(self.path)
                yield
            finally:
                self._is_locked = False
                with suppress(OSError):
                    lock.truncate(0)
                if made:
                    self._remove_if_empty(made)

    def _remove_if_empty(self, made: Sequence[Path]) -> None:
        """Remove a directory of which nothing came, and folders made for it; what cannot go stays."""
        with suppress(OSError):
            if {path.name for path in self.path.iterdir()} <= {LOCK, CACHE}:
                self.cache.unlink(missing_ok=True)
                (self.path / LOCK).unlink()
                for folder in made:
                    folder.rmdir()


def exclusive(
    function: Callable[Concatenate[RunDirectory, P], R],
) -> Callable[Concatenate[RunDirectory, P], R]:
    """Let a function work on a run directory with the directory locked from beginning to end."""

    @wraps(function)
    def work(run: RunDirectory, /, *args: P.args, **kwargs: P.kwargs) -> R:
        with run.locked():
            return function(run, *args, **kwargs)

    return work


def _find_versions() -> dict[str, str]:
    from importlib.metadata import version  # noqa: PLC0415  # a tenth of the time that --help may take

    return {"python": platform.python_version()} | {package: version(package) for package in PACKAGES}


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
