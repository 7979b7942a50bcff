"""What a person would see: nothing cut off, nothing on top of something else, images upright."""

import io

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.image import imread
from matplotlib.text import Text

from mnistffn.figures.evaluate import draw_confusion, draw_examples
from mnistffn.figures.fields import draw_fields
from mnistffn.figures.maximize import draw_maximized
from mnistffn.figures.robustness import draw_adversaries, draw_robustness
from mnistffn.figures.search import draw_search
from mnistffn.figures.train import draw_augmented, draw_curves

generator = np.random.default_rng(0)


def maximized(n: int, side: int = 28) -> Figure:
    score = {"activation": 1234.5, "best_real": 1000.1, "predicted": 9, "probability": 1.0}
    images = generator.random((n, side, side), np.float32)
    return draw_maximized(images, [str(unit) for unit in range(n)], [score] * n, "Maximizing images")


def fields(n: int, side: int = 28) -> Figure:
    filters = generator.normal(size=(n, side, side)).astype(np.float32)
    return draw_fields(
        filters, [str(unit) for unit in range(n)], "Receptive fields, layer 1 of 784-360-10"
    )


def examples(n: int = 12) -> Figure:
    probabilities = generator.dirichlet(np.ones(10), n)
    images = generator.integers(0, 256, (n, 28, 28), dtype=np.uint8)
    kinds = {
        "sure and right": np.arange(4),
        "unsure and right": np.arange(4, 8),
        "sure and wrong": np.arange(0),
        "most spread out": np.arange(8, n),
    }
    names = [str(label) for label in range(10)]
    return draw_examples(images, 59000 + np.arange(n), np.arange(n) % 10, probabilities, names, kinds)


def search(n: int = 12) -> Figure:
    columns = {
        "accuracies": 0.97 + 0.01 * generator.random((n, 3)),
        "hidden 1": generator.integers(100, 600, n),
        "hidden 2": generator.integers(50, 300, n),
        "dropout": generator.random(n),
        "lr": 10 ** generator.uniform(-4, -2, n),
        "weight_decay": 10 ** generator.uniform(-4, -2, n),
    }
    return draw_search(columns)


def curves(n: int = 50) -> Figure:
    falling = np.exp(-np.arange(n) / 10) + 0.01
    history = {"train_loss": falling, "valid_loss": falling + 0.02, "valid_accuracy": 1 - falling / 3}
    history |= {"attack_accuracy": 0.95 - falling / 3, "pgd_accuracy": 0.9 - falling / 2}
    history["epoch"] = np.arange(n) + 1
    return draw_curves(history, min(30, n))


def robustness(norm: str) -> Figure:
    smallest = np.append(generator.gamma(9, 0.01, 400), [0, 0, np.inf])
    strengths = np.array([0.05, 0.1])
    accuracies = np.array([np.mean(smallest > strength) for strength in strengths])
    return draw_robustness(strengths, accuracies, smallest, norm)


def adversaries(n: int = 10) -> Figure:
    images = generator.random((n, 28, 28)).astype(np.float32)
    captions = [(f"{label} (1.00)", f"{label} (0.51)") for label in range(n)]
    return draw_adversaries(images, images[::-1], captions, 0.123, "linf")


def confusion(n: int = 10) -> Figure:
    return draw_confusion(
        np.diag(np.full(n, 6000)) + generator.poisson(3, (n, n)), list(map(str, range(n)))
    )


FIGURES = {
    "robustness": lambda: robustness("linf"),
    "robustness in L2": lambda: robustness("l2"),
    "adversaries": adversaries,
    "adversaries of two classes": lambda: adversaries(2),
    "no adversaries": lambda: adversaries(0),
    "augmented": lambda: draw_augmented(np.ones((28, 8, 8), "f"), np.ones((28, 8, 8), "f")),
    "fields 1": lambda: fields(1),
    "fields 10": lambda: fields(10),
    "fields 187": lambda: fields(187),
    "fields 360": lambda: fields(360),
    "fields 5 of 8 by 8": lambda: fields(5, 8),
    "maximize 1": lambda: maximized(1),
    "maximize 10": lambda: maximized(10),
    "maximize 60": lambda: maximized(60),
    "maximize 360": lambda: maximized(360),
    "examples": examples,
    "search": search,
    "search of one candidate": lambda: search(1),
    "curves": curves,
    "curves of one epoch": lambda: curves(1),
    "confusion": confusion,
    "confusion of 2": lambda: confusion(2),
    "confusion of 26": lambda: confusion(26),
}


