import pytest
import torch

from mnistffn.errors import DataError, UsageError
from mnistffn.inside.realimages import RealImages, Responses
from mnistffn.network.network import AffineLayer, propagate


def test_real_images_are_measured() -> None:
    images = torch.zeros(300, 4, dtype=torch.uint8)
    images[:100, 0], images[100:, 1], images[:5, 2] = 51, 102, 1
    real = RealImages.of(images, (2, 2), 0.02)
    assert real.lit.tolist() == [[True, True], [False, False]], "lit in 100, 200, 5 and 0 of 300"
    assert real.norm == pytest.approx(0.4)
    assert real.mean.flatten().tolist() == pytest.approx([0.2 / 3, 0.8 / 3, 5 / 255 / 300, 0])
    assert RealImages.of(images, (2, 2), 0).lit.tolist() == [[True, True], [True, False]]


def test_blank_images_cannot_bound_anything() -> None:
    with pytest.raises(DataError, match="blank"):
        RealImages.of(torch.zeros(9, 4, dtype=torch.uint8), (2, 2), 0.05)
    with pytest.raises(UsageError, match=r"lit=0.6: no pixel is lit in so large a part"):
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
