"""Which data a run works on, and which part of them is for testing."""

import os
import shlex
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnistffn.data import (
    Dataset,
    ReadOptions,
    Split,
    builtin_digits,
    read_dataset,
)
from mnistffn.data.cache import read_cache, read_layout, write_cache
from mnistffn.data.formats.source import Source, is_pipe
from mnistffn.data.repeats import count_shared, hash_images
from mnistffn.data.split import SplitKind, hash_content, split_dataset
from mnistffn.errors import DataError, RunDirectoryError
from mnistffn.progress import Progress
from mnistffn.run.directory import RunDirectory
from mnistffn.run.manifest import MANIFEST, DataRecord, is_read_alike
from mnistffn.run.options import DataOptions, list_requests, settle_reading
from mnistffn.run.telling import (
    describe_data,
    describe_file,
    describe_replacement,
    warn_of_another,
    warn_of_shared,
)

TEST_SIZE = 0.1


@dataclass(frozen=True)
class RunData:
    """A data set with its split, and its entry in the manifest."""

    dataset: Dataset
    split: Split
    record: DataRecord

    @property
    def X_train(self) -> NDArray[np.uint8]:
        """Training images as rows of pixels, shape (n_train, pixels)."""
        return self.dataset.flat[self.split.train]

    @property
    def y_train(self) -> NDArray[Any]:
        """Training labels, shape (n_train,)."""
        return self.dataset.labels[self.split.train]

    def resolve_seed(self, seed: int | None) -> int:
        """Return a command's own seed, or that of the split where none is given."""
        return self.record.split_seed if seed is None else seed


@dataclass(frozen=True)
class TestImages:
    """Images that a run's model is tested on.

    Attributes
    ----------
    dataset : Dataset
    index : ndarray of shape (n_test,), int64
        Rows for testing: the run's test part, or all rows of a file that the run knows nothing of.
    record : DataRecord or None
        What the manifest says of the data; None for other data than the run's.
    n_trained_on : int or None
        How many of them are also among the images that the model was trained on; None if nobody can
        tell, since the run's data are not there.
    own : RunData or None
        The run's data with their split; None if they are not there.
    """

    __test__ = False  # for pytest: no test

    dataset: Dataset
    index: NDArray[np.int64]
    record: DataRecord | None
    n_trained_on: int | None
    own: RunData | None


def open_run_data(
    run: RunDirectory,
    options: DataOptions,
    seed: int | None,
    progress: Progress,
    *,
    may_settle: bool = True,
) -> RunData:
    """Load the data of a run and split them.

    The first command of a run settles the data and the split, with its seed. Later ones find them in
    the manifest, whatever their own seed, so that no image that is held out is ever trained on; other
    data or another test size settle them anew.

    Parameters
    ----------
    run : RunDirectory
    options : DataOptions
    seed : int or None
        Seed of a new split; None for that of the one before, or else 0.
    progress : Progress
        Is told what was recognised, how the data are split and how the classes are balanced.
    may_settle : bool
        Whether other data than the manifest's may be settled on: not by a command that uses a model.

    Raises
    ------
    DataError
        The data cannot be read.
    RunDirectoryError
        The run's data file is not there, or has changed, and no other is given.
    """
    source = None if options.path is None else options.open(options.path)
    return _open(run, options, source, seed, progress, may_settle=may_settle)


def _open(
    run: RunDirectory,
    options: DataOptions,
    given: Source | None,
    seed: int | None,
    progress: Progress,
    *,
    may_settle: bool,
) -> RunData:
    """Load the data of a run from what was given as DATA, or from where the run has them."""
    known = run.manifest().data
    source = given or _locate(run, options, known, may_settle=may_settle)
    if source is None:
        options.refuse_without_file()
        warn_of_another(run.manifest(), progress)
    sha256 = builtin_digits().sha256 if source is None else source.sha256
    is_same = known is not None and sha256 == known.sha256
    if known and not is_same and not may_settle:
        msg = f"{source} is not the file that the model was trained on: give that as DATA"
        raise RunDirectoryError(msg)
    wanted = options.over(settle_reading(known) if known and is_same else ReadOptions())
    dataset = _load(run, source, wanted)
    test_size = options.test_size or (known.test_size if known else TEST_SIZE)
    if known and is_same and not options.resplit and options.groups is None:
        kind, unique = known.split, known.unique or options.unique
    else:
        kind, unique = _choose_split(dataset, options), options.unique
    settled = known and is_same and known.test_size == test_size
    split_seed = known.split_seed if known and (settled or seed is None) else seed or 0
    split = split_dataset(dataset, kind, test_size, split_seed, unique=unique)
    hashes = hash_images(dataset.images)
    record = DataRecord(
        path=None if source is None else source.place,
        sha256=dataset.sha256,
        n=len(dataset.labels),
        image_shape=dataset.image_shape,
        classes=tuple(dataset.classes.tolist()),
        orientation=dataset.layout.orientation,  # type: ignore[arg-type]
        requested_orientation=wanted.orientation,
        layout=asdict(dataset.layout),
        test_size=test_size,
        split_seed=split_seed,
        n_train=len(split.train),
        n_test=len(split.test),
        relative_path=_find_relative(run, source),
        split=kind,
        unique=unique,
        requested=list_requests(wanted),
        n_trained_on=count_shared(hashes, split.test, split.train),
        content=hash_content(dataset, hashes, split),
    )
    if known and not known.content and is_read_alike(known, record):
        record = replace(record, content="")  # an earlier version did not look at it
    describe_data(dataset, split, record, progress)
    if known and known.fingerprint != record.fingerprint:
        after = replace(run.manifest(), data=record)
        stale = [name for name, stage in after.stages.items() if after.why_stale(stage, run.path)]
        progress.note(f"warning: {describe_replacement(known, record, stale)}")
    return RunData(dataset, split, record)


