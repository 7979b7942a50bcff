import numpy as np
import pytest
import torch
from scipy.ndimage import map_coordinates

from mnistffn.errors import UsageError
from mnistffn.training.augment import Distortion, Strengths

NONE = {"rotation": 0, "scaling": 0, "shear": 0, "shift": 0, "elastic": 0}


def make_blob(height: int, width: int, row: float, column: float) -> torch.Tensor:
    """A soft dot at a known place, as one row of pixels."""
    rows, columns = torch.arange(height)[:, None], torch.arange(width)
    return torch.exp(-((rows - row) ** 2 + (columns - column) ** 2) / 4).reshape(1, -1)


def find_centre(image: torch.Tensor, shape: tuple[int, int]) -> tuple[float, float]:
    picture = image.view(shape)
    rows, columns = torch.arange(shape[0])[:, None], torch.arange(shape[1])
    total = picture.sum()
    return float((picture * rows).sum() / total), float((picture * columns).sum() / total)


@pytest.mark.parametrize("shape", [(8, 8), (28, 28), (20, 32)])
def test_without_strengths_images_stay_as_they_are(shape: tuple[int, int]) -> None:
    images = torch.rand(5, shape[0] * shape[1])
    torch.testing.assert_close(Distortion(shape, Strengths(**NONE))(images), images, atol=1e-5, rtol=0)


@pytest.mark.parametrize("shape", [(28, 28), (20, 40)])
def test_a_rotation_turns_about_the_centre_and_keeps_distances(shape: tuple[int, int]) -> None:
    torch.manual_seed(0)
    middle = ((shape[0] - 1) / 2, (shape[1] - 1) / 2)
    images = make_blob(*shape, middle[0] - 5, middle[1]).repeat(200, 1)
    distort = Distortion(shape, Strengths(**NONE | {"rotation": 40}))
    angles = []
    for image in distort(images):
        row, column = find_centre(image, shape)
        assert np.hypot(row - middle[0], column - middle[1]) == pytest.approx(5, abs=0.15)
        angles.append(np.degrees(np.arctan2(column - middle[1], middle[0] - row)))
    assert -41 < min(angles) < -35
    assert 35 < max(angles) < 41


def test_a_shift_moves_up_to_its_part_of_the_side() -> None:
    torch.manual_seed(0)
    shape = (20, 40)
    images = make_blob(*shape, 9.5, 19.5).repeat(300, 1)
    moved = Distortion(shape, Strengths(**NONE | {"shift": 0.1}))(images)
    centres = np.array([find_centre(image, shape) for image in moved]) - (9.5, 19.5)
    assert np.abs(centres).max(axis=0) == pytest.approx([2, 4], rel=0.05)


def test_scaling_changes_width_and_height_by_themselves() -> None:
    torch.manual_seed(0)
    shape = (41, 41)
    image = (make_blob(*shape, 10, 20) + make_blob(*shape, 20, 32)).repeat(200, 1)
    scaled = Distortion(shape, Strengths(**NONE | {"scaling": 0.25}))(image).view(-1, *shape)
    heights = np.array([20 - float(i[:, 18:23].sum(1).argmax()) for i in scaled])
    widths = np.array([float(i[18:23].sum(0).argmax()) - 20 for i in scaled])
    assert heights.min() / 10 == pytest.approx(0.75, abs=0.1)
    assert heights.max() / 10 == pytest.approx(1.25, abs=0.1)
    assert abs(np.corrcoef(heights, widths)[0, 1]) < 0.2


def test_a_shear_moves_the_top_against_the_middle_by_its_part_of_their_distance() -> None:
    torch.manual_seed(0)
    shape = (21, 41)
    images = make_blob(*shape, 4, 20).repeat(300, 1)
    sheared = Distortion(shape, Strengths(**NONE | {"shear": 0.4}))(images)
    centres = np.array([find_centre(image, shape) for image in sheared])
    assert centres[:, 0] == pytest.approx(4, abs=0.1)
    assert np.abs(centres[:, 1] - 20).max() == pytest.approx(0.4 * 6, rel=0.06)


def test_the_elastic_displacement_has_the_strength_and_width_that_are_asked_for() -> None:
    """Reads the displacements off two images whose grey is the row and the column of each pixel."""
    torch.manual_seed(0)
    side, n = 56, 400
    strengths = Strengths(**NONE | {"elastic": 0.03, "elastic_width": 0.1})
    ramp = torch.arange(side).float().repeat(side, 1).reshape(1, -1).repeat(n, 1)
    moved = Distortion((side, side), strengths)(ramp).view(n, side, side)
    inner = slice(10, -10)  # what comes from outside is 0, not a ramp
    field = (moved - ramp.view(n, side, side))[:, inner, inner].double()
    assert float(field.std()) == pytest.approx(0.03 * side, rel=0.05)
    per_pixel = field.std(dim=0)
    assert float(per_pixel.max() / per_pixel.min()) < 1.35, (
        "no place is distorted much more than another"
    )
    # White noise smoothed by a Gaussian of width s is correlated as exp(-d^2 / (4 s^2)).
    for distance in (3, 6, 9):
        a, b = field[:, :, distance:].flatten(), field[:, :, :-distance].flatten()
        expected = np.exp(-(distance**2) / (4 * (0.1 * side) ** 2))
        assert float(torch.corrcoef(torch.stack([a, b]))[0, 1]) == pytest.approx(expected, abs=0.08)


def test_it_agrees_with_an_independent_interpolation() -> None:
    torch.manual_seed(0)
    side = 28
    distort = Distortion((side, side), Strengths())
    grid = np.mgrid[:side, :side].astype(np.float32)
    ramps = torch.from_numpy(grid.reshape(2, -1)) + 100  # far from 0, which is what lies outside
    picture = torch.rand(1, side * side)
    state = torch.get_rng_state()
    maps = []
    for image in (*ramps, torch.ones(side * side), picture[0]):
        torch.set_rng_state(state)
        maps.append(distort(image[None])[0].view(side, side).numpy())
    inside = maps[2] > 0.9999
    assert inside.mean() > 0.6
    expected = map_coordinates(
        picture.view(side, side).numpy(), [maps[0] - 100, maps[1] - 100], order=1, mode="nearest"
    )
    np.testing.assert_allclose(maps[3][inside], expected[inside], atol=1e-3)


def test_nothing_is_ever_mirrored() -> None:
    torch.manual_seed(0)
    shape = (28, 28)
    left = make_blob(*shape, 14, 4).repeat(2000, 1)
    centres = [find_centre(image, shape)[1] for image in Distortion(shape, Strengths())(left)]
    assert max(centres) < 13.5


def test_every_image_is_distorted_in_its_own_way_and_equal_seeds_distort_equally() -> None:
    images = torch.rand(1, 784).repeat(3, 1)
    distort = Distortion((28, 28), Strengths())
    torch.manual_seed(5)
    first = distort(images)
    assert not torch.equal(first[0], first[1])
    torch.manual_seed(5)
    assert torch.equal(distort(images), first)


def test_a_strength_out_of_range_is_named() -> None:
    with pytest.raises(UsageError, match="rotation=200 must be an angle in degrees"):
        Strengths(rotation=200)
