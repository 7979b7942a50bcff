"""A page about why a network read one image as it did."""

import textwrap
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from mnistffn.figures.fields import find_bound
from mnistffn.figures.panels import Frame, Group, Panel, draw_gray, draw_panels

PREDICTION, RIVAL, OTHER = "tab:red", "tab:blue", "0.7"
LONGEST_NAME, LONGEST_LIST = 10, 14
COLORS, NEAREST = "RdBu_r", "nearest"
BORDER: dict[str, Any] = {"color": "0.8", "linewidth": 0.6}

Arrays = Mapping[str, NDArray[Any]]
Content = Mapping[str, Any]


def draw_explanation(arrays: Arrays, content: Content, words: Mapping[str, str]) -> Figure:
    """Draw what is known of why one image is read as it is.

    Parameters
    ----------
    arrays, content : mapping
        What explain-<index>.npz and .json hold.
    words : mapping of str to str
        ``title``, ``text``, and a heading for each of ``pixels``, ``change``, ``units``,
        ``units_below``, ``patterns`` and ``nearest``.
    """
    rows = [
        [
            Group(words["pixels"], _show_pixels(arrays, content)),
            Group(words["change"], _show_change(arrays, content)),
        ]
    ]
    for place, step in zip(("units", "units_below"), content["units"], strict=False):
        panels = _show_units(arrays, step, place)
        if step is content["units"][-1]:
            panels += _show_unit_pixels(arrays, content)
        if panels:
            rows.append([Group(words[place], panels)])
    rows.append(
        [
            Group(words["patterns"], _show_patterns(arrays, content)),
            Group(words["nearest"], _show_nearest(arrays, content)),
        ]
    )
    return draw_panels(words["title"], words["text"], rows)


def shorten(label: Any) -> str:
    """Return the name of a class, as far as there is room for it."""
    text = str(label)
    return text if len(text) <= LONGEST_NAME else f"{text[: LONGEST_NAME - 1]}…"


def _show_pixels(arrays: Arrays, content: Content) -> list[Panel]:
    """Image, probabilities, and the evidence by pixel, on one scale."""
    image = arrays["image"]
    names = ("prediction", "rival", "difference")
    maps = [arrays[f"evidence_{name}"] for name in names]
    bound = max(_find_bound(field) for field in maps)
    one, other = shorten(content["prediction"]), shorten(content["rival"])
    titles = (f"evidence for {one}", f"evidence for {other}", f"for {one}\nrather than {other}")
    second = "label" if content["is_right"] is False else "next"
    about = f"image {content['index']}\n({content['part']} part)"
    if content["file"] is not None:
        about = "what the network saw\nof the picture"
    panels = [
        Panel(partial(draw_gray, image=image), about),
        Panel(
            partial(_draw_bars, values=content["probabilities"], content=content, top=1.0),
            f"probability of each class\n(red: read, blue: {second})",
            width=1.35,
        ),
    ]
    for name, title, field in zip(names, titles, maps, strict=True):
        added = content["pixels"]["added"][name]
        sums = f"sum {added:+.2f}, gap {content['pixels']['gaps'][name]:.4f}"
        draw = partial(_draw_field, field=field, bound=bound, image=image)
        panels.append(Panel(draw, title, sums))
    panels.append(Panel(partial(_draw_scale, bound=bound), width=0.35))
    return panels


def _show_change(arrays: Arrays, content: Content) -> list[Panel]:
    """The image after the smallest change, and the change itself."""
    change, image = content["change"], arrays["image"]
    if change["strength"] is None:
        return [Panel(partial(_draw_text, text="no change was found\nthat turns it over"), width=1.0)]
    difference = arrays["changed"] - image
    bound = max(float(np.abs(difference).max()), 1e-3)
    draw = partial(_draw_field, field=difference, bound=bound, image=image)
    return [
        Panel(
            partial(draw_gray, image=arrays["changed"]),
            f"changed:\nread as {shorten(change['read_as'])}",
        ),
        Panel(draw, "what was changed", f"lighter or darker by {bound:.2g}"),
    ]


def _show_units(arrays: Arrays, step: Content, place: str) -> list[Panel]:
    """The patterns of the units that gave most, and of those that took most."""
    units = step["strongest"] + step["opposed"]
    panels = []
    for unit, pattern in zip(units, arrays.get(f"{place}_patterns", ()), strict=True):
        share = "" if unit["share"] is None else f" ({unit['share']:.0%})"
        prefers = " ".join(shorten(label) for label in unit["prefers"]) or "no class"
        prefers = textwrap.shorten(prefers, LONGEST_LIST, placeholder=" …")
        title = f"unit {unit['unit']}: {unit['contribution']:+.2f}{share}"
        draw = partial(draw_gray, image=pattern)
        lines = f"{title}\nprefers {prefers}"
        color = PREDICTION if unit["contribution"] > 0 else RIVAL
        panels.append(Panel(draw, lines, f"activation {unit['activation']:.2f}", color=color))
    return panels


