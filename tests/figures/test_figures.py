"""What a person would see: nothing cut off, nothing on top of something else, images upright."""

import io
import subprocess
import sys
from itertools import pairwise

import numpy as np
import pytest
from matplotlib import colormaps, rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.image import imread
from matplotlib.text import Text
from PIL import Image

from mnistffn.explanation.sentence import summarise, write_headings
from mnistffn.figures.calibration import draw_calibration
from mnistffn.figures.card import draw_card
from mnistffn.figures.compare import (
    draw_classes,
    draw_differences,
    draw_measures,
    draw_output_fields,
)
from mnistffn.figures.evaluate import draw_confusion, draw_examples
from mnistffn.figures.explain import draw_explanation
from mnistffn.figures.fields import draw_fields, find_bound
from mnistffn.figures.maximize import draw_ascent, draw_maximized, find_range
from mnistffn.figures.mistakes import draw_confused, draw_doubtful
from mnistffn.figures.mosaic import Tiles, draw_mosaic
from mnistffn.figures.robustness import draw_adversaries, draw_robustness
from mnistffn.figures.search import Panel, SearchPicture, draw_search
from mnistffn.figures.train import draw_augmented, draw_curves
from mnistffn.inside.options import KINDS, MEANINGS
from mnistffn.run.directory import RunDirectory
from mnistffn.run.stage import Stage

generator = np.random.default_rng(0)


SCORE = {
    "activation": 1234.5, "best_real": 1000.1, "ratio": 1.23, "rank": 360, "prediction": 9,
    "probability": 1.0, "neighbours_prediction": 8, "neighbours_probability": 0.4, "distance": 12.3,
    "distance_rank": 0.998, "agreement": -0.97, "survival": 0.88,
}  # fmt: skip
PROBLEM = "not reached: a training image excites it more"


def maximized(n: int, side: int = 28) -> Figure:
    scores = [
        SCORE | {"objective": str(unit), "problem": (None, PROBLEM)[unit % 2]} for unit in range(n)
    ]
    names = ("maximizing", "most 1", "most 2", "least 1", "least 2")
    rows = {name: generator.random((n, side, side), np.float32) for name in names}
    return draw_maximized(rows, scores, "Maximizing images")


def describe(unit: int, kinds=KINDS) -> dict[str, object]:
    return {
        "name": str(unit), "prefers": [9, 8, 7, 6, 5], "on": 0.999, "dead": False, "selectivity": 0.55,
        "ablation": -0.1234, "ablation_se": 0.0123, "effect": 1e-4,
        "outgoing": [("359", -12.34), ("9", 1.5)], "unit": unit,
        "class_means": list(range(10)), "r2": dict.fromkeys(kinds, -0.004) | {"pattern": None},
    }  # fmt: skip


def fields(n: int, side: int = 28, kinds=KINDS) -> Figure:
    images = {kind: generator.normal(size=(n, side, side)).astype(np.float32) for kind in kinds}
    if "pattern" in kinds:
        images["pattern_image"] = generator.random((n, side, side), np.float32)
    varying = generator.random((side, side)) > 0.2
    units = [describe(unit, kinds) for unit in range(n)]
    return draw_fields(images, varying, units, "Receptive fields, layer 1 of 784-360-10")


def card(*, is_output: bool = False, n_classes: int = 10) -> Figure:
    arrays = {kind: generator.normal(size=(28, 28)).astype(np.float32) for kind in KINDS}
    arrays |= {"varying": np.ones((28, 28)), "maximizing": generator.random((28, 28), np.float32)}
    arrays |= {name: generator.random((8, 28, 28), np.float32) for name in ("most_real", "least_real")}
    content = describe(17) | {"class_means": range(n_classes), "prefers": list(range(n_classes))[::-1]}
    content |= {"classes": list(range(n_classes)), "score": SCORE | {"problem": PROBLEM}}
    content = content | {"outgoing": []} if is_output else content
    return draw_card(arrays, content, "Unit 17 of layer 2", MEANINGS)


def examples(n: int = 12, n_classes: int = 10, name: str = "") -> Figure:
    probabilities = generator.dirichlet(np.ones(n_classes), n)
    images = generator.integers(0, 256, (n, 28, 28), dtype=np.uint8)
    kinds = (
        {"sure and right": np.arange(1)}
        if n == 1
        else {
            "sure and right": np.arange(4),
            "unsure and right": np.arange(4, 8),
            "sure and wrong": np.arange(0),
            "most spread out": np.arange(8, n),
        }
    )
    names = [f"{name}{label}" for label in range(n_classes)]
    index, labels = 59000 + np.arange(n), np.array(names)[np.arange(n) % n_classes]
    return draw_examples(images, index, labels, probabilities, names, kinds)


