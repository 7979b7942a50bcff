"""Pictures of the run directory made small enough to lie within the page."""

import io
import warnings
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

COLOURS = 256
SCALES = (0.6, 0.45, 0.34, 0.25)  # of full size; above them WebP saves nothing
NARROWEST = 320  # pixels


@dataclass(frozen=True)
class Encoded:
    """A picture as a page holds it: as an address, with its size in pixels and its scale."""

    src: str
    width: int
    height: int
    scale: float

    @classmethod
    def of(cls, content: bytes, kind: str, image: Image.Image, scale: float) -> "Encoded":
        """Return a picture from the bytes of its file."""
        return cls(f"data:image/{kind};base64,{b64encode(content).decode()}", *image.size, scale)


def encode_all(folder: Path, files: list[str], budget: int) -> dict[str, Encoded]:
    """Return the pictures among some files; those that are none are left out.

    Each is reduced to 256 colours, which takes two thirds of it. Where that is not enough for all of
    them to fit, the largest are drawn smaller.

    Parameters
    ----------
    folder : Path
    files : list of str
    budget : int
        Bytes that all of them may take within the page.
    """
    found = {file: encode(folder / file) for file in files}
    encoded = {file: picture for file, picture in found.items() if picture}
    for scale in SCALES:
        if _measure(encoded) <= budget:
            break
        share = budget / len(encoded)
        for file, picture in encoded.items():
            if len(picture.src) > share and picture.width > NARROWEST:
                encoded[file] = encode(folder / file, scale) or picture
    return encoded


def _measure(encoded: Mapping[str, Encoded]) -> int:
    return sum(len(picture.src) for picture in encoded.values())


def encode(path: Path, scale: float = 1.0) -> Encoded | None:
    """Return a picture in 256 colours, or at a part of its size; None for what is no picture."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path) as opened:
                image = _flatten(opened)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError, Warning):
        return None
    buffer = io.BytesIO()
    if scale < 1:
        size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
        image = image.resize(size, Image.Resampling.LANCZOS)
        image.save(buffer, "WEBP", quality=60, method=2)
        return Encoded.of(buffer.getvalue(), "webp", image, scale)
    reduced = image.quantize(COLOURS, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    reduced.save(buffer, "PNG", compress_level=6)
    return Encoded.of(buffer.getvalue(), "png", image, 1.0)


def _flatten(image: Image.Image) -> Image.Image:
    """Return a picture on white, without what it has of transparency."""
    coloured = image.convert("RGBA")
    ground = Image.new("RGBA", coloured.size, "white")
    return Image.alpha_composite(ground, coloured).convert("RGB")
