"""From a photograph to an image as those of a data set are."""

import numpy as np
import pytest
from drawings import draw_digit, photograph
from PIL import Image, ImageDraw

from mnistffn.data import builtin_digits
from mnistffn.data.frame import Frame, find_boxes, find_masses, measure_thickness
from mnistffn.data.laying import lay_out
from mnistffn.data.photograph import find_polarity, find_shape

MNIST = Frame((28, 28), (20, 20), (0.3, 1.25), "mass", (14, 14), (1.8, 3.3), (60, 150), 255)


def draw_page(
    *lines: tuple[int, ...], width: int = 10, size: tuple[int, int] = (300, 400)
) -> np.ndarray:
    """Return a page with dark lines, each given by x and y of its points."""
    image = Image.new("L", size[::-1], 215)
    for line in lines:
        ImageDraw.Draw(image).line(line, fill=45, width=width)
    noise = np.random.default_rng(0).normal(0, 3, size)
    return (np.asarray(image) + noise).clip(0, 255).astype(np.uint8)


def make_mnist_like(n: int = 60) -> np.ndarray:
    """Return images in MNIST's frame: 20 by 20 with the centre of mass in the middle of 28 by 28."""
    generator = np.random.default_rng(0)
    inks = [draw_digit(digit, generator) > 0.5 for digit in list(range(10)) * (n // 10)]
    shapes = (ink[np.ix_(ink.any(axis=1), ink.any(axis=0))] for ink in inks)
    return np.stack([lay_out(shape, MNIST) for shape in shapes])


def test_the_frame_of_a_data_set_is_measured() -> None:
    frame = Frame.of(make_mnist_like())
    assert (frame.shape, frame.centring, frame.peak) == ((28, 28), "mass", 255)
    assert frame.box[0] == 20
    assert frame.centre == pytest.approx((14, 14), abs=0.1)
    assert 1.7 < frame.thickness[0] < frame.thickness[1] < 3.4
    digits = Frame.of(builtin_digits().images)
    assert (digits.shape, digits.centring, digits.peak) == ((8, 8), "box", 255)
    assert digits.box[0] == 8, "they fill their frame from top to bottom"
    assert digits.centre[0] == 3.5


@pytest.mark.parametrize("width", [6, 14, 40])
def test_the_thickness_of_strokes_is_measured(width: int) -> None:
    page = np.zeros((200, 200))
    page[20:180, 100 : 100 + width] = 1
    assert measure_thickness(page) == pytest.approx(width, rel=0.25)
    assert measure_thickness(page / 3) == pytest.approx(measure_thickness(page))


@pytest.mark.parametrize("width", [4, 10, 26])
def test_a_shape_is_laid_out_as_mnist_was_made(width: int) -> None:
    found = find_shape(draw_page((150, 60, 230, 60, 170, 240), width=width))
    image = lay_out(found.ink, MNIST)
    [top, left, height, wide] = find_boxes(image[None].astype(np.float32))[:, 0]
    assert max(height, wide) == 20
    assert min(top, left) >= 0
    assert find_masses(image[None].astype(np.float32))[:, 0] == pytest.approx((14, 14), abs=0.51)
    assert 1.7 < measure_thickness(image.astype(float)) < 3.4
    assert image.max() == 255
    assert image[0].max() == image[:, 0].max() == 0
    proportion = found.ink.shape[1] / found.ink.shape[0]
    assert wide / height == pytest.approx(proportion, abs=0.15)


def test_a_stroke_is_as_wide_as_the_narrowest_images_are() -> None:
    found = find_shape(draw_page((200, 60, 200, 240), width=4))
    assert find_boxes(lay_out(found.ink, MNIST)[None].astype(np.float32))[3, 0] >= 0.3 * 20 - 1


@pytest.mark.parametrize("polarity", ["dark", "bright"])
def test_the_box_and_the_ink_are_those_of_the_drawing(polarity: str) -> None:
    page = draw_page((150, 60, 250, 60, 250, 240))
    found = find_shape(page if polarity == "dark" else 255 - page)
    assert found.polarity == polarity
    assert found.n_shapes == 1
    assert not found.touches
    assert found.box == pytest.approx((55, 150, 185, 105), abs=5)
    rows, columns = found.ink.shape
    assert found.ink[: rows // 20, columns // 2].any()
    assert not found.ink[rows // 2, : columns // 2].any()


def test_shading_shadows_and_what_lies_along_the_edge_are_no_ink() -> None:
    page = draw_page((150, 80, 250, 80, 170, 230), width=8).astype(float)
    y, x = np.indices(page.shape)
    page *= (0.4 + 0.6 * x / 400) * np.where(y > 150, 0.75, 1)
    page[:, :14] = 20
    page[:9] = 60
    page[40, 40] = page[41, 40] = 0  # a speck
    found = find_shape(page.astype(np.uint8))
    assert found.box == pytest.approx((76, 148, 156, 106), abs=6)
    assert found.n_shapes == 1


def test_strokes_that_nearly_meet_are_one_shape_and_others_are_counted() -> None:
    five = ((240, 60, 160, 60), (160, 68, 160, 150, 230, 160, 230, 240, 150, 240))
    assert find_shape(draw_page(*five)).n_shapes == 1
    far = find_shape(draw_page((80, 60, 80, 240), (250, 60, 320, 60, 280, 240)))
    assert far.n_shapes == 2
    assert far.box[1] > 200, "the largest"


@pytest.mark.parametrize("kind", ["white", "noise", "gradient", "edge", "corner", "frame", "dot"])
def test_an_empty_page_is_told(kind: str) -> None:
    generator = np.random.default_rng(0)
    y, x = np.indices((300, 400))
    pages = {
        "white": np.full((300, 400), 255.0),
        "noise": generator.normal(200, 8, (300, 400)),
        "gradient": 30 + x / 2.0,
        "edge": np.where(x < 20, 30.0, 220.0),
        "corner": np.where(x + y < 130, 90.0, 210.0),
        "frame": np.where((x < 9) | (x > 390) | (y < 9) | (y > 290), 20.0, 220.0),
        "dot": np.where((x - 200) ** 2 + (y - 150) ** 2 < 9, 20.0, 220.0),
    }
    page = pages[kind] + (kind != "white") * generator.normal(0, 2, (300, 400))
    assert find_shape(page.clip(0, 255).astype(np.uint8)) is None


@pytest.mark.parametrize("shape", [(1, 1), (1, 500), (500, 2), (8, 8), (28, 28)])
def test_pictures_of_any_shape_are_looked_at(shape: tuple[int, int]) -> None:
    noise = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    for page in (noise, np.zeros(shape, np.uint8), np.full(shape, 255, np.uint8)):
        found = find_shape(page)
        assert found is None or lay_out(found.ink, MNIST).max() == 255


def test_images_in_a_frame_come_out_as_they_went_in() -> None:
    images = make_mnist_like(30)
    for image in images:
        assert find_polarity(image) == "bright"
        again = lay_out(find_shape(image).ink, MNIST).astype(float)
        assert np.corrcoef(again.ravel(), image.ravel())[0, 1] > 0.85


def test_photographs_of_one_drawing_look_alike() -> None:
    ink = draw_digit(3, np.random.default_rng(1))
    images = [
        lay_out(find_shape(photograph(ink, np.random.default_rng(seed))).ink, MNIST)
        .astype(float)
        .ravel()
        for seed in range(8)
    ]
    assert np.corrcoef(images).min() > 0.4
