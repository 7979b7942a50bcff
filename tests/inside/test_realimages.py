import pytest
import torch

from mnistffn.errors import DataError, UsageError
from mnistffn.inside.realimages import RealImages, Responses, find_varying
from mnistffn.network.network import AffineLayer, propagate


def test_real_images_are_measured() -> None:
    images = torch.zeros(300, 4, dtype=torch.uint8)
    images[:100, 0], images[100:, 1], images[:5, 2] = 51, 102, 1
    real = RealImages.of(images, (2, 2), 0.02)
    assert real.varying.tolist() == [[True, True], [False, False]], (
        "they vary in 100, 100, 5 and 0 of 300"
    )
    assert real.norm == pytest.approx(0.4)
    assert real.mean.flatten().tolist() == pytest.approx([0.2 / 3, 0.8 / 3, 5 / 255 / 300, 0])
    assert RealImages.of(images, (2, 2), 0).varying.tolist() == [[True, True], [True, False]]


def test_a_bright_frame_does_not_vary() -> None:
    """Constant is constant: dark or bright, whatever the order of the images."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 2, (5000, 3, 3), generator=generator, dtype=torch.uint8) * 200
    images[:, 0], images[:, 1, 0], images[::999, 0, 0] = 255, 7, 0
    real = RealImages.of(images.flatten(1), (3, 3), 0.05)
    assert real.varying.int().tolist() == [[0, 0, 0], [0, 1, 1], [1, 1, 1]]
    expected = torch.zeros(3, 3)
    expected[0], expected[1, 0] = 1, 7 / 255
    torch.testing.assert_close(real.frame, expected)
    norms = (images.float() / 255 * (expected == 0)).flatten(1).norm(dim=1)
    assert real.norm == pytest.approx(float(norms.median()))
    usual = find_varying(images.flatten(1).sort(dim=0).values, 0.05)
    assert torch.equal(usual[0].view(3, 3), real.varying)


def test_blank_images_cannot_bound_anything() -> None:
    with pytest.raises(DataError, match="blank"):
        RealImages.of(torch.zeros(9, 4, dtype=torch.uint8), (2, 2), 0.05)
    with pytest.raises(
        UsageError, match=r"varying=0.6 is too much: no pixel varies in so large a part"
    ):
        RealImages.of(torch.eye(4, dtype=torch.uint8), (2, 2), 0.6)


def test_the_extremes_are_those_of_all_images_whatever_the_batches() -> None:
    torch.manual_seed(0)
    layers = [
        AffineLayer(torch.randn(6, 9), torch.randn(6)),
        AffineLayer(torch.randn(4, 6), torch.randn(4)),
    ]
    X = torch.randint(0, 256, (9001, 9), dtype=torch.uint8)
    found = Responses.of(layers, X, 3)
    values = propagate(layers, X.float() / 255)[-1]
    order = values.argsort(dim=0, descending=True)
    assert torch.equal(found.most, order[:3].T)
    assert torch.equal(found.least, order.flip(0)[:3].T)
    torch.testing.assert_close(found.highest, values.amax(dim=0))
    torch.testing.assert_close(found.mean, values.mean(dim=0), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(found.std, values.std(dim=0), rtol=1e-3, atol=1e-5)
    assert Responses.of(layers, X[:2], 3).most.shape == (4, 2)