@pytest.mark.parametrize("name", FIGURES)
def test_all_text_is_inside_the_page_and_none_covers_another(name: str) -> None:
    figure = FIGURES[name]()
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    renderer = canvas.get_renderer()
    drawn, (width, height) = figure.get_tightbbox(renderer), figure.get_size_inches()
    assert drawn.x0 > 0, "cut off on the left"
    assert drawn.y0 > 0, "cut off at the bottom"
    assert drawn.x1 < width, "cut off on the right"
    assert drawn.y1 < height, "cut off at the top"
    texts = [text for text in find_texts(figure) if text.get_text().strip()]
    bounds = np.array([text.get_window_extent(renderer).extents for text in texts])
    lower = np.maximum(bounds[:, None, :2], bounds[None, :, :2])
    upper = np.minimum(bounds[:, None, 2:], bounds[None, :, 2:])
    overlaps = np.argwhere(np.triu((upper - lower > 1).all(axis=2), k=1))
    assert not [(texts[i].get_text(), texts[j].get_text()) for i, j in overlaps]


def find_texts(figure: Figure) -> list[Text]:
    """Return headings, titles, labels and captions: all text but that of ticks and legends."""
    bands = [figure, *figure.subfigs]
    inside = [[*axes.texts, axes.title, axes.xaxis.label, axes.yaxis.label] for axes in figure.axes]
    return [text for texts in [*(band.texts for band in bands), *inside] for text in texts]


def pixels(figure: Figure) -> np.ndarray:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    buffer.seek(0)
    return imread(buffer)[..., :3]


def test_fields_are_drawn_upright_with_blue_below_and_red_above_zero() -> None:
    field = np.zeros((1, 8, 8), np.float32)
    field[0, :2, :2], field[0, -2:, -2:] = 1, -1
    page = pixels(draw_fields(field, ["0"], "heading"))
    red = np.argwhere((page[..., 0] > 0.35) & (page[..., 2] < 0.2))
    blue = np.argwhere((page[..., 2] > 0.3) & (page[..., 0] < 0.1))
    left = page.shape[1] / 2
    red, blue = red[red[:, 1] < left], blue[blue[:, 1] < left]  # without the colour bar
    assert red[:, 0].mean() < blue[:, 0].mean()
    assert red[:, 1].mean() < blue[:, 1].mean()


def test_maximizing_images_are_drawn_upright() -> None:
    image = np.zeros((1, 8, 8), np.float32)
    image[0, :2, :4] = 0.5
    score = {"activation": 1.0, "best_real": 1.0, "predicted": 1, "probability": 1.0}
    page = pixels(draw_maximized(image, ["0"], [score], ""))
    gray = np.argwhere(np.abs(page - 0.5).max(axis=2) < 0.03)
    dark = np.argwhere(page.max(axis=2) < 0.02)
    assert (gray.mean(axis=0) < dark.mean(axis=0) - 20).all(), "the gray corner is the upper left one"


def test_all_fields_share_one_scale_that_is_symmetric_about_zero() -> None:
    filters = np.concatenate([np.full((1, 8, 8), 3.0), np.full((1, 8, 8), -1.0)]).astype(np.float32)
    (image,) = draw_fields(filters, ["0", "1"], "").axes[0].get_images()
    assert image.get_clim() == pytest.approx((-3, 3), rel=1e-3)
    assert draw_fields(np.zeros((1, 8, 8), np.float32), ["0"], "").axes[0].get_images()[
        0
    ].get_clim() == (-1, 1)
