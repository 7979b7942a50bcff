"""The section on what is inside the network: fields, maximizing images and cards, layer by layer."""

from collections.abc import Mapping
from typing import Any

from mnistffn.inside.options import MEANINGS
from mnistffn.report.blocks import (
    Block,
    Heading,
    Section,
    Text,
    Unit,
    Units,
    spell,
    spell_part,
    spell_short,
)
from mnistffn.report.results import list_sizes
from mnistffn.report.source import Source
from mnistffn.wording import count

Content = Mapping[str, Any]
Found = dict[str, Unit]
STRONGEST = 3  # outgoing weights of a unit that are told


def tell_inside(source: Source) -> Section | None:
    """Return fields, maximizing images and cards of every layer of which there are any."""
    n_layers = len(list_sizes(source))
    stages = source.find(r"(fields|maximize)-layer\d+") + source.find(r"card-layer\d+-unit\S+")
    layers = sorted({int(name.partition("-layer")[2].partition("-")[0]) for name in stages})
    blocks: list[Block] = []
    for layer in layers:
        name = f"Layer {layer}, the output" if layer == n_layers else f"Layer {layer}"
        blocks.append(Heading(f"layer{layer}", name))
        blocks += _tell_layer(source, layer, is_last=layer == n_layers)
    if not blocks:
        return None
    meanings = "; ".join(f"{kind}: {meaning}" for kind, meaning in MEANINGS.items())
    told = Text(f"The kinds of receptive fields: {meanings}. R² says how far to trust each.")
    return Section("inside", "Inside the network", [told, *blocks])


def _tell_layer(source: Source, layer: int, *, is_last: bool) -> list[Block]:
    units: Found = {}
    blocks: list[Block] = []
    fields, maximize = f"fields-layer{layer}", f"maximize-layer{layer}"
    if source.has(fields):
        blocks += _tell_fields(source, fields, layer, units, is_last=is_last)
    if source.has(maximize):
        blocks += source.warn(maximize)
        stale = _mark(source, maximize)
        told = source.read(
            maximize, f"{maximize}.json", lambda c: _add_scores(c, layer, units, stale), ""
        )
        alt = f"Images that excite units of layer {layer} most, above the real images that do. {told}"
        caption = f"Maximizing images of layer {layer}, with the training images that excite most."
        if f"{maximize}.gif" in source.manifest.stages[maximize].outputs:
            caption += f" The ascent moves in {maximize}.gif, in the run directory."
        blocks += source.show(maximize, f"{maximize}.png", alt, caption)
    cards: list[Block] = []
    for stage in source.find(rf"card-layer{layer}-unit\S+"):
        cards += _tell_card(source, stage, layer, units)
    if units:
        caption = (
            f"Units of layer {layer}, each with the classes that it prefers. Point at one, or move to "
            "it by the Tab key, for its numbers:"
        )
        blocks.append(Units(caption, list(units.values())))
    return blocks + cards


def _tell_fields(source: Source, stage: str, layer: int, units: Found, *, is_last: bool) -> list[Block]:
    blocks = source.warn(stage)
    stale = _mark(source, stage)
    told = source.read(stage, f"{stage}.json", lambda c: _add_fields(c, layer, units, stale), "")
    if is_last:
        return [*blocks, Text(f"{told} The fields are figure 2 of the document's two, above.")]
    alt = f"Receptive fields of units of layer {layer}: what each computes from the pixels. {told}"
    caption = f"Receptive fields of layer {layer}. Red pixels raise the unit, blue ones lower it."
    return blocks + source.show(stage, f"{stage}.png", alt, caption)


def _add_fields(content: Content, layer: int, units: Found, stale: str) -> str:
    for unit in content["units"]:
        found = _find(units, layer, unit["name"], _hint(unit))
        found.groups.append((f"What it does{stale}", list_statistics(unit)))
    n_dead = sum(bool(unit["dead"]) for unit in content["units"])
    return f"{count(len(content['units']), 'unit')}, {n_dead} of them dead."


def _add_scores(content: Content, layer: int, units: Found, stale: str) -> str:
    scores = content["scores"]
    for score in scores:
        found = _find(units, layer, score["objective"], "")
        found.groups.append((f"Its maximizing image{stale}", list_score(score)))
    n_good = sum(score["problem"] is None for score in scores)
    return f"{n_good} of {len(scores)} were maximized without a problem."


def _tell_card(source: Source, stage: str, layer: int, units: Found) -> list[Block]:
    notes = source.warn(stage)
    stale = _mark(source, stage)
    name = stage.partition("-unit")[2]

    def add(content: Content) -> str:
        found = _find(units, layer, content["name"], _hint(content))
        has = {title.removesuffix(stale) for title, _ in found.groups}
        numbers = {"What it does": list_statistics(content)}
        numbers["Its maximizing image"] = list_score(content["score"])
        found.groups.extend((f"{t}{stale}", entries) for t, entries in numbers.items() if t not in has)
        prefers = ", ".join(map(str, content["prefers"])) or "no class"
        return f"It prefers {prefers} and is on for {content['on']:.0%} of the images."

    told = source.read(stage, f"{stage}.json", add, "")
    alt = f"Card of unit {name} of layer {layer}: fields, maximizing image and weights. {told}"
    caption = f"Card of unit {name} of layer {layer}."
    return [*notes, *source.show(stage, f"{stage}.png", alt, caption)]


def _find(units: Found, layer: int, name: Any, hint: str) -> Unit:
    """Return the unit of a name, which may be a class or a direction."""
    text = str(name)
    return units.setdefault(text, Unit(f"layer{layer}-{len(units)}", text, hint))


def _hint(unit: Content) -> str:
    return " ".join(map(str, unit["prefers"]))


def _mark(source: Source, stage: str) -> str:
    return " (out of date)" if stage in source.stale else ""


def list_statistics(unit: Content) -> list[tuple[str, str]]:
    """Return what a unit does, of the JSON of fields and cards."""
    ablation = f"{unit['ablation']:.4f} ± {unit['ablation_se']:.4f}"
    outgoing = [f"{weight:+.2f} to {name}" for name, weight in unit["outgoing"][:STRONGEST]]
    entries = [
        ("prefers", ", ".join(map(str, unit["prefers"])) or "no class"),
        ("on for", "dead: no image" if unit["dead"] else f"{unit['on']:.1%} of the images"),
        ("selectivity", spell(unit["selectivity"], 2)),
        ("accuracy lost without it", ablation),
        ("R²", ", ".join(f"{kind} {spell(r2, 2)}" for kind, r2 in unit["r2"].items())),
    ]
    if unit.get("effect") is not None:
        entries.insert(3, ("effect of silencing it", spell_short(unit["effect"])))
    return [*entries, ("strongest weights", ", ".join(outgoing))] if outgoing else entries


def list_score(score: Content) -> list[tuple[str, str]]:
    """Return what is to be thought of a maximizing image."""
    rank = "" if score["rank"] is None else f", place {score['rank']} in its layer"
    best = f"{spell(score['activation'], 2)} (best real image {spell(score['best_real'], 2)}){rank}"
    neighbours = f"{score['neighbours_prediction']} ({score['neighbours_probability']:.2f})"
    entries = [
        ("pre-activation", best),
        ("network reads", f"{score['prediction']} ({score['probability']:.2f})"),
        ("its neighbours are", neighbours),
        ("held-out images nearer to real ones", spell_part(score["distance_rank"])),
        ("starts agree", spell(score["agreement"], 2)),
        ("left after a shift", spell(score["survival"], 2)),
    ]
    return [*entries, ("problem", score["problem"])] if score["problem"] else entries
