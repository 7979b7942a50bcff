"""The picture of a search: accuracy against every searched parameter, and which of them mattered."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

MOST_COLUMNS = 4
LETTERS_PER_INCH = 14  # of the heading
FEW_VALUES = 20  # of whole numbers: candidates of one value are drawn side by side
LONGEST_LABELS = 26  # letters of all names of a panel that fit side by side
MARKERS = "osD^vP"  # of the rounds, the last one first
BEST, SMALLEST, EDGE, NEAR, OTHER = "tab:red", "tab:green", "tab:red", "tab:orange", "0.75"


@dataclass(frozen=True, eq=False)
class Panel:
    """One searched parameter.

    Attributes
    ----------
    label, name : str
        In full below its panel, and as short as it goes.
    values : ndarray of shape (rows,), float64
        NaN where a candidate has none; of names, their numbers.
    bounds : (float, float)
        Between which it was searched.
    best : str
        The best candidate's value.
    choices : sequence of str
        The names, if it was chosen from a list.
    is_logarithmic : bool
    edge : str
        "above 8" or "below 8", where the best lie at this bound and better may lie beyond it.
    share : float
        Of the variance that it explains, from 0 to 1; NaN where that is not known.
    """

    label: str
    name: str
    values: NDArray[np.float64]
    bounds: tuple[float, float]
    best: str
    choices: Sequence[str] = ()
    is_logarithmic: bool = False
    edge: str = ""
    share: float = np.nan

    @property
    def is_whole(self) -> bool:
        """Whether it takes whole numbers only."""
        return bool((np.mod(self.values[np.isfinite(self.values)], 1) == 0).all())


@dataclass(frozen=True, eq=False)
class SearchPicture:
    """All that the picture shows; a row is a candidate in one round, the best one first.

    Attributes
    ----------
    accuracies : ndarray of shape (rows, folds), float64 in [0, 1]
    candidates : ndarray of shape (rows,), int64
        Which rows are of the same candidate.
    images : ndarray of shape (rows,), int64
        That it was trained on in this round; 0 for all.
    panels : sequence of Panel
    smallest : int
        Row of the smallest network within one standard error of the best.
    standard_error : float
        Of the best mean.
    chance : float
        The share of the variance that chance alone would let a parameter explain.
    measured : (int, int)
        Candidates that the shares are known from, and the images of their round.
    lines : sequence of str
        About the best.
    importance : str
        What the shares come to.
    """

    accuracies: NDArray[np.float64]
    candidates: NDArray[np.int64]
    images: NDArray[np.int64]
    panels: Sequence[Panel]
    smallest: int
    standard_error: float
    chance: float
    measured: tuple[int, int]
    lines: Sequence[str]
    importance: str

    @property
    def rounds(self) -> list[int]:
        """Images of the rounds, the last one first."""
        return sorted(set(self.images.tolist()), reverse=True)


def draw_search(picture: SearchPicture) -> Figure:
    """Draw the candidates' accuracy against each parameter, and how much each of these explains."""
    n_panels = len(picture.panels) + 1
    n_rows = -(-n_panels // MOST_COLUMNS)
    n_columns = -(-n_panels // n_rows)
    width = 3.2 * n_columns + 0.8
    heading = [
        part for line in picture.lines for part in textwrap.wrap(line, int(LETTERS_PER_INCH * width))
    ]
    figure = Figure((width, 3.3 * n_rows + 0.16 * len(heading) + 0.9), dpi=150, layout="constrained")
    grid = figure.add_gridspec(n_rows, n_columns)
    first = figure.add_subplot(grid[0, 0])
    for place, panel in enumerate(picture.panels):
        row, column = divmod(place, n_columns)
        axes = figure.add_subplot(grid[row, column], sharey=first) if place else first
        _draw_panel(axes, panel, picture)
        if column:
            axes.tick_params(labelleft=False)
        else:
            axes.set_ylabel("cross-validated accuracy (%)")
    first.set_ylim(*_find_limits(picture))
    _draw_importance(figure.add_subplot(grid[-1, -1]), picture)
    handles, labels = first.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=min(4, n_columns + 1), fontsize=8)
    figure.suptitle("\n".join(heading), fontsize=9, x=0.01, ha="left")
    return figure


def _draw_panel(axes: Axes, panel: Panel, picture: SearchPicture) -> None:
    accuracies = 100 * picture.accuracies
    means, lows, highs = accuracies.mean(axis=1), accuracies.min(axis=1), accuracies.max(axis=1)
    x = _place(panel, picture.candidates)
    near = means[0] - 100 * picture.standard_error
    axes.axhspan(
        near, means[0], color=NEAR, alpha=0.18, lw=0, label="one standard error below the best"
    )
    if len(picture.rounds) > 1:
        for candidate in np.unique(picture.candidates):
            rows = picture.candidates == candidate
            axes.plot(x[rows], means[rows], "-", color="0.5", linewidth=1, zorder=1.5)
    for number, images in enumerate(picture.rounds):
        rows = (picture.images == images) & np.isfinite(x)
        color = colormaps["Blues"](0.8 - 0.4 * number / max(1, len(picture.rounds) - 1))
        axes.vlines(x[rows], lows[rows], highs[rows], color=color, alpha=0.3, linewidth=4)
        told = f", {images:,} images" if images else ""
        axes.plot(
            x[rows], means[rows], MARKERS[min(number, 5)], color=color, markersize=5,
            label=f"mean, and range of the folds{told}",
        )  # fmt: skip
    axes.plot(x[0], means[0], "*", color=BEST, markersize=13, markeredgecolor="white", label="the best")
    if picture.smallest:
        row = picture.smallest
        axes.plot(
            x[row], means[row], "o", color=SMALLEST, markersize=10, markerfacecolor="none",
            markeredgewidth=1.8, label="the smallest within one standard error",
        )  # fmt: skip
    _label(axes, panel)
    if not np.array_equal(x, panel.values, equal_nan=True):
        axes.set_xlabel(f"{panel.label} (equal ones side by side)")
    far = _find_far_worse(picture)
    if far.any():
        legend = f"{len(np.unique(picture.candidates[far]))} far worse, below the picture"
        bottom, top = _find_limits(picture)
        at = np.full(int(far.sum()), bottom + 0.03 * (top - bottom))
        axes.plot(x[far], at, " ", marker="$\\downarrow$", color="0.4", label=legend)


def _place(panel: Panel, candidates: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return where the rows stand; where values are few, those of the same one side by side.

    Not in the order of their accuracies: that would look like a trend.
    """
    x = panel.values.copy()
    if not panel.choices and not (panel.is_whole and np.ptp(panel.bounds) <= FEW_VALUES):
        return x
    shuffle = np.random.default_rng(0).permutation
    for value in np.unique(panel.values[np.isfinite(panel.values)]):
        beside = np.unique(candidates[panel.values == value])
        offsets = np.linspace(-0.25, 0.25, len(beside)) if len(beside) > 1 else np.zeros(1)
        for candidate, offset in zip(shuffle(beside), offsets, strict=True):
            x[candidates == candidate] += offset
    return x


def _label(axes: Axes, panel: Panel) -> None:
    axes.set_xlabel(panel.label)
    axes.grid(alpha=0.3)
    low, high = panel.bounds
    if panel.choices:
        rotation = 20 if sum(map(len, panel.choices)) > LONGEST_LABELS else 0
        axes.set_xticks(range(len(panel.choices)), panel.choices, rotation=rotation)
        axes.set_xlim(-0.6, len(panel.choices) - 0.4)
    elif panel.is_logarithmic:
        axes.set_xscale("log")
        margin = (high / low) ** 0.06
        axes.set_xlim(low / margin, high * margin)
    elif low < high:
        margin = max(0.06 * (high - low), 0.35 if panel.is_whole else 0)
        axes.set_xlim(low - margin, high + margin)
        axes.xaxis.set_major_locator(MaxNLocator(5, integer=panel.is_whole))
    title = f"best: {panel.best}"
    if panel.edge:
        title += f", at the edge: widen {panel.edge}"
        left = 0.95 if panel.edge.startswith("above") else 0
        strip = Rectangle((left, 0), 0.05, 1, transform=axes.transAxes, color=EDGE, alpha=0.25, lw=0)
        axes.add_patch(strip)
    axes.set_title(title, fontsize=9, color=EDGE if panel.edge else "black")


def _find_far_worse(picture: SearchPicture) -> NDArray[np.bool_]:
    """Return which rows are left below the picture: they would press all others flat."""
    accuracies = 100 * picture.accuracies
    means = accuracies.mean(axis=1)
    best, middle = accuracies[0].max(), np.median(means)
    return np.asarray(means < middle - 3 * max(best - middle, 0.5))


def _find_limits(picture: SearchPicture) -> tuple[float, float]:
    """Return the lowest and highest accuracy that are drawn, in percent."""
    shown = 100 * picture.accuracies[~_find_far_worse(picture)]
    lowest, highest = float(shown.min()), float(shown.max())
    margin = 0.05 * max(highest - lowest, 0.5)
    return lowest - margin, min(highest + margin, 100 + margin)


def _draw_importance(axes: Axes, picture: SearchPicture) -> None:
    told = textwrap.fill(picture.importance, 44)
    panels = [panel for panel in picture.panels if np.isfinite(panel.share)]
    if not panels:
        axes.set_axis_off()
        axes.text(0.5, 0.5, told, ha="center", va="center", fontsize=9, transform=axes.transAxes)
        return
    axes.set_title(told, fontsize=9)
    panels = sorted(panels, key=lambda panel: panel.share)
    shares = [panel.share for panel in panels]
    colors = ["tab:blue" if share > picture.chance else OTHER for share in shares]
    axes.barh([panel.name for panel in panels], shares, 0.6, color=colors)
    axes.axvline(picture.chance, color="black", linestyle="--", linewidth=1)
    n, images = picture.measured
    on = f" on {images:,} images" if images else ""
    axes.set(xlim=(0, 1), xticks=(0, 0.5, 1))
    explained = "share of the variance of the accuracies' ranks that each explains alone"
    chance = "left of the dashed line it may be chance"
    axes.set_xlabel(
        "\n".join(textwrap.wrap(f"{explained} ({n} candidates{on}); {chance}", 46)), fontsize=8
    )
