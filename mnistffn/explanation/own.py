"""Pictures of one's own among the images that are to be explained."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from mnistffn.data.frame import Frame
from mnistffn.data.pixels import Polarity
from mnistffn.errors import UsageError
from mnistffn.explanation.choice import Reading, check_indices, compute_logits
from mnistffn.inside.layer import OpenLayer
from mnistffn.network.tensors import as_tensor
from mnistffn.prediction.pictures import list_pictures
from mnistffn.prediction.preparation import prepare
from mnistffn.progress import Progress


@dataclass(frozen=True)
class OwnPictures:
    """Pictures that are to be explained.

    Attributes
    ----------
    paths : sequence of Path
        As predict takes them.
    label : str or None
        What all of them show, if that is known.
    as_is : bool
        Whether they are as the training images are already.
    polarity : {"auto", "bright", "dark"}
        Of the ink.
    """

    paths: Sequence[Path]
    label: str | None = None
    as_is: bool = False
    polarity: Polarity = "auto"

    def spell(self, picture: str) -> list[str]:
        """Return the words of a command line that explain one of them again."""
        words = ["--image", picture]
        words += [] if self.label is None else ["--label", self.label]
        words += ["--as-is"] if self.as_is else []
        return words + ([] if self.polarity == "auto" else ["--polarity", self.polarity])


def read_own(
    opened: OpenLayer, own: OwnPictures, progress: Progress
) -> tuple[OpenLayer, list[Reading]]:
    """Put pictures behind the images of the data, where the rest finds them by their index.

    Returns
    -------
    opened : OpenLayer
        With the pictures in its data, but in no part of the split.
    readings : list of Reading

    Raises
    ------
    DataError
        A picture cannot be read, or nothing is drawn in it.
    UsageError
        The label is none of the classes, or there are more than 50 pictures.
    """
    data = opened.run_data
    dataset, shape = data.dataset, data.dataset.image_shape
    label = _find_label(own.label, opened.classes)
    pictures = list_pictures(own.paths, shape, dataset.layout, own.polarity, progress)
    check_indices(range(len(pictures)), len(pictures))
    pages = [name_page({"file": picture.name}) for picture in pictures]
    if twice := sorted({page for page in pages if pages.count(page) > 1}):
        msg = f"several pictures would be written as {twice[0]}: explain them one by one, or rename one"
        raise UsageError(msg)
    frame = None if own.as_is else Frame.of(dataset.images[data.split.train])
    prepared = [prepare(picture, shape, frame, own.polarity) for picture in pictures]
    for doubt in (doubt for one in prepared for doubt in one.list_doubts()):
        progress.note(f"warning: {doubt}")
    images = np.stack([one.image for one in prepared])
    filling = np.repeat(dataset.labels[:1], len(images))  # is never looked at
    larger = replace(
        dataset,
        images=np.concatenate([dataset.images, images]),
        labels=np.concatenate([dataset.labels, filling]),
    )
    logits = compute_logits(opened.layers, as_tensor(images.reshape(len(images), -1))).numpy()
    first = len(dataset.labels)
    readings = [
        Reading.of(first + row, label, logits[row], picture.name)
        for row, picture in enumerate(pictures)
    ]
    return replace(opened, run_data=replace(data, dataset=larger)), readings


def name_page(content: Mapping[str, Any]) -> str:
    """Return the name of an image's files, without what they end in."""
    if content["file"] is None:
        return f"explain-{content['index']}"
    stem = re.sub(r"[^\w-]+", "-", Path(content["file"]).stem).strip("-") or "picture"
    return f"explain-picture-{stem}"


def _find_label(label: str | None, classes: Sequence[Any]) -> int | None:
    names = [str(name) for name in classes]
    if label is None:
        return None
    if label not in names:
        msg = f"--label {label} is no class of the network: it knows {', '.join(names[:20])}"
        raise UsageError(msg)
    return names.index(label)
