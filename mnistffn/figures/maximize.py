"""Pictures of maximizing images, and of the ascent to them."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, BinaryIO

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

from mnistffn.figures.mosaic import (
    MOST_CAPTIONS,
    MOST_COLUMNS,
    Tiles,
    choose_columns,
    draw_mosaic,
    join_tiles,
)

LEGEND = """\
excites most, excites least: training images; best: the highest value of one
neighbours: the class of most of the five nearest training images, and how many are of it
unusual: part of the held-out images that are nearer to the training images
starts agree: mean correlation between the images that different starts end in
after a shift: what a small shift leaves of the value"""
RED = "; red: not what was asked for"
ROWS = {"maximizing": "maximizing", "most 1": "excites most", "least 1": "excites least"}
NEIGHBOURS = 5
FRAME_SECONDS = 0.08
LAST_SECONDS = 2.0


def draw_maximized(
    rows: Mapping[str, NDArray[np.float32]], scores: Sequence[Mapping[str, Any]], heading: str
) -> Figure:
    """Draw maximizing images, their scorecards, and real images beside them.

    Up to a dozen stand in columns, more of them as rows of three: the maximizing image, the real image
    that excites most and the one that excites least. Those with a problem stand out in red.

    Parameters
    ----------
    rows : mapping of str to ndarray of shape (u, height, width), float32
        By what they are; the first are the maximizing images.
    scores : sequence of mapping
        What maximize-layer<i>.json holds of every image.
    heading : str
    """
    names = [score["objective"] for score in scores]
    marked = [row for row, score in enumerate(scores) if score["problem"]]
    red = RED * bool(marked)
    if len(scores) <= MOST_COLUMNS:
        cards = ["\n".join(describe_score(score)) for score in scores]
        captions = [*cards, *[""] * (len(scores) * (len(rows) - 1))]
        titles = [*names, *captions[len(names) :]]
        stacked = np.concatenate(list(rows.values()))
        labels = [ROWS.get(name, name.partition(" ")[2]) for name in rows]
        tiles = Tiles(stacked, len(scores), titles, captions, labels, marked=marked)
    else:
        kinds = [name for name in rows if name.endswith("1") or name == next(iter(rows))]
        blocks = join_tiles([rows[kind] for kind in kinds], len(kinds))
        short = len(scores) > MOST_CAPTIONS
        captions = ["\n".join(describe_score(score, is_short=short)) for score in scores]
        tiles = Tiles(blocks, choose_columns(len(scores)), names, captions, marked=marked)
        heading += (
            "\nSide by side: the maximizing image, the training image that excites most, and least"
        )
        if short:
            heading += f"{red}\nBelow: value in parts of that of the best training image, class read"
    if not (len(scores) > MOST_COLUMNS and short):
        heading += f"\n{LEGEND}{red}"
    low, high = find_range(next(iter(rows.values())))
    return draw_mosaic(tiles, heading, cmap="gray", vmin=low, vmax=high)


def find_range(images: NDArray[np.float32]) -> tuple[float, float]:
    """Return the ends of the grey scale: 0 and 1, or what free pixels reach, as far on both sides."""
    low, high = float(images.min()), float(images.max())
    if low >= 0 and high <= 1:
        return 0.0, 1.0
    bound = max(-low, high)
    return -bound, bound


def describe_score(score: Mapping[str, Any], *, is_short: bool = False) -> list[str]:
    """Return a scorecard in short lines, or the gist of it in one or two."""
    problem = [score["problem"].split(":")[0]] if score["problem"] else []
    value, best = spell_activation(score)
    if is_short:
        return [f"{best or value}, {score['prediction']}", *problem]
    n_neighbours = round(NEIGHBOURS * score["neighbours_probability"])
    lines = [f"value {value}"]
    lines += [f"{best} of the best"] * bool(best)
    lines += [
        f"network: {score['prediction']} ({score['probability']:.2f})",
        f"neighbours: {score['neighbours_prediction']} ({n_neighbours} of {NEIGHBOURS})",
    ]
    spelled = {
        "rank": "rank {} in its layer",
        "distance_rank": "unusual {:.0%}",
        "agreement": "starts agree {:.2f}",
        "survival": "after a shift {:.0%}",
    }
    lines += [text.format(score[key]) for key, text in spelled.items() if score[key] is not None]
    return problem + lines


def spell_activation(score: Mapping[str, Any]) -> tuple[str, str]:
    """Return a pre-activation, and what part it is of the best real image's, if that says something."""
    ratio = score["ratio"] or 0.0
    return f"{round(score['activation'], 1) + 0.0:.1f}", f"{ratio:.0%}" if ratio > 0 else ""


def draw_ascent(
    frames: Mapping[int, NDArray[np.float32]], names: Sequence[str], heading: str
) -> Callable[[BinaryIO], None]:
    """Draw images on their way, and return what writes them to a file as a GIF.

    Parameters
    ----------
    frames : mapping of int to ndarray of shape (u, height, width), float32
        By the number of steps taken.
    names : sequence of str
    heading : str
    """
    last = frames[max(frames)]
    low, high = find_range(last)
    n_columns = choose_columns(len(last))
    pictures = []
    for step, images in sorted(frames.items()):
        tiles = Tiles(images, n_columns, names)
        figure = draw_mosaic(tiles, f"{heading}\nstep {step}", cmap="gray", vmin=low, vmax=high)
        canvas = FigureCanvasAgg(figure)
        canvas.draw()  # type: ignore[no-untyped-call]
        page = np.asarray(canvas.buffer_rgba())  # type: ignore[no-untyped-call]
        pictures.append(Image.fromarray(page[..., :3]).convert("L"))
    seconds = [FRAME_SECONDS] * (len(pictures) - 1) + [LAST_SECONDS]

    def write(file: BinaryIO) -> None:
        pictures[0].save(
            file,
            format="GIF",
            save_all=True,
            append_images=pictures[1:],
            duration=[round(1000 * second) for second in seconds],
            loop=0,
        )

    return write
