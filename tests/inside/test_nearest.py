import numpy as np
import torch

from mnistffn.inside.nearest import find_nearest


def test_the_nearest_are_those_of_all_images_whatever_the_batches() -> None:
    generator = torch.Generator().manual_seed(0)
    X = torch.randint(0, 256, (9001, 12), generator=generator, dtype=torch.uint8)
    images = torch.rand(7, 12, generator=generator)
    images[3] = X[8888] / 255
    distances, rows = find_nearest(images, X, 5)
    every = np.linalg.norm(images.numpy()[:, None] - X.numpy() / 255, axis=2)
    np.testing.assert_array_equal(rows.numpy(), every.argsort(axis=1)[:, :5])
    np.testing.assert_allclose(distances.numpy(), np.sort(every, axis=1)[:, :5], atol=1e-6)
    assert (distances[3, 0], rows[3, 0]) == (0, 8888), "an equal image is at a distance of exactly 0"
    assert find_nearest(images, X[:2], 5)[1].shape == (7, 2)