def open_test_images(run: RunDirectory, options: DataOptions, progress: Progress) -> TestImages:
    """Load the images that a run's model is to be tested on.

    Raises
    ------
    RunDirectoryError
        The run's data file has changed, or nothing tells what the model was trained on, so that
        images for testing cannot be told from those for training.
    """
    known = run.manifest().data
    if known is None and options.path is None:
        manifest = run.path / MANIFEST
        msg = f"{manifest} does not tell what the model was trained on: give DATA or train again"
        raise RunDirectoryError(msg)
    source = None if options.path is None else options.open(options.path)
    if known and (source is None or source.sha256 == known.sha256):
        data = _open(run, options, source, None, progress, may_settle=False)
        return TestImages(data.dataset, data.split.test, data.record, data.record.n_trained_on, data)
    assert source is not None
    if known and source.place == known.path and not source.is_pipe:
        msg = f"{source} has changed since the model was trained on a part of it: train again"
        raise RunDirectoryError(msg)
    layout = read_layout(known.layout) if known else None
    dataset = read_dataset(source, options.over(ReadOptions()), layout)
    describe_file(dataset, progress)
    own = _open_own(run) if known else None
    n_trained_on = None if own is None else _count_trained_on(own, dataset)
    unknown = ", taking it that the model has not seen them" if n_trained_on is None else ""
    progress.note(f"test: all of these images{unknown}")
    if n_trained_on:
        warn_of_shared(n_trained_on, len(dataset.labels), progress)
    return TestImages(dataset, np.arange(len(dataset.labels)), None, n_trained_on, own)


def check_fits(dataset: Dataset, labels: NDArray[Any], n_features: int, classes: NDArray[Any]) -> None:
    """Raise RunDirectoryError unless a model takes these images and knows the labels in use."""
    height, width = dataset.image_shape
    if height * width != n_features:
        msg = (
            f"the model takes {n_features} pixels, but the images of {dataset.source} have "
            f"{height} by {width} = {height * width}: train on these data, or give the model's"
        )
        raise RunDirectoryError(msg)
    if unknown := np.setdiff1d(labels, classes).tolist():
        msg = f"{dataset.source} has the labels {unknown}, which the model was not trained on"
        raise RunDirectoryError(msg)


def _locate(
    run: RunDirectory, options: DataOptions, known: DataRecord | None, *, may_settle: bool
) -> Source | None:
    """Return where the data of a run are, None for the built-in digits."""
    if known is None or known.path is None:
        return None
    places = [Path(known.path)]
    if is_pipe(places[0]):
        return options.open(places[0], known.sha256)
    if known.relative_path is not None:
        places.append(run.path / known.relative_path)
    there = [place for place in places if place.is_file() or place.is_dir()]
    for place in there:
        if (source := options.open(place)).sha256 == known.sha256:
            return source
    if there:
        new = (
            "give it as DATA"
            if may_settle
            else f"run {run.spell(shlex.join(['train', str(there[0])]))}"
        )
        msg = f"{there[0]} has changed since the run began: to go on with the new file, {new}"
        raise RunDirectoryError(msg)
    msg = f"{known.path}, the run's data file, does not exist: give it as DATA"
    raise DataError(msg)


def _find_relative(run: RunDirectory, source: Source | None) -> str | None:
    """Return the way from the run directory to the data; none to the built-in digits and to pipes."""
    if source is None or source.is_pipe:
        return None
    return os.path.relpath(source.place, run.path.resolve())


def _choose_split(dataset: Dataset, options: DataOptions) -> SplitKind:
    if dataset.groups is not None:
        return "grouped"
    return "given" if dataset.test_rows is not None and not options.resplit else "stratified"


def _load(run: RunDirectory, source: Source | None, options: ReadOptions) -> Dataset:
    """Load a data set through the run's cache."""
    if source is None:
        return builtin_digits()
    dataset = read_cache(run.cache, source.path, source.sha256, options)
    if dataset is None:
        dataset = read_dataset(source, options)
        run.write_cache(lambda file: write_cache(file, dataset, options))
    return dataset


def _open_own(run: RunDirectory) -> RunData | None:
    """Return the run's own data, None where they are not to be had."""
    try:
        return open_run_data(run, DataOptions(), None, Progress(), may_settle=False)
    except (DataError, RunDirectoryError):
        return None


def _count_trained_on(data: RunData, dataset: Dataset) -> int:
    """Return how many images of another file are among those that the run's model was trained on."""
    if data.dataset.image_shape != dataset.image_shape:
        return 0
    theirs = hash_images(data.dataset.images)[data.split.train]
    return int(np.isin(hash_images(dataset.images), theirs).sum())
