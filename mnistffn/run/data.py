"""Which data a run works on, and which part of them is for testing."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnistffn.data import Dataset, Split, describe_balance, load_dataset, split_labels
from mnistffn.data.cache import read_cache, write_cache
from mnistffn.data.dataset import hash_file
from mnistffn.data.orientation import Orientation
from mnistffn.errors import RunDirectoryError, UsageError
from mnistffn.progress import Progress
from mnistffn.run.directory import RunDirectory
from mnistffn.run.manifest import MANIFEST, DataRecord

TEST_SIZE = 0.1


@dataclass(frozen=True)
class DataOptions:
    """What a user says about the data; None leaves it to the run directory, or else the default.

    Attributes
    ----------
    path : Path or None
    orientation : {"auto", "row-major", "column-major"} or None
    test_size : float in (0, 1) or None
    """

    path: Path | None = None
    orientation: Orientation | None = None
    test_size: float | None = None

    def __post_init__(self) -> None:
        if self.test_size is not None and not 0 < self.test_size < 1:
            msg = f"test_size={self.test_size} must be in (0, 1)"
            raise UsageError(msg)


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
    def y_train(self) -> NDArray[np.int64]:
        """Training labels, shape (n_train,)."""
        return self.dataset.labels[self.split.train]

    def resolve_seed(self, seed: int | None) -> int:
        """Return a command's own seed, or that of the split where none is given."""
        return self.record.split_seed if seed is None else seed


def open_run_data(
    run: RunDirectory, options: DataOptions, seed: int | None, progress: Progress
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

    Raises
    ------
    DataError
        The data cannot be read.
    """
    known = run.manifest().data
    path = options.path or (Path(known.path) if known and known.path else None)
    same_file = known and (options.path is None or _has_hash(options.path, known.sha256))
    inherited = known.requested_orientation if known and same_file else "auto"
    orientation = options.orientation or inherited
    dataset = _load(run, path, orientation)
    test_size = options.test_size or (known.test_size if known else TEST_SIZE)
    settled = known and known.sha256 == dataset.sha256 and known.test_size == test_size
    split_seed = known.split_seed if known and (settled or seed is None) else seed or 0
    split = split_labels(dataset.labels, test_size, split_seed)
    _describe(dataset, split, split_seed, progress)
    record = DataRecord(
        path=None if dataset.is_builtin else str(Path(dataset.source).resolve()),
        sha256=dataset.sha256,
        n=len(dataset.labels),
        image_shape=dataset.image_shape,
        classes=tuple(dataset.classes.tolist()),
        orientation=dataset.layout.orientation,
        requested_orientation=orientation,
        layout=asdict(dataset.layout),
        test_size=test_size,
        split_seed=split_seed,
        n_train=len(split.train),
        n_test=len(split.test),
    )
    return RunData(dataset, split, record)


def open_test_images(
    run: RunDirectory, options: DataOptions, progress: Progress
) -> tuple[Dataset, NDArray[np.int64], DataRecord | None]:
    """Load the images that a run's model is to be tested on.

    Returns
    -------
    dataset : Dataset
    index : ndarray of shape (n_test,), int64
        Rows for testing: the run's test part, or all rows of a file that the run knows nothing of.
    record : DataRecord or None
        What the manifest says of the data; None for other data than the run's.

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
    if known and (options.path is None or _has_hash(options.path, known.sha256)):
        run_data = open_run_data(run, options, None, progress)
        return run_data.dataset, run_data.split.test, run_data.record
    if known and options.path and str(options.path.resolve()) == known.path:
        msg = f"{options.path} has changed since the model was trained on a part of it: train again"
        raise RunDirectoryError(msg)
    inherited: Orientation = known.requested_orientation if known else "auto"
    dataset = load_dataset(options.path, orientation=options.orientation or inherited)
    _describe_file(dataset, progress)
    progress.note("test: all of these images, taking it that the model has not seen them")
    return dataset, np.arange(len(dataset.labels)), None


def check_fits(
    dataset: Dataset, labels: NDArray[np.int64], n_features: int, classes: NDArray[Any]
) -> None:
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


def _load(run: RunDirectory, path: Path | None, orientation: Orientation) -> Dataset:
    """Load a data set through the run's cache."""
    if path is None:
        return load_dataset(orientation=orientation)
    dataset = read_cache(run.cache, path, orientation)
    if dataset is None:
        dataset = load_dataset(path, orientation=orientation)
        run.write_cache(lambda file: write_cache(file, dataset, orientation))
    return dataset


def _has_hash(path: Path, sha256: str) -> bool:
    return path.is_file() and hash_file(path) == sha256


def _describe(dataset: Dataset, split: Split, split_seed: int, progress: Progress) -> None:
    _describe_file(dataset, progress)
    balance, problem = describe_balance(dataset.labels, split)
    progress.note(
        f"split: {len(split.train):,} to train on, {len(split.test):,} for testing "
        f"(seed {split_seed}); {balance}"
    )
    if problem:
        progress.note(f"warning: {problem}")


def _describe_file(dataset: Dataset, progress: Progress) -> None:
    height, width = dataset.image_shape
    layout = dataset.layout
    if dataset.is_builtin:
        progress.note("data: no file given, so scikit-learn's built-in digits (8 by 8 pixels)")
    else:
        progress.note(f"data: {dataset.source}: {layout.images}, {layout.labels}")
    progress.note(
        f"images: {len(dataset.labels):,} of {height} by {width} pixels, "
        f"values {layout.value_range}, {layout.orientation} ({layout.evidence})"
    )