def search(n: int = 12, **others: object) -> Figure:
    return draw_search(search_picture(n, **others))


def search_picture(n: int = 12, n_parameters: int = 7, **others: object) -> SearchPicture:
    second = generator.integers(50, 300, n).astype(float)
    second[1:3] = np.nan  # these have one layer
    share = np.nan if n < 8 else 0.4
    panels = [
        Panel("units of hidden layer 1", "hidden 1", generator.integers(9, 60, n) * 1.0, (9, 60), "36"),
        Panel("units of hidden layer 2", "hidden 2", second, (50, 300), "198", share=share),
        Panel("label smoothing", "label smoothing", generator.random(n), (0, 1), "0.1234", share=share),
        Panel("learning rate", "learning rate", 10 ** generator.uniform(-4, -2, n), (1e-4, 1e-2),
              "0.001", is_logarithmic=True, edge="above 0.01", share=0.9),
        Panel("schedule", "schedule", generator.integers(0, 3, n) * 1.0, (0, 2), "one-cycle",
              ("one-cycle", "plateau", "constant"), share=share),
        Panel("batch size", "batch size", generator.integers(0, 4, n) * 1.0, (0, 3), "32",
              ("32", "64", "128", "1024"), edge="below 32", share=0.0),
        Panel("hidden layers", "layers", generator.integers(1, 4, n) * 1.0, (1, 3), "2", share=share),
    ]  # fmt: skip
    accuracies = 0.97 + 0.01 * generator.random((n, 3))
    accuracies[0] = 0.98, 0.981, 0.982
    drawn = {
        "accuracies": accuracies,
        "candidates": np.arange(n),
        "images": np.zeros(n, np.int64),
        "panels": panels[:n_parameters],
        "smallest": min(1, n - 1),
        "standard_error": 0.004,
        "chance": 0.52 if n >= 8 else np.nan,
        "measured": (n, 0),
        "lines": [
            "best: " + "weight decay 0.0001234, " * 9 + "accuracy 0.98",
            "2 of 12 candidates are",
        ],
        "importance": "too few candidates to tell which parameters mattered: 1, and it takes 8",
    }
    return SearchPicture(**drawn | others)


HALVING = {
    "candidates": np.array([0, 1, 2, *range(9)]),
    "images": np.array([9000] * 3 + [2250] * 9),
    "measured": (9, 2250),
}


def curves(n: int = 50) -> Figure:
    falling = np.exp(-np.arange(n) / 10) + 0.01
    history = {"train_loss": falling, "valid_loss": falling + 0.02, "valid_accuracy": 1 - falling / 3}
    history |= {"attack_accuracy": 0.95 - falling / 3, "pgd_accuracy": 0.9 - falling / 2}
    history |= {"epoch": np.arange(n) + 1, "lr": falling / 100}
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


def confusion(n: int = 10, name: str = "") -> Figure:
    counts = np.diag(np.full(n, 6000)) + generator.poisson(3, (n, n))
    return draw_confusion(counts, [f"{name}{label}" for label in range(n)])


