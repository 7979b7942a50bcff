"""Pictures in the forms that cameras, scanners and drawing programs write."""

import io
from itertools import product

import numpy as np
import pytest
from PIL import Image

from mnistffn.data.formats.picture import read_picture
from mnistffn.errors import DataError

GREY = np.random.default_rng(0).integers(0, 256, (20, 30)).astype(np.uint8)


def encode(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("kind", "mode"),
    [*product(("PNG", "BMP", "GIF"), ("L", "RGB", "P")), ("PPM", "L"), ("PPM", "RGB")],
)
def test_grey_pixels_are_read_as_they_are(kind: str, mode: str) -> None:
    image = Image.fromarray(GREY).convert(mode)
    expected = np.asarray(image.convert("L"))
    np.testing.assert_array_equal(read_picture(io.BytesIO(encode(image, kind))), expected)


@pytest.mark.parametrize("kind", ["PNG", "PPM"])
def test_of_16_bits_the_upper_8_are_kept(kind: str) -> None:
    image = Image.fromarray(GREY.astype(np.uint16) * 257)
    np.testing.assert_array_equal(read_picture(io.BytesIO(encode(image, kind))), GREY)


def test_one_bit_is_black_and_white() -> None:
    image = Image.fromarray(np.where(GREY > 99, 255, 0).astype(np.uint8)).convert("1")
    found = read_picture(io.BytesIO(encode(image, "PNG")))
    np.testing.assert_array_equal(found, np.where(GREY > 99, 255, 0))


def test_a_picture_is_turned_as_the_camera_says() -> None:
    turned = Image.Exif()
    turned[0x112] = 6  # the camera was held on its side: to be turned to the right
    image = Image.new("L", (30, 20))
    image.paste(255, (0, 0, 15, 10))
    found = read_picture(io.BytesIO(encode(image, "JPEG", exif=turned)))
    assert found.shape == (30, 20)
    assert (found > 128)[:14, 11:].all()
    assert not (found > 128)[16:].any()


@pytest.mark.parametrize(("ink", "paper"), [(0, 255), (255, 0)])
def test_what_is_transparent_is_paper_that_shows_the_ink(ink: int, paper: int) -> None:
    pixels = np.full((10, 10, 4), ink, np.uint8)
    pixels[..., 3] = 0
    pixels[2:5, 2:5, 3] = 255
    found = read_picture(io.BytesIO(encode(Image.fromarray(pixels), "PNG")))
    assert (found[3, 3], found[0, 0]) == (ink, paper)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "empty"),
        (b"digits", "no picture"),
        (b"\0\0\0\x18ftypheic0000", "a HEIC picture"),
        # A damaged one would be read as whatever its decoder makes of it, without an error.
        (encode(Image.fromarray(GREY).convert("1"), "TIFF", compression="group4"), "a TIFF picture"),
        (encode(Image.fromarray(GREY), "PNG")[:200], "damaged"),
        (encode(Image.new("1", (9000, 9000)), "PNG"), "9000 by 9000 pixels"),
        (encode(Image.new("1", (15000, 15000)), "PNG"), "more pixels than"),
        (
            encode(
                Image.new("L", (9, 9)), "GIF", save_all=True, append_images=[Image.new("L", (9, 9), 9)]
            ),
            "2 frames",
        ),
    ],
)
def test_what_cannot_be_read_is_told_in_one_line(content: bytes, told: str) -> None:
    with pytest.raises(DataError) as caught:
        read_picture(io.BytesIO(content))
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)
