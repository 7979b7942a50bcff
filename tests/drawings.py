"""Digits on paper that nobody wrote: printed by fonts or drawn by strokes, and as if photographed."""

from functools import cache
from io import BytesIO
from pathlib import Path

import matplotlib as mpl
import numpy as np
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

FONTS = (
    "DejaVuSans", "DejaVuSans-Bold", "DejaVuSans-Oblique", "DejaVuSansMono", "DejaVuSerif",
    "DejaVuSerif-Italic", "STIXGeneral", "STIXGeneralItalic", "cmss10", "cmr10",
)  # fmt: skip
LETTERS = "AEFHKMRWXY"
SIDE = 640  # pixels of a sheet on which a digit is drawn

# Strokes of every digit as points that a smooth line goes through: x to the right, y down, in [0, 1].
# A point that stands twice in a row is a corner.
STROKES: dict[int, list[list[list[tuple[float, float]]]]] = {
    0: [[[(0.55, 0.0), (0.2, 0.15), (0.05, 0.5), (0.2, 0.88), (0.5, 1.0), (0.82, 0.85), (0.95, 0.5),
          (0.82, 0.15), (0.5, 0.01)]]],
    1: [[[(0.5, 0.0), (0.5, 1.0)]], [[(0.25, 0.22), (0.55, 0.0), (0.55, 0.0), (0.55, 1.0)]]],
    2: [[[(0.1, 0.22), (0.3, 0.03), (0.65, 0.02), (0.85, 0.25), (0.7, 0.52), (0.35, 0.8), (0.08, 0.98),
          (0.08, 0.98), (0.92, 0.96)]],
        [[(0.1, 0.25), (0.35, 0.02), (0.75, 0.08), (0.8, 0.35), (0.5, 0.7), (0.15, 0.95), (0.1, 0.8),
          (0.3, 0.78), (0.6, 0.97), (0.95, 0.88)]]],
    3: [[[(0.12, 0.12), (0.45, 0.0), (0.8, 0.12), (0.78, 0.36), (0.4, 0.48), (0.4, 0.48), (0.8, 0.58),
          (0.9, 0.8), (0.6, 0.99), (0.25, 0.97), (0.08, 0.84)]]],
    4: [[[(0.55, 0.0), (0.08, 0.62), (0.08, 0.62), (0.95, 0.62)], [(0.68, 0.32), (0.66, 1.0)]],
        [[(0.15, 0.03), (0.1, 0.5), (0.1, 0.5), (0.85, 0.48)], [(0.82, 0.0), (0.78, 1.0)]]],
    5: [[[(0.85, 0.02), (0.25, 0.03), (0.25, 0.03), (0.18, 0.42), (0.18, 0.42), (0.55, 0.36),
          (0.88, 0.58), (0.8, 0.88), (0.45, 1.0), (0.1, 0.9)]],
        [[(0.25, 0.05), (0.2, 0.42), (0.2, 0.42), (0.6, 0.38), (0.85, 0.65), (0.65, 0.95), (0.1, 0.95)],
         [(0.24, 0.05), (0.9, 0.02)]]],
    6: [[[(0.75, 0.02), (0.35, 0.25), (0.12, 0.65), (0.3, 0.96), (0.65, 0.97), (0.85, 0.75),
          (0.65, 0.54), (0.35, 0.58), (0.14, 0.75)]]],
    7: [[[(0.08, 0.04), (0.9, 0.04), (0.9, 0.04), (0.6, 0.45), (0.4, 1.0)]],
        [[(0.08, 0.06), (0.9, 0.03), (0.9, 0.03), (0.55, 0.5), (0.38, 1.0)],
         [(0.3, 0.5), (0.8, 0.47)]]],
    8: [[[(0.8, 0.15), (0.5, 0.0), (0.2, 0.17), (0.35, 0.42), (0.7, 0.58), (0.85, 0.82), (0.5, 1.0),
          (0.15, 0.83), (0.3, 0.58), (0.7, 0.38), (0.82, 0.17)]]],
    9: [[[(0.85, 0.2), (0.5, 0.0), (0.18, 0.2), (0.3, 0.46), (0.65, 0.45), (0.85, 0.18), (0.85, 0.18),
          (0.8, 0.6), (0.68, 1.0)]]],
}  # fmt: skip


@cache
def load_font(name: str, size: int) -> ImageFont.FreeTypeFont:
    """Load a face that comes with matplotlib."""
    return ImageFont.truetype(str(Path(mpl.get_data_path()) / "fonts" / "ttf" / f"{name}.ttf"), size)


