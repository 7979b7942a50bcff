"""From a file to upright labelled images: what is read, and why it is read so."""

from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnistffn.data.dataset import Dataset, Layout, builtin_digits
from mnistffn.data.formats import MAX_SIZE, read_source, read_values
from mnistffn.data.formats.source import Source
from mnistffn.data.formats.variable import Variable
from mnistffn.data.images import read_images
from mnistffn.data.labels import LabelsMean, clean_labels, name_classes
from mnistffn.data.layout import Finder
from mnistffn.data.orientation import BOTH, Orientation, Settler, apply_meaning, check_parts, turn
from mnistffn.data.pixels import Polarity
from mnistffn.data.unused import list_unused
from mnistffn.errors import DataError

ORIENTATION = "orientation"  # variable that says how the pixels lie


@dataclass(frozen=True)
class ReadOptions:
    """What a user says about a data file; None and "auto" leave it to be recognised.

    Attributes
    ----------
    images, labels, groups : str or None
        Names of variables, with the way to them: ``dataset.train.images``, ``X{1}``; labels also as
        ``X(:,1)`` or ``X(:,end)``.
    orientation : {"auto", "row-major", "column-major"}
    polarity : {"auto", "bright", "dark"}
        Of the ink.
    labels_mean : {"auto", "as-is", "ten-is-zero", "digit-plus-one", "last-is-zero"}
    image_shape : (int, int) or None
        Height and width.
    max_size : int
        Bytes that a file may unpack to.
    """

    images: str | None = None
    labels: str | None = None
    groups: str | None = None
    orientation: Orientation = "auto"
    polarity: Polarity = "auto"
    labels_mean: LabelsMean = "auto"
    image_shape: tuple[int, int] | None = None
    max_size: int = MAX_SIZE


def load_dataset(
    path: str | PathLike[str] | None = None,
    *,
    images: str | None = None,
    labels: str | None = None,
    orientation: Orientation = "auto",
    polarity: Polarity = "auto",
    labels_mean: LabelsMean = "auto",
    image_shape: tuple[int, int] | None = None,
    max_size: int = MAX_SIZE,
) -> Dataset:
    """Read labelled images from a data file.

    Parameters
    ----------
    path : str or path-like, optional
        A MATLAB, NumPy, IDX or CSV file, or a folder of pictures by class. Without it, scikit-learn's
        built-in 8 by 8 digits are returned.
    images, labels, orientation, polarity, labels_mean, image_shape, max_size
        See :class:`ReadOptions`.

    Returns
    -------
    Dataset

    Raises
    ------
    DataError
        The file is not there, cannot be read, or does not hold labelled images, or it cannot be told
        which. The message names the variables that were found, with their shapes.

    Examples
    --------
    >>> dataset = load_dataset()
    >>> dataset.images.shape, dataset.images.dtype, dataset.source
    ((1797, 8, 8), dtype('uint8'), "scikit-learn's digits")
    """
    if path is None:
        return builtin_digits()
    options = ReadOptions(
        images, labels, None, orientation, polarity, labels_mean, image_shape, max_size
    )
    return read_dataset(Path(path), options)


def read_dataset(source: Path | Source, options: ReadOptions, known: Layout | None = None) -> Dataset:
    """Read labelled images from a data file.

    Parameters
    ----------
    source : Path or Source
    options : ReadOptions
    known : Layout or None
        How the data of the run were read, to which these belong: what they do not contradict is read
        in the same way, and not guessed anew.

    Raises
    ------
    DataError
        See :func:`load_dataset`.
    """
    if isinstance(source, Path):
        source = Source(source, options.max_size)
    path = source.path
    warnings: list[str] = []
    variables = read_source(source, warnings)

    def read(variable: Variable) -> NDArray[Any]:
        return read_values(path, variable, options.max_size)

    pairs, left_out = Finder(str(path), variables, read, options.images, options.labels).find()
    raw = [pair.raw_labels for pair in pairs]
    labels = clean_labels(str(path), raw)
    named = None if options.labels_mean != "auto" else name_classes(labels, variables, read)
    told = _find_orientation(variables, read) if options.orientation == "auto" else None
    asked = told or options.orientation
    images = read_images(
        str(path),
        pairs,
        orientation=asked,
        polarity=options.polarity,
        image_shape=options.image_shape,
        is_named=options.images is not None,
        known=known,
    )
    if named and named.labels.dtype.kind == "i":  # the names are digits
        labels = named.labels
    settler = Settler(
        str(path), images.values, labels, images.orientations, known, reason=images.reason
    )
    meanings = settler.compare(options.labels_mean)
    meaning, why_meaning = "as-is", f"named by {named.variable}" if named else ""
    if not named:
        meaning, why_meaning = settler.settle_meaning(options.labels_mean, meanings)
    orientation, why_orientation = settler.settle_orientation(asked, meaning, images.form)
    taken = {ORIENTATION if told else "", named.variable if named else ""}
    layout = Layout(
        images=", ".join(dict.fromkeys(pair.images for pair in pairs)),
        labels=", ".join(dict.fromkeys(pair.labels for pair in pairs)),
        value_range=str(images.scale),
        orientation=orientation,
        evidence="the file says so" if told else why_orientation,
        form=images.form,
        scale=(float(images.scale.low), float(images.scale.high)),
        scale_evidence=images.scale.reason,
        polarity=images.polarity,
        polarity_evidence=images.polarity_evidence,
        labels_mean=meaning,
        labels_evidence=why_meaning,
        unused=list_unused([v for v in variables if v.name not in taken], pairs),
        warnings=(*warnings, *left_out, *images.warnings, *settler.warnings),
    )
    groups = _find_groups(str(path), variables, read, options.groups, len(labels))
    ends = np.cumsum([0, *(len(pair.pixels) for pair in pairs)]).tolist()
    parts = {pair.part: (ends[k], ends[k + 1]) for k, pair in enumerate(pairs)}
    if len(parts) > 1 and not named and options.orientation == options.labels_mean == "auto":
        own = {part: (images.values[a:b], labels[a:b]) for part, (a, b) in parts.items()}
        check_parts(str(path), own, orientation, meaning, images.orientations)
    upright = turn(images.values, orientation)
    labels = named.labels if named else apply_meaning(labels, meaning)
    return Dataset(upright, labels, str(path), source.sha256, layout, parts, groups)


def _find_orientation(variables: Sequence[Variable], read: Any) -> Orientation | None:
    """Return how a file itself says that its pixels lie, as those do that this program writes."""
    for variable in variables:
        if variable.name == ORIENTATION and variable.kind == "text" and variable.size == 1:
            return next((name for name in BOTH if name == read(variable)[0]), None)
    return None


def _find_groups(
    source: str, variables: Sequence[Variable], read: Any, name: str | None, n: int
) -> NDArray[Any] | None:
    if name is None:
        return None
    matched = [v for v in variables if v.name == name]
    if not matched:
        found = ", ".join(map(str, variables[:12]))
        msg = f"{source} has no variable {name}; found {found}: give --groups one of these names"
        raise DataError(msg)
    values: NDArray[Any] = read(matched[0]).ravel()
    if len(values) != n:
        msg = f"{source}: {matched[0]} does not name a group for each of {n} images"
        raise DataError(msg)
    return values
