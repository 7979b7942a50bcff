"""A page about one unit."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from mnistffn.figures.fields import R2, find_bound, name_kinds, spell_change, spell_r2
from mnistffn.figures.maximize import NEIGHBOURS, find_range, spell_activation
from mnistffn.figures.mosaic import DPI, MARK, join_tiles
from mnistffn.wording import list_few

POSITIVE, NEGATIVE, OTHER = "tab:red", "tab:blue", "0.6"


def draw_card(
    arrays: Mapping[str, NDArray[np.float32]],
    content: Mapping[str, Any],
    heading: str,
    kinds: Mapping[Any, str],
) -> Figure:
    """Draw what is known of one unit.

    Parameters
    ----------
    arrays, content : mapping
        What card-layer<i>-unit<u>.npz and .json hold.
    heading : str
    kinds : mapping of str to str
        The kinds of fields, and what each is.
    """
    layout = ConstrainedLayoutEngine(rect=(0.02, 0.02, 0.96, 0.96), h_pad=0.12)
    figure = Figure((11, 8.2), dpi=DPI, layout=layout)
    figure.suptitle(f"{heading}\n{R2}", x=0.02, ha="left", fontsize=11)
    bands: Any = figure.subfigures(3, 1, height_ratios=(3, 2.6, 3))
    top, middle, bottom = bands
    names = name_kinds({kind: arrays[kind] for kind in kinds})
    maximizing, *panels = top.subplots(1, 1 + len(names))
    _draw_gray(maximizing, arrays["maximizing"], find_range(arrays["maximizing"]))
    maximizing.set_title(f"maximizing image\n{_describe_activation(content['score'])}", fontsize=9)
    for axes, (kind, name) in zip(panels, names.items(), strict=True):
        _draw_field(axes, arrays[kind], arrays["varying"].astype(bool))
        r2 = content["r2"][kind]
        axes.set_title(f"{name}: {spell_r2(r2)}\n{kinds[kind]}", fontsize=9)
    for axes, name, title in zip(
        middle.subplots(2, 1),
        ("most_real", "least_real"),
        ("training images that excite it most", "training images that excite it least"),
        strict=True,
    ):
        images = arrays[name]
        strip = join_tiles([image[None] for image in images], len(images), filling=1.0)[0]
        _draw_gray(axes, strip, (0.0, 1.0))
        axes.set_title(title, fontsize=9, loc="left")
    classes, outgoing, card = bottom.subplots(1, 3, width_ratios=(1.2, 1.2, 1))
    _draw_classes(classes, content)
    _draw_outgoing(outgoing, content["outgoing"])
    card.set_axis_off()
    text = card.text(0, 1, "\n".join(_describe(content)), va="top", fontsize=9, linespacing=1.4)
    if content["score"]["problem"]:
        text.set_color(MARK)
        maximizing.title.set_color(MARK)
    return figure


def _draw_gray(axes: Axes, image: NDArray[np.float32], ends: tuple[float, float]) -> None:
    axes.imshow(image, cmap="gray", vmin=ends[0], vmax=ends[1], interpolation="nearest")
    axes.set_axis_off()


def _draw_field(axes: Axes, field: NDArray[np.float32], varying: NDArray[np.bool_]) -> None:
    bound = find_bound(field[None])
    colors = colormaps["RdBu_r"].with_extremes(bad="0.88")
    shown = np.where(varying, field, np.nan)
    axes.imshow(shown, cmap=colors, vmin=-bound, vmax=bound, interpolation="nearest")
    axes.set_axis_off()
    axes.text(0.5, -0.03, f"±{bound:.2g}", ha="center", va="top", fontsize=8, transform=axes.transAxes)


def _draw_classes(axes: Axes, content: Mapping[str, Any]) -> None:
    means, classes = content["class_means"], content["classes"]
    colors = [POSITIVE if label in content["prefers"] else OTHER for label in classes]
    axes.bar(range(len(means)), means, color=colors)
    widest = max(len(str(label)) for label in classes)
    shown = range(0, len(classes), -(-len(classes) * widest // 24))  # what does not overlap
    axes.set(xticks=shown, xticklabels=[str(classes[place]) for place in shown])
    axes.set_ylim(0, max(means) * 1.05 or 1)
    axes.set_title("mean activation by class", fontsize=9)
    axes.tick_params(labelsize=8)


def _draw_outgoing(axes: Axes, outgoing: Sequence[tuple[str, float]]) -> None:
    if not outgoing:
        axes.set_axis_off()
        axes.text(0.5, 0.5, "an output unit:\nno outgoing weights", ha="center", fontsize=9)
        return
    weights = [weight for _, weight in outgoing]
    colors = [POSITIVE if weight > 0 else NEGATIVE for weight in weights]
    axes.barh(range(len(weights)), weights, color=colors)
    axes.set(yticks=range(len(weights)), yticklabels=[f"to {name}" for name, _ in outgoing])
    axes.invert_yaxis()
    axes.axvline(0, color="black", linewidth=0.8)
    axes.set_title("strongest outgoing weights", fontsize=9)
    axes.tick_params(labelsize=8)
    axes.xaxis.set_major_locator(MaxNLocator(4))


def _describe_activation(score: Mapping[str, Any]) -> str:
    value, best = spell_activation(score)
    return f"value {value}" + f" = {best} of best" * bool(best)


def _describe(content: Mapping[str, Any]) -> list[str]:
    score = content["score"]
    prefers = list_few(content["prefers"]) or "no class"
    lines = [
        f"prefers {prefers} (selectivity {content['selectivity']:.2f})",
        "dead" if content["dead"] else f"on for {100 * content['on']:.1f}% of the training images",
        f"accuracy without it: {spell_change(content)} points",
        "",
        "The maximizing image",
    ]
    lines += [score["problem"].replace(": ", ":\n")] if score["problem"] else []
    n_neighbours = round(NEIGHBOURS * score["neighbours_probability"])
    lines += [
        f"is read as {score['prediction']} ({score['probability']:.2f}) by the network",
        f"and as {score['neighbours_prediction']} ({n_neighbours} of {NEIGHBOURS}) by neighbours",
        f"{score['distance_rank']:.0%} of real images are nearer to training",
        f"the unit ranks {score['rank']} in its layer",
    ]
    if score["agreement"] is not None:
        lines.append(f"starts agree by {score['agreement']:.2f}")
    if score["survival"] is not None:
        lines.append(f"a small shift leaves {score['survival']:.0%} of the value")
    return lines