def print_sign(sign: str, font: str) -> np.ndarray:
    """Return the ink of a printed digit or letter on a square sheet, (640, 640), float in [0, 1]."""
    image = Image.new("L", (SIDE, SIDE))
    place, face = (SIDE / 2, SIDE / 2), load_font(font, SIDE // 2)
    ImageDraw.Draw(image).text(place, sign, fill=255, font=face, anchor="mm")
    return np.asarray(image) / 255


def draw_zero(width: int = 400, height: int = 300) -> np.ndarray:
    """Return one dark ring on light paper, (width, height), without any chance in it."""
    y, x = np.indices((height, width))
    away = np.hypot((x - 200) / 45, (y - 150) / 70)
    return np.where(np.abs(away - 1) < 0.16, 40, 210).astype(np.uint8)


def draw_digit(digit: int, generator: np.random.Generator) -> np.ndarray:
    """Return the ink of a digit drawn by hand, more or less, (640, 640), float in [0, 1]."""
    variants = STROKES[digit]
    strokes = variants[generator.integers(len(variants))]
    height = SIDE * generator.uniform(0.35, 0.6)
    width = height * generator.uniform(0.5, 0.85)
    slant = generator.uniform(-0.1, 0.35)
    pen = max(2.0, height * generator.uniform(0.03, 0.13))
    image = Image.new("L", (SIDE, SIDE))
    canvas = ImageDraw.Draw(image)
    shake = {point: generator.normal(0, 0.025, 2) for stroke in strokes for point in stroke}
    for stroke in strokes:
        points = np.array([point + shake[point] for point in stroke])
        line = np.concatenate([_smooth(part) for part in _split_at_corners(points)])
        x = (line[:, 0] - 0.5) * width - (line[:, 1] - 0.5) * slant * height
        y = (line[:, 1] - 0.5) * height
        for across, down in zip(x + SIDE / 2, y + SIDE / 2, strict=True):
            radius = pen / 2
            canvas.ellipse((across - radius, down - radius, across + radius, down + radius), fill=255)
    return np.asarray(image) / 255


def _split_at_corners(points: np.ndarray) -> list[np.ndarray]:
    corners = [k + 1 for k in range(len(points) - 1) if np.array_equal(points[k], points[k + 1])]
    return np.split(points, corners)


def _smooth(points: np.ndarray) -> np.ndarray:
    """Return points close together on a Catmull-Rom line through some, (n, 2)."""
    padded = np.concatenate([2 * points[:1] - points[1:2], points, 2 * points[-1:] - points[-2:-1]])
    t = np.linspace(0, 1, 80)[:, None]
    pieces = []
    for a, b, c, d in zip(padded, padded[1:], padded[2:], padded[3:], strict=False):
        cubic = (
            2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3
        )
        pieces.append(cubic / 2)
    return np.concatenate(pieces)


def photograph(ink: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Return ink on a sheet as somebody might photograph it, uint8.

    The sheet is turned a little, cut out with margins of many sizes, grey or yellowish, lit from one
    side, at times with a soft shadow in it or dark at an edge; the picture is blurred, noisy, of many
    sizes, and packed as JPEG.
    """
    turned = ndimage.rotate(ink, generator.uniform(-8, 8), reshape=False, order=1)
    rows, columns = np.flatnonzero(turned.max(axis=1) > 0.5), np.flatnonzero(turned.max(axis=0) > 0.5)
    longer = max(rows[-1] - rows[0], columns[-1] - columns[0])
    margins = (longer * generator.uniform(0.1, 1.5, 4)).astype(int)
    sheet = np.pad(turned, SIDE)
    sheet = sheet[
        SIDE + rows[0] - margins[0] : SIDE + rows[-1] + margins[1],
        SIDE + columns[0] - margins[2] : SIDE + columns[-1] + margins[3],
    ]
    size = generator.uniform(90, 700) / max(sheet.shape)
    sheet = ndimage.zoom(sheet, size, order=1).clip(0, 1)
    height, width = sheet.shape
    y, x = np.indices(sheet.shape) / np.array([height, width])[:, None, None] - 0.5
    angle = generator.uniform(0, 2 * np.pi)
    side = np.cos(angle) * x + np.sin(angle) * y
    light = generator.uniform(0.55, 0.97) * (1 + generator.uniform(0, 0.7) * side)
    if generator.random() < 0.3:  # a soft shadow
        light *= 1 - generator.uniform(0.1, 0.4) / (
            1 + np.exp((side - generator.uniform(-0.4, 0.4)) * 25)
        )
    ink_level = generator.uniform(0.05, 0.55)  # of the light that ink gives back: marker to pencil
    picture = light * (1 - sheet * (1 - ink_level))
    if generator.random() < 0.2:  # the table shows at an edge
        picture[:, : max(1, int(0.04 * width))] = generator.uniform(0.05, 0.4)
    picture = ndimage.gaussian_filter(picture, generator.uniform(0, 1.2))
    picture += generator.normal(0, generator.uniform(0, 0.04), picture.shape)
    pixels = np.rint(255 * picture.clip(0, 1)).astype(np.uint8)
    packed = BytesIO()
    Image.fromarray(pixels).save(packed, "JPEG", quality=int(generator.integers(40, 95)))
    return np.asarray(Image.open(packed))


def make_pictures(kind: str, n: int, seed: int) -> tuple[list[np.ndarray], np.ndarray]:
    """Return pictures, n of each of ten signs, and which they are, 0 to 9.

    Parameters
    ----------
    kind : {"printed", "drawn", "letters"}
        Digits printed by all fonts in turn, digits drawn by hand, or letters printed by all fonts.
    """
    generator = np.random.default_rng(seed)
    places = np.repeat(np.arange(10), n)
    pictures = []
    for row, place in enumerate(places.tolist()):
        sign = (LETTERS if kind == "letters" else "0123456789")[place]
        font = FONTS[row % len(FONTS)]
        ink = draw_digit(place, generator) if kind == "drawn" else print_sign(sign, font)
        pictures.append(photograph(ink, generator))
    return pictures, places
