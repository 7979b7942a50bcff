"""One picture, PNG, JPEG or another, as grey pixels."""

import warnings
from io import BytesIO
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from mnistffn.errors import DataError

# TIFF is not among them: its decoder writes messages of its own to the terminal.
FORMATS = ("PNG", "JPEG", "BMP", "GIF", "PPM", "WEBP")
MOST_PIXELS = 64_000_000
MOST_BYTES = 200_000_000
WHITE = 255

# What is a picture, but not read, by the place and value of its first bytes.
FOREIGN = {
    (4, b"ftyphei"): "a HEIC picture",
    (4, b"ftyphev"): "a HEIC picture",
    (4, b"ftypmif"): "a HEIC picture",
    (4, b"ftypavi"): "an AVIF picture",
    (0, b"II*\0"): "a TIFF picture",
    (0, b"MM\0*"): "a TIFF picture",
    (0, b"%PDF"): "a PDF document",
}


def read_picture(source: Path | IO[bytes], name: str = "") -> NDArray[np.uint8]:
    """Read a picture as a person sees it, in grey.

    It is turned as its EXIF data say, and what is transparent shows white paper. Colours become grey by
    their luma (ITU-R BT.601), 16 bits become 8. Of the pictures of a camera's file, the first is read.

    Parameters
    ----------
    source : Path or binary file
    name : str
        For messages; by default the path, or else "standard input".

    Returns
    -------
    ndarray of shape (height, width), uint8
        0 is black, 255 white.

    Raises
    ------
    DataError
        It cannot be read, is no picture, is damaged, holds several frames, or more than 64 million
        pixels.
    """
    name = name or (str(source) if isinstance(source, Path) else "standard input")
    content = _read_content(source, name)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(BytesIO(content), formats=FORMATS) as image:
                _check(image, name)
                ImageOps.exif_transpose(image, in_place=True)
                return _to_grey(image)
    except UnidentifiedImageError as error:
        msg = f"{name} is {_name_format(content)}: give a PNG or JPEG picture"
        raise DataError(msg) from error
    except (Image.DecompressionBombWarning, Image.DecompressionBombError, MemoryError) as error:
        msg = f"{name} has more pixels than the {MOST_PIXELS:,} that are read: make it smaller"
        raise DataError(msg) from error
    except DataError:
        raise
    except Exception as error:  # whatever the bytes of a damaged file provoke in its decoder
        reason = " ".join(str(error).split()) or type(error).__name__
        msg = f"{name} is damaged: {reason}"
        raise DataError(msg) from error


def _read_content(source: Path | IO[bytes], name: str) -> bytes:
    """Return the bytes of a picture, at once: Pillow would map a file that may change meanwhile."""
    try:
        if isinstance(source, Path):
            with source.open("rb") as file:
                content = file.read(MOST_BYTES + 1)
        else:
            content = source.read(MOST_BYTES + 1)
    except OSError as error:
        msg = f"{name} cannot be read: {error.strerror}"
        raise DataError(msg) from error
    if len(content) > MOST_BYTES:
        msg = f"{name} has more than {MOST_BYTES // 1_000_000} MB: make the picture smaller"
        raise DataError(msg)
    return content


def _check(image: Image.Image, name: str) -> None:
    """Refuse what would take too much memory, and what no single picture can stand for."""
    width, height = image.size
    if width * height > MOST_PIXELS:
        msg = f"{name} has {width} by {height} pixels: make it smaller than {MOST_PIXELS:,} pixels"
        raise DataError(msg)
    frames = getattr(image, "n_frames", 1)
    if frames > 1 and image.format != "MPO":  # which adds a depth map or a view from beside
        msg = f"{name} holds {frames} frames or pages: save the one that is meant as a PNG"
        raise DataError(msg)


def _to_grey(image: Image.Image) -> NDArray[np.uint8]:
    if image.mode.startswith("I;16") or (image.mode == "I" and image.format in ("PNG", "PPM")):
        values = np.asarray(image).astype(np.uint32)
        return ((values + 128) // 257).astype(np.uint8)
    if image.mode in ("I", "F"):
        msg = f"pixels of 32 bits ({image.mode}), and nothing tells what is white"
        raise ValueError(msg)
    if image.has_transparency_data:
        return _put_on_paper(image)
    if image.mode not in ("1", "L", "RGB"):
        image = image.convert("RGB")
    return np.asarray(image.convert("L"))


def _put_on_paper(image: Image.Image) -> NDArray[np.uint8]:
    """Return a picture on white paper, or on black paper where it is drawn in white alone."""
    pair = image.convert("RGBA").convert("LA")
    grey, alpha = (np.asarray(pair.getchannel(band)).astype(np.uint32) for band in "LA")
    shown = (grey * alpha + 127) // WHITE
    on_white = shown + WHITE - alpha
    is_white_on_white = on_white.min() > WHITE - 8 and shown.min() < WHITE - 8
    return (shown if is_white_on_white else on_white).clip(0, WHITE).astype(np.uint8)


def _name_format(content: bytes) -> str:
    if not content:
        return "empty"
    return next(
        (name for (place, mark), name in FOREIGN.items() if content.startswith(mark, place)),
        "no picture that can be read",
    )
