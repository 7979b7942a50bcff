"""The sections on explanations and on what has no section of its own."""

from collections.abc import Mapping
from typing import Any

from mnistffn.report.blocks import Block, Heading, Section, Text
from mnistffn.report.source import Source

KNOWN = (
    "data",
    "search",
    "train",
    "evaluate",
    "attack",
    "fields",
    "maximize",
    "card",
    "explain",
    "report",
)


def tell_explanations(source: Source) -> Section | None:
    """Return why the network read some images as it did."""
    blocks: list[Block] = []
    for stage in source.find(r"explain-(\d+|picture-.+)"):
        place = stage.removeprefix("explain-")
        name = f"Image {place}" if place.isdecimal() else f"Picture {place.removeprefix('picture-')}"
        heading, sentence = source.read(stage, f"{stage}.json", _tell_image, (name, ""))
        blocks += [Heading(stage, heading), *source.warn(stage)]
        blocks += [Text(sentence)] if sentence else []
        alt = f"What decided about {name.lower()}: pixels, units and the nearest training images."
        caption = f"{name}: what spoke for the reading and against it, and what would change it."
        blocks += source.show(stage, f"{stage}.png", f"{alt} {sentence}".strip(), caption)
    return Section("explanations", "Explanations", blocks) if blocks else None


def _tell_image(content: Mapping[str, Any]) -> tuple[str, str]:
    index, label, read_as = (content[name] for name in ("index", "label", "prediction"))
    name = f"Image {index}" if content.get("file") is None else f"Picture {content['file']}"
    verdict = "rightly read" if label == read_as else "read"
    known = "" if label is None else f"labelled {label}, "
    return f"{name}: {known}{verdict} as {read_as}", str(content["sentence"])


def tell_others(source: Source) -> Section | None:
    """Return the pictures of stages that no other section knows."""
    blocks: list[Block] = []
    for name, stage in source.manifest.stages.items():
        if name.partition("-")[0] in KNOWN:
            continue
        pictures = [file for file in stage.outputs if file.endswith(".png")]
        if pictures:
            blocks += [Heading(f"other-{len(blocks)}", stage.command), *source.warn(name)]
        for file in pictures:
            told = f"Picture {file}, drawn by mnistffn {stage.command}."
            blocks += source.show(name, file, told, file)
    return Section("others", "Other results", blocks) if blocks else None