def calibration(
    n: int = 6000, *, is_scaled: bool = True, x: float = 0.93, doubt: float = 0.5
) -> Figure:
    confidences = 1 - doubt * generator.random(n) ** 8
    points = np.sort(confidences)[:: max(1, n // 15)]
    accuracy = np.clip(points + generator.normal(0, 0.02, len(points)), 0, 1)
    bin_ = {"confidence": points, "accuracy": accuracy}
    bin_ |= {"low": accuracy - 0.05, "high": np.minimum(accuracy + 0.02, 1)}
    bins = {"as the network says": bin_}
    if is_scaled:
        bins["at temperature 1.234"] = bin_
    coverage = np.arange(1, n + 1) / n
    told = "99.9% right: answer from a probability of 0.98765 on,\n93.0% of the images, 5 errors"
    threshold = x, 0.001, told if np.isfinite(x) else "no threshold keeps 99.9% of the answers right"
    return draw_calibration(bins, confidences, (coverage, 0.02 * coverage**9), threshold, n)


def confused(n_pairs: int = 5, n_columns: int = 8, name: str = "") -> Figure:
    n = n_pairs * n_columns
    images = generator.random((n, 28, 28), np.float32)
    images[1::3] = np.nan
    there = [place % 3 != 1 for place in range(n)]
    titles = ["image 59123" if is_there else "" for is_there in there]
    captions = [f"label {name}4\nread as {name}9 (0.999)" if is_there else "" for is_there in there]
    rows = [f"{name}4{chr(10) if name else ' '}and {name}9:\n123 + 1,045" for _ in range(n_pairs)]
    heading = "Pairs of classes that are confused most often, and\nhow often each way"
    return draw_confused(images, n_columns, titles, captions, rows, heading)


def doubtful(n: int) -> Figure:
    captions = ["label seventeen (0.001)\nor thirty-three (0.999)?"] * n
    heading = "Labels to look at: 1,234, of which 30 are shown.\nThe network may be wrong itself."
    shown = generator.random((n, 28, 28), np.float32), ["image 59123"] * n, captions
    return draw_doubtful(*shown, heading if n else "The network doubts no label")


def explanation(
    n_classes: int = 10,
    shape: tuple[int, int] = (28, 28),
    depth: int = 2,
    names: list | None = None,
    **others: object,
) -> Figure:
    """The page about an image of a network with so many hidden layers; numbers as long as they get."""
    classes = names or list(range(n_classes))
    images = ["image", "evidence_prediction", "evidence_rival", "evidence_difference", "departure"]
    images += ["changed", "evidence_unit"]
    places = ("pixels", "hidden")[: 1 + bool(depth)]
    images += [f"nearest_{place}_{role}" for place in places for role in ("prediction", "rival")]
    arrays = {name: generator.random(shape, np.float32) for name in images}
    arrays["class_patterns"] = generator.random((n_classes, *shape), np.float32)
    arrays |= {f"{place}_patterns": generator.random((6, *shape)) for place in ("units", "units_below")}
    unit = {"unit": 1023, "activation": -12.34, "contribution": 123.45, "share": 1.0}
    unit["prefers"] = classes[-3:]
    step = {"sign": -1, "bias": -12.34, "total": 123.45, "strongest": [unit] * 4}
    step["opposed"] = [unit | {"share": None, "contribution": -123.45}] * 2
    steps = [step | {"layer": 2, "unit_above": None}, step | {"layer": 1, "unit_above": 1023}]
    sums = dict.fromkeys(("prediction", "rival", "difference"), -123.45)
    found = {"index": 59999, "label": classes[-1], "distance": 12.3456}
    content = {
        "index": 59999, "file": None, "part": "training", "classes": classes, "label": classes[0],
        "prediction": classes[-1], "rival": classes[0], "is_right": False,
        "probabilities": np.full(n_classes, 1 / n_classes).tolist(), "units": steps[:depth],
        "pixels": {"added": sums, "black": sums, "gaps": dict.fromkeys(sums, 0.001), "n_steps": 64},
        "unit_pixels": {"layer": 1, "unit": 1023, "gap": 0.0} if depth else None,
        "agreement": [*np.linspace(-0.5, 0.9, n_classes - 1).tolist(), None],
        "nearest": {place: dict.fromkeys(("prediction", "rival", "any"), found) for place in places},
        "change": {
            "norm": "linf", "strength": 0.012345, "read_as": classes[-1],
            "median_smallest_strength": 0.054321,
        },
    } | others  # fmt: skip
    content["sentence"] = summarise(content)
    return draw_explanation(arrays, content, write_headings(content))


RUNS = ["plain", "_$x$/WWWWWWWWW", "…ong/name of me"]


def measures(n: int, *, is_attacked: bool = True) -> Figure:
    names = [RUNS[place % 3] + "'" * (place // 3) for place in range(n)]
    accuracies = [(0.98 + place / 1000, 0.97, 0.995) for place in range(n)]
    confidence = 1 - 0.5 * generator.random((n, 15)) ** 8
    ends = {"low": confidence - 0.05, "high": np.minimum(confidence + 0.02, 1)}
    bins = [
        {"confidence": row, "accuracy": row} | {end: values[place] for end, values in ends.items()}
        for place, row in enumerate(confidence)
    ]
    curve = np.append(0, np.sort(generator.gamma(9, 0.01, 400))), np.linspace(0.98, 0, 401)
    verdict = "A reads 17 of 6,000 images right that $B$ does not, $B$ 41 that A does not: p = 0.0022"
    return draw_measures(
        names, accuracies, bins, dict.fromkeys(names[1:], curve) if is_attacked else {}, "linf", verdict
    )


def differences(n_rows: int, n_columns: int = 8, left_out: int = 0) -> Figure:
    n = n_rows * n_columns
    images = generator.random((n, 28, 28), np.float32)
    captions = ["right: a long na… (0.999)\nwrong: a long na… (0.999)"] * n
    rows = [(RUNS[place % 3], RUNS[(place + 1) % 3], 1234) for place in range(n_rows)]
    return draw_differences(images, n_columns, ["image 59123"] * n, captions, rows, left_out)


def outputs(n_runs: int = 2, n_classes: int = 10, *, maximizing: bool = True) -> dict[str, np.ndarray]:
    shape = (n_runs, n_classes, 28, 28)
    arrays = {kind: generator.normal(size=shape).astype(np.float32) for kind in ("gradient", "pattern")}
    arrays |= {f"r2_{kind}": np.full((n_runs, n_classes), -0.12) for kind in ("gradient", "pattern")}
    arrays["r2_pattern"][0, 0] = np.nan
    arrays["classes"] = np.array(
        ["a very long name of a class"] * (62 if n_classes == 12 else n_classes)
    )
    arrays["shown_classes"] = arrays["classes"][:n_classes]
    images = {"pattern_image": generator.random(shape, np.float32), "varying": np.ones((28, 28), bool)}
    if maximizing:
        images["maximizing"] = generator.random(shape, np.float32)
        images["maximizing"][-1] = np.nan
    return arrays | images


NAMES = ["ankle boot", "a very long name of a class", "t-shirt or top"]
FIGURES = {
    "explanation": explanation,
    "explanation of 2 classes": lambda: explanation(2),
    "explanation of 30 classes": lambda: explanation(30),
    "explanation of classes with names": lambda: explanation(3, names=NAMES),
    "explanation of 8 by 20 pixels": lambda: explanation(shape=(8, 20)),
    "explanation of 20 by 8 pixels": lambda: explanation(shape=(20, 8)),
    "explanation without hidden layers": lambda: explanation(depth=0),
    "explanation of one hidden layer": lambda: explanation(depth=1, is_right=True),
    "explanation without a change": lambda: explanation(
        change={"norm": "l2", "strength": None, "read_as": 3, "median_smallest_strength": None}
    ),
    "explanation of a blank image": lambda: explanation(agreement=[None] * 10, unit_pixels=None),
    "comparison of two": lambda: measures(2),
    "comparison of ten without attacks": lambda: measures(10, is_attacked=False),
    "differences": lambda: differences(2),
    "differences of one image each": lambda: differences(2, 1),
    "differences of many": lambda: differences(12, left_out=78),
    "no differences": lambda: differences(0),
    "fields of three networks": lambda: draw_output_fields(RUNS, outputs(3)),
    "fields of two classes": lambda: draw_output_fields(RUNS[:2], outputs(2, 2)),
    "classes": lambda: draw_classes(RUNS, outputs(3, 12)),
    "classes without maximizing images": lambda: draw_classes(
        RUNS[:2], outputs(2, 2, maximizing=False)
    ),
    "robustness": lambda: robustness("linf"),
    "robustness in L2": lambda: robustness("l2"),
    "adversaries": adversaries,
    "adversaries of two classes": lambda: adversaries(2),
    "no adversaries": lambda: adversaries(0),
    "augmented": lambda: draw_augmented(np.ones((28, 8, 8), "f"), np.ones((28, 8, 8), "f")),
    "card": card,
    "card of 120 classes": lambda: card(n_classes=120),
    "card of an output": lambda: card(is_output=True),
    "fields 1": lambda: fields(1),
    "fields 12": lambda: fields(12),
    "fields 13": lambda: fields(13),
    "fields 60": lambda: fields(60),
    "fields 100 of one kind": lambda: fields(100, kinds=("average",)),
    "fields 20 of three kinds": lambda: fields(20, kinds=("filter", "gradient", "average")),
    "fields 10": lambda: fields(10),
    "fields 187": lambda: fields(187),
    "fields 360": lambda: fields(360),
    "fields 5 of 8 by 8": lambda: fields(5, 8),
    "maximize 1": lambda: maximized(1),
    "maximize 10": lambda: maximized(10),
    "maximize 12": lambda: maximized(12),
    "maximize 13": lambda: maximized(13),
    "maximize 60": lambda: maximized(60),
    "maximize 360": lambda: maximized(360),
    "examples": examples,
    "search": search,
    "search of one candidate": lambda: search(1),
    "search of one parameter": lambda: search(n_parameters=1),
    "search of three parameters": lambda: search(n_parameters=3),
    "search by halving": lambda: search(**HALVING),
    "curves": curves,
    "curves of one epoch": lambda: curves(1),
    "confusion": confusion,
    "confusion of 2": lambda: confusion(2),
    "confusion of 26": lambda: confusion(26),
    "confusion of 10 with wide names": lambda: confusion(10, "WWWWWWWW"),
    "confusion of 62 with wide names": lambda: confusion(62, "WWWWWWWWWWWW"),
    "confusion of 200": lambda: confusion(200),
    "confusion of 12 with long names": lambda: confusion(12, "a long name "),
    "confusion of 62 with long names": lambda: confusion(62, "a long name "),
    "calibration": calibration,
    "calibration of one image": lambda: calibration(1, is_scaled=False, x=np.nan),
    "calibration of a poor network": lambda: calibration(doubt=0.98),
    "confused": confused,
    "confused, one image each": lambda: confused(4, 1),
    "confused, with long names": lambda: confused(name="some lett"),
    "nothing confused": lambda: confused(0),
    "doubtful 1": lambda: doubtful(1),
    "doubtful 30": lambda: doubtful(30),
    "nothing doubtful": lambda: doubtful(0),
    "examples of 62 classes": lambda: examples(n_classes=62),
    "examples with long names": lambda: examples(n_classes=30, name="a long name "),
    "one example": lambda: examples(1),
}


@pytest.mark.parametrize("name", FIGURES)
def test_all_text_is_inside_the_page_and_none_covers_another(name: str) -> None:
    figure = FIGURES[name]()
    renderer = FigureCanvasAgg(figure).get_renderer()
    figure.draw_without_rendering()
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


@pytest.mark.parametrize("doubt", [0.02, 0.5, 0.98])
def test_the_ticks_of_confidences_keep_clear_of_each_other(doubt: float) -> None:
    figure = calibration(doubt=doubt)
    renderer = FigureCanvasAgg(figure).get_renderer()
    figure.draw_without_rendering()
    labels = [label for label in figure.axes[1].get_xticklabels() if label.get_text()]
    bounds = [label.get_window_extent(renderer) for label in labels]
    assert all(left.x1 < right.x0 for left, right in pairwise(bounds))
    assert len(labels) >= 4


def test_every_confidence_lies_on_the_axis() -> None:
    # A bin has the mean of its images: the least sure of them is less sure than that.
    ends = {"low": np.array([0.7, 0.95]), "high": np.array([0.9, 1.0])}
    bin_ = {"confidence": np.array([0.8, 0.99]), "accuracy": np.array([0.8, 1.0])} | ends
    curve = np.array([0.5, 1.0]), np.array([0.0, 0.1])
    confidences = np.array([0.3, 0.8, 0.99])
    figure = draw_calibration({"": bin_}, confidences, curve, (np.nan, np.nan, ""), 3)
    starts = [axes.get_xlim()[0] for axes in figure.axes[:2]]
    assert starts[0] == starts[1] <= np.log10(0.3 / 0.7)


SCALE = """
import time
import numpy as np
from mnistffn.figures.evaluate import draw_confusion
from mnistffn.figures.render import render

def read_peak():  # getrusage has that of who started it too
    [peak] = [line for line in open("/proc/self/status") if line.startswith("VmHWM")]
    return int(peak.split()[1]) / 1024

def weigh(n):
    counts = np.diag(np.full(n, 100)) + np.random.default_rng(0).poisson(0.1, (n, n))
    start = time.process_time()
    content = render(lambda: draw_confusion(counts, [str(label) for label in range(n)]))
    return time.process_time() - start, read_peak(), len(content)

before = weigh(3)[1]
seconds, memory, size = weigh(300)
print(seconds, memory - before, size)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads memory as Linux tells it")
def test_300_classes_take_neither_long_nor_much() -> None:
    result = subprocess.run([sys.executable, "-c", SCALE], capture_output=True, text=True, check=True)
    seconds, megabytes, size = map(float, result.stdout.split())
    assert seconds < 3
    assert megabytes < 300
    assert size < 1e6
    axes = confusion(300).axes[0]
    assert len(axes.images) == 1
    assert not axes.texts
    [page] = examples(n_classes=300).axes
    assert [len(bars) for bars in find_bars(page)] == [10] * 12


def test_the_bars_of_many_classes_are_the_most_probable_and_the_label() -> None:
    probabilities = np.arange(1, 41)[None] / 820
    names = [str(label) for label in range(40)]
    image = np.zeros((1, 8, 8), np.uint8)
    figure = draw_examples(
        image, np.array([7]), np.array([3]), probabilities, names, {"sure and wrong": np.array([0])}
    )
    [page] = figure.axes
    [bars], [frame] = find_bars(page), page.patches
    beside = [text for text in page.texts if text.get_ha() == "right"]
    assert [text.get_text() for text in beside] == [*names[:30:-1], "3"]
    assert [text.get_position()[1] for text in beside] == bars[:, 0, 1].tolist()
    assert (bars[:, 0, 0] == frame.get_x()).all()
    widths = np.append(probabilities[0, :30:-1], 4 / 820)
    np.testing.assert_allclose(np.ptp(bars[..., 0], axis=1) / frame.get_width(), widths)


def find_bars(page: Axes) -> list[np.ndarray]:
    """Return the ends of the bars beside every example, shape (bars, 2, 2): thick lines."""
    lines = [lines for lines in page.collections if lines.get_linewidth()[0] > 2]
    return [np.array(some.get_segments()) for some in lines]


def test_the_bars_of_the_label_are_green_and_those_of_another_prediction_red() -> None:
    shown = np.zeros((2, 8, 8), np.uint8), np.arange(2), np.array([0, 0])
    probabilities = np.array([[0.7, 0.2, 0.1], [0.3, 0.1, 0.6]])
    [page] = draw_examples(
        *shown, probabilities, ["0", "1", "2"], {"sure and right": np.arange(2)}
    ).axes
    colors = [lines.get_colors() for lines in page.collections if lines.get_linewidth()[0] > 2]
    green, red, grey = map(to_rgba, ("tab:green", "tab:red", "0.7"))
    np.testing.assert_array_equal(colors, [[green, grey, grey], [green, grey, red]])


def test_all_images_have_white_ink() -> None:
    stroke = np.zeros((1, 8, 8), np.float32)
    stroke[0, :, 3] = 1
    kinds = {"sure and right": np.array([0])}
    shown = (255 * stroke).astype(np.uint8), np.array([7]), np.array([0]), np.array([[0.9, 0.1]])
    for figure in (
        draw_examples(*shown, ["0", "1"], kinds),
        draw_confused(stroke, 1, [""], [""], [""], ""),
        draw_doubtful(stroke, [""], [""], ""),
        draw_augmented(stroke, stroke),
        draw_adversaries(stroke, stroke, [("", "")], 0.1, "linf"),
    ):
        black = pixels(figure).max(axis=2) < 0.02
        assert black.sum() > 5000, "seven of eight columns are black"


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


def draw_field(field: np.ndarray, varying: np.ndarray | None = None) -> np.ndarray:
    everywhere = np.ones(field.shape[1:], bool)
    unit = describe(0, ("filter",)) | {"r2": {"filter": 1.0}}
    shown = draw_fields(
        {"filter": field}, everywhere if varying is None else varying, [unit] * len(field), ""
    )
    return pixels(shown)


def test_fields_are_drawn_upright_with_blue_below_and_red_above_zero() -> None:
    field = np.zeros((1, 8, 8), np.float32)
    field[0, :2, :2], field[0, -2:, -2:] = 1, -1
    page = draw_field(field)
    red = np.argwhere((page[..., 0] > 0.35) & (page[..., 2] < 0.2))
    blue = np.argwhere((page[..., 2] > 0.3) & (page[..., 0] < 0.1))
    left = 0.55 * page.shape[1]
    red, blue = red[red[:, 1] < left], blue[blue[:, 1] < left]  # without the colour bar
    assert red[:, 0].mean() < blue[:, 0].mean()
    assert red[:, 1].mean() < blue[:, 1].mean()


def test_pixels_that_are_never_lit_are_grey() -> None:
    varying = np.ones((8, 8), bool)
    varying[6:] = False
    grey = np.isclose(draw_field(np.zeros((1, 8, 8), np.float32), varying), 224 / 255, atol=0.002).all(
        axis=2
    )
    some, all_lit = grey.sum(), np.isclose(draw_field(np.zeros((1, 8, 8), np.float32)), 224 / 255).sum()
    assert some > 1000 > all_lit
    height, width = (np.sum(grey.sum(axis=axis) > 20) for axis in (1, 0))
    assert height == pytest.approx(width / 4, abs=2), "two rows of eight"


def test_equal_kinds_are_drawn_once_and_pattern_images_in_white_ink() -> None:
    field = generator.normal(size=(2, 8, 8)).astype(np.float32)
    image = np.zeros((2, 8, 8), np.float32)
    image[:, 2] = 1
    units = [describe(unit, ("filter", "gradient", "pattern")) for unit in range(2)]
    kinds = {"filter": field, "gradient": field, "pattern": -field, "pattern_image": image}
    figure = draw_fields(kinds, np.ones((8, 8), bool), units, "")
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert len([text for text in texts if text.startswith("filter = gradient")]) == 1
    assert not [text for text in texts if text.startswith("gradient")]
    page = pixels(figure)
    black, white = (page[..., :].max(axis=2) < 0.02), (page[..., :].min(axis=2) > 0.98)
    assert black.sum() > 20_000
    assert white.any()
    apart = draw_fields(kinds | {"gradient": 2 * field}, np.ones((8, 8), bool), units, "")
    assert [text for text in apart.axes[0].texts if text.get_text().startswith("gradient")]


def test_a_maximizing_image_with_a_problem_stands_out() -> None:
    image = np.zeros((2, 8, 8), np.float32)
    scores = [SCORE | {"objective": str(n), "problem": (None, PROBLEM)[n]} for n in range(2)]
    axes = draw_maximized({"maximizing": image}, scores, "").axes[0]
    [frame] = axes.patches
    assert frame.get_x() > 0, "the second is framed"
    red = [text.get_text() for text in axes.texts if text.get_color() == "tab:red"]
    assert len(red) == 1
    assert red[0].startswith("not reached")


def test_maximizing_images_are_drawn_upright() -> None:
    image = np.zeros((1, 8, 8), np.float32)
    image[0, :2, :4] = 0.5
    page = pixels(
        draw_maximized({"maximizing": image}, [SCORE | {"objective": "0", "problem": None}], "")
    )
    gray = np.argwhere(np.abs(page - 0.5).max(axis=2) < 0.03)
    dark = np.argwhere(page.max(axis=2) < 0.02)
    assert (gray.mean(axis=0) < dark.mean(axis=0) - 20).all(), "the gray corner is the upper left one"


def test_a_kinds_units_share_a_scale_and_kinds_do_not() -> None:
    strong = np.concatenate([np.full((1, 8, 8), 4.0), np.full((1, 8, 8), -2.0)]).astype(np.float32)
    units = [describe(0, ("filter", "average")) for _ in range(2)]
    for factor in (1, 100):
        kinds = {"filter": strong, "average": factor * strong}
        page = pixels(draw_fields(kinds, np.ones((8, 8), bool), units, ""))
        flat = page[:, : int(0.75 * page.shape[1])].reshape(-1, 3)
        counts = [np.isclose(flat, color, atol=0.01).all(axis=1).sum() for color in ENDS]
        assert min(counts) > 10000, "4 is at the end of the scale, -2 in the middle of its other half"
        assert counts[0] == pytest.approx(counts[1], rel=0.05)


ENDS = [np.array(colormaps["RdBu_r"](value)[:3]) for value in (1.0, 0.25)]


def test_neither_a_hot_pixel_nor_a_weak_unit_washes_out_all_others() -> None:
    images = generator.uniform(-1, 1, (20, 28, 28))
    images[3, 5, 5] = 100
    assert find_bound(images) == pytest.approx(1, abs=0.05)
    images[7] *= 50
    assert find_bound(images) == pytest.approx(1, abs=0.05)
    assert find_bound(images[[7]]) == pytest.approx(50, rel=0.05)


@pytest.mark.usefixtures("pictures")
def test_tiles_are_where_their_titles_are_at_any_resolution_of_the_user(tmp_path) -> None:
    figure = fields(3)
    with rc_context({"savefig.dpi": 300}), RunDirectory(tmp_path).locked():
        stage = Stage(tmp_path, {}, {})
        stage.write_figure("fields.png", lambda: figure)
        stage.draw()
        written = imread(stage.pending["fields.png"])
    np.testing.assert_allclose(written[..., :3], pixels(figure), atol=0.01)


def test_free_pixels_are_drawn_about_a_middle_grey() -> None:
    assert find_range(np.array([0.0, 1])) == (0, 1)
    assert find_range(np.array([-0.5, 0.25])) == (-0.5, 0.5)
    assert find_range(np.array([0.0, 3])) == (-3, 3)


def test_every_pixel_of_a_mosaic_is_a_square_of_the_same_size() -> None:
    image = np.indices((8, 8)).sum(axis=0)[None] % 2
    page = pixels(draw_mosaic(Tiles(image.astype("f"), 1, [""]), "", cmap="gray", vmin=0, vmax=1))
    dark = page.max(axis=2) < 0.5
    row = dark[np.flatnonzero(dark.any(axis=1))[5]]
    edges = np.flatnonzero(np.diff(row.astype(int)))
    assert len(set(np.diff(edges))) == 1
    assert dark.sum() == 32 * np.diff(edges)[0] ** 2


def test_the_frames_of_an_ascent_come_in_order() -> None:
    frames = {step: np.full((2, 8, 8), step / 100, np.float32) for step in (100, 0, 50)}
    file = io.BytesIO()
    draw_ascent(frames, ["3", "4"], "Ascent")(file)
    with Image.open(file) as picture:
        brightness = []
        for frame in range(picture.n_frames):
            picture.seek(frame)
            brightness.append(np.asarray(picture.convert("L")).mean())
    assert len(brightness) == 3
    assert brightness == sorted(brightness)


def find_curves(axes: Axes, marker: str) -> list[np.ndarray]:
    return [line.get_xydata() for line in axes.lines if line.get_marker() == marker]


def test_the_rounds_of_a_candidate_are_told_apart_and_connected() -> None:
    picture = search_picture(**HALVING)
    figure = draw_search(picture)
    axes = figure.axes[0]
    [late], [early] = find_curves(axes, "o")[:1], find_curves(axes, "s")
    assert (len(late), len(early)) == (3, 9)
    connected = [line.get_xydata() for line in axes.lines if line.get_linestyle() == "-"]
    assert sorted(map(len, connected)) == [1] * 6 + [2] * 3
    means = 100 * picture.accuracies.mean(axis=1)
    assert any(np.allclose(line[:, 1], means[[0, 3]]) for line in connected)
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert any("9,000 images" in label for label in legend)
    assert any("2,250 images" in label for label in legend)


def test_candidates_of_one_name_stand_beside_each_other_in_no_order() -> None:
    n = 12
    panel = Panel("schedule", "schedule", np.repeat([0.0, 1.0], 6), (0, 1), "a", ("a", "b"))
    drawn = find_curves(draw_search(search_picture(panels=[panel])).axes[0], "o")[0]
    assert len(set(drawn[:, 0].round(6))) == n
    np.testing.assert_array_equal(drawn[:, 0].round(), panel.values)
    assert (np.diff(drawn[:6, 0]) < 0).any(), "sorted by accuracy they would show a trend"


def test_a_candidate_without_a_layer_is_not_drawn_in_its_panel() -> None:
    figure = draw_search(search_picture())
    assert [len(find_curves(axes, "o")[0]) for axes in figure.axes[:2]] == [12, 10]


def test_an_edge_is_named_and_marked_on_its_side() -> None:
    axes = draw_search(search_picture()).axes
    for place, told, side in ((3, "widen above 0.01", 0.95), (5, "widen below 32", 0)):
        assert told in axes[place].get_title()
        assert any(patch.get_x() == side for patch in axes[place].patches if patch.get_width() == 0.05)
    assert "widen" not in axes[0].get_title()


def test_far_worse_candidates_do_not_press_the_others_flat_and_are_counted() -> None:
    accuracies = 0.97 + 0.01 * generator.random((12, 3))
    accuracies[-2:] = 0.1
    picture = search_picture(accuracies=accuracies)
    figure = draw_search(picture)
    assert figure.axes[0].get_ylim()[0] > 90
    assert "2 far worse, below the picture" in [t.get_text() for t in figure.legends[0].get_texts()]
    [arrows] = find_curves(figure.axes[0], "$\\downarrow$")
    np.testing.assert_array_equal(arrows[:, 0], picture.panels[0].values[-2:])
    assert (arrows[:, 1] > figure.axes[0].get_ylim()[0]).all()


def test_what_may_be_chance_is_grey_and_too_few_candidates_are_said() -> None:
    axes = draw_search(search_picture()).axes[-1]
    names = [label.get_text() for label in axes.get_yticklabels()]
    colors = dict(zip(names, (bar.get_facecolor()[:3] for bar in axes.patches), strict=True))
    assert len(set(colors.values())) == 2
    assert [name for name, color in colors.items() if color[0] != color[1]] == ["learning rate"]
    few = draw_search(search_picture(1, 3)).axes[-1]
    assert not few.axison
    assert "too few candidates" in few.texts[0].get_text()