def _show_unit_pixels(arrays: Arrays, content: Content) -> list[Panel]:
    """What the pixels gave to the strongest unit of the lowest layer that is shown."""
    unit = content["unit_pixels"]
    if unit is None:
        return []
    field = arrays["evidence_unit"]
    bound = _find_bound(field)
    draw = partial(_draw_field, field=field, bound=bound, image=arrays["image"])
    return [
        Panel(
            draw, f"evidence by pixel\nfor unit {unit['unit']}", f"red +{bound:.2g}, blue -{bound:.2g}"
        )
    ]


def _show_patterns(arrays: Arrays, content: Content) -> list[Panel]:
    """How well each class's pattern fits, the label's, and where the image departs from it."""
    shown = content["prediction"] if content["label"] is None else content["label"]
    label = content["classes"].index(shown)
    agreement = [value or 0.0 for value in content["agreement"]]
    draw = partial(_draw_bars, values=agreement, content=content, top=max(*agreement, 0.1) * 1.08)
    departure = partial(_draw_field, field=arrays["departure"], bound=1.0, image=None)
    name = shorten(shown)
    return [
        Panel(draw, "agreement with the\npattern of each class", width=1.35),
        Panel(partial(draw_gray, image=arrays["class_patterns"][label]), f"pattern of {name}"),
        Panel(departure, f"image less pattern\nof {name}", "red: too much, blue: missing"),
    ]


def _show_nearest(arrays: Arrays, content: Content) -> list[Panel]:
    """The nearest training images of the two classes, in pixels and in the last hidden layer."""
    panels = []
    for place, pair in content["nearest"].items():
        where = {"pixels": "in pixels", "hidden": "in the last hidden layer"}[place]
        for role in ("prediction", "rival"):
            found = pair[role]
            draw = partial(draw_gray, image=arrays[f"nearest_{place}_{role}"])
            title = f"nearest {shorten(content[role])}\n{where}"
            panels.append(Panel(draw, title, f"image {found['index']}, {found['distance']:.3g} away"))
    return panels


def _draw_field(frame: Frame, field: NDArray[Any], bound: float, image: NDArray[Any] | None) -> None:
    """Draw what is above 0 red and below blue, and the outline of the image's strokes."""
    left, right, bottom, top = extent = frame.fit(field.shape)
    frame.page.imshow(
        field, COLORS, aspect="auto", extent=extent, vmin=-bound, vmax=bound, interpolation=NEAREST
    )
    frame.page.plot([left, right, right, left, left], [bottom, bottom, top, top, bottom], **BORDER)
    if image is not None and image.min() < 0.5 < image.max():
        height, width = image.shape
        step = (right - left) / width
        x, y = left + step * (np.arange(width) + 0.5), top - step * (np.arange(height) + 0.5)
        frame.page.contour(x, y, image, [0.5], colors="0.35", linewidths=0.6)


def _draw_scale(frame: Frame, bound: float) -> None:
    """Draw the colours of the evidence."""
    colors = np.linspace(1, -1, 128)[:, None]
    x, top = frame.left + 0.12, frame.bottom + frame.height
    extent = (frame.left, x, frame.bottom, top)
    frame.page.imshow(colors, COLORS, aspect="auto", extent=extent, vmin=-1, vmax=1)
    for part in (-1, 0, 1):
        y = frame.bottom + frame.height * (part + 1) / 2
        text = f"{part * bound:+.2g}" if part else "0"
        frame.page.text(x + 0.05, y, text, va=("bottom", "center", "top")[part + 1], fontsize=7)
    frame.page.text(x - 0.06, top + 0.05, "logits", ha="center", fontsize=7)


def _draw_bars(frame: Frame, values: Sequence[float], content: Content, top: float) -> None:
    """Draw a bar for every class; the prediction's red, the rival's blue."""
    axes, classes = frame.make_axes(inset=0.28), content["classes"]
    colors = {content["prediction"]: PREDICTION, content["rival"]: RIVAL}
    axes.bar(range(len(classes)), values, color=[colors.get(label, OTHER) for label in classes])
    widest = max(len(shorten(label)) for label in classes)
    shown = range(0, len(classes), -(-len(classes) * (widest + 1) // 28))  # what does not overlap
    axes.set(xticks=shown, xticklabels=[shorten(classes[place]) for place in shown])
    axes.set_ylim(min(0.0, *values) * 1.08, top)
    axes.tick_params(labelsize=7, length=2)
    axes.axhline(0, color="black", linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)


def _draw_text(frame: Frame, text: str) -> None:
    x, y = frame.left + frame.width / 2, frame.bottom + frame.height / 2
    frame.page.text(x, y, text, ha="center", va="center", fontsize=8)


def _find_bound(field: NDArray[Any]) -> float:
    return max(find_bound(field[None].astype(np.float32)), 1e-6)
