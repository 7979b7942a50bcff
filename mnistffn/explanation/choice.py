"""Which images are to be explained, and how the network reads them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mnistffn.errors import UsageError
from mnistffn.evaluation.mistakes import choose_examples
from mnistffn.explanation.pixels import in_double
from mnistffn.inside.layer import OpenLayer
from mnistffn.inside.unitstats import BATCH
from mnistffn.network.network import AffineLayer, propagate
from mnistffn.network.tensors import as_float, as_tensor
from mnistffn.progress import Progress

MOST_IMAGES = 50  # a page each


@dataclass(frozen=True)
class Reading:
    """How the network reads one image.

    Attributes
    ----------
    index : int
        Of the image in the data set.
    label : int or None
        Index of its class; None for a picture of which nobody has said what it shows.
    prediction : int
        Index of the class that is read.
    rival : int
        Index of the class that the prediction is held against: of an error its label, of a hit the
        second most probable class.
    logits, probabilities : ndarray of shape (classes,), float64
    picture : str or None
        Name of a picture that is none of the data set.
    """

    index: int
    label: int | None
    prediction: int
    rival: int
    logits: NDArray[np.float64]
    probabilities: NDArray[np.float64]
    picture: str | None = None

    @property
    def is_right(self) -> bool:
        """Whether the network reads it as its label, or as what may be one."""
        return self.label is None or self.prediction == self.label

    @property
    def target(self) -> int:
        """The label, or, where there is none, the class that is read."""
        return self.prediction if self.label is None else self.label

    @classmethod
    def of(
        cls, index: int, label: int | None, logits: NDArray[np.float64], picture: str | None = None
    ) -> "Reading":
        """Rank the classes by their logits."""
        prediction, second = (int(place) for place in np.argsort(-logits, kind="stable")[:2])
        rival = second if label is None or prediction == label else label
        probabilities = torch.from_numpy(logits).softmax(dim=0).numpy()
        return cls(index, label, prediction, rival, logits, probabilities, picture)


def read_images(opened: OpenLayer, indices: Sequence[int], progress: Progress) -> list[Reading]:
    """Read images by the network, those that it reads most wrongly and least surely by default.

    Parameters
    ----------
    opened : OpenLayer
    indices : sequence of int
        Of images in the data set; may be empty.
    progress : Progress
        Is told of images that the network was trained on.

    Raises
    ------
    UsageError
        There is no such image, or there are more than 50.
    """
    data = opened.run_data
    chosen = list(dict.fromkeys(indices)) or _choose(opened)
    check_indices(chosen, len(data.dataset.labels))
    trained_on = np.intersect1d(chosen, data.split.train).tolist()
    if trained_on:
        which = ", ".join(map(str, trained_on))
        progress.note(f"trained on: {which}: what the network makes of these says little of new images")
    labels = np.searchsorted(opened.classes, data.dataset.labels[chosen])
    logits = compute_logits(opened.layers, as_tensor(data.dataset.flat[chosen]))
    rows = zip(chosen, labels.tolist(), logits.numpy(), strict=True)
    return [Reading.of(index, label, row) for index, label, row in rows]


def check_indices(indices: Sequence[int], n: int) -> None:
    """Raise UsageError unless the indices are of 50 images at the most, among ``n``."""
    if beyond := [index for index in indices if not 0 <= index < n]:
        msg = f"there is no image {beyond[0]}: the data have images 0 to {n - 1}"
        raise UsageError(msg)
    if len(indices) > MOST_IMAGES:
        msg = f"{len(indices)} images are too many for a page each: name {MOST_IMAGES} at the most"
        raise UsageError(msg)


def compute_logits(layers: Sequence[AffineLayer], X: Tensor) -> Tensor:
    """Return the logits of images (n, pixels), uint8, in double precision, (n, classes)."""
    exact = in_double(layers)
    return torch.cat([propagate(exact, as_float(batch).double())[-1] for batch in X.split(BATCH)])


def _choose(opened: OpenLayer) -> list[Any]:
    """Return the four surest errors and the four least sure hits of the test part."""
    test, dataset = opened.run_data.split.test, opened.run_data.dataset
    logits = compute_logits(opened.layers, as_tensor(dataset.flat[test]))
    targets = np.searchsorted(opened.classes, dataset.labels[test])
    correct = logits.argmax(dim=1).numpy() == targets
    kinds = choose_examples(logits.softmax(dim=1).numpy(), correct)
    rows = np.concatenate([kinds["sure and wrong"], kinds["unsure and right"]])
    return list(test[rows].tolist())
