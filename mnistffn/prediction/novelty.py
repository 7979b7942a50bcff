"""How far an image is from all training images, and whether that is unusual."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mnistffn.data.pixels import draw_rows
from mnistffn.inside.nearest import find_nearest
from mnistffn.network.tensors import as_float, as_tensor
from mnistffn.run.data import RunData

REFERENCES, HELD_OUT = 2000, 4000  # images
USUAL = 0.999  # part of the held-out images that are no further away than what is not unusual
FEWEST = 100  # held-out images


@dataclass(frozen=True, eq=False)
class Novelty:
    """Distances of images to the nearest of a sample of training images.

    Not all training images are looked at: the same sample serves for the images that were held out, so
    that these and an image of the same kind are compared fairly, whichever the sample is.

    Attributes
    ----------
    distance : ndarray of shape (n,), float64
        Euclidean, pixels in [0, 1].
    limit : float
        The 99.9th percentile of the distances of held-out images; the largest where they are fewer
        than 1,000.
    n_held_out, n_references : int
        Images.
    """

    distance: NDArray[np.float64]
    limit: float
    n_held_out: int
    n_references: int

    @property
    def is_new(self) -> NDArray[np.bool_]:
        """Whether each image is unlike anything in training, shape (n,)."""
        return self.distance > self.limit

    @classmethod
    def of(cls, images: NDArray[np.uint8], data: RunData) -> "Novelty | None":
        """Measure images (n, height, width); None where too few images were held out."""
        flat, train, test = data.dataset.flat, data.split.train, data.split.test
        if len(test) < FEWEST:
            return None
        references = as_tensor(flat[train[draw_rows(len(train), REFERENCES)]])
        held_out, own = (
            as_float(as_tensor(rows))
            for rows in (flat[test[draw_rows(len(test), HELD_OUT)]], images.reshape(len(images), -1))
        )
        usual, distance = (find_nearest(rows, references, 1)[0][:, 0] for rows in (held_out, own))
        limit = float(np.quantile(usual.numpy(), USUAL, method="higher"))
        return cls(distance.double().numpy(), limit, len(held_out), len(references))
