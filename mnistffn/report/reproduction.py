"""The sections on how to get the same again, and on what is not there yet."""

import shlex
from collections.abc import Mapping
from typing import Any

from mnistffn.report.blocks import Block, Commands, Facts, Section, Table, Text, spell_option
from mnistffn.report.results import list_sizes
from mnistffn.report.source import Source
from mnistffn.run.files import hash_file
from mnistffn.run.manifest import DataRecord, StageRecord
from mnistffn.run.options import spell_reading
from mnistffn.training.parameters import RECIPE_PARAMETERS, spell_parameter
from mnistffn.training.recipes import RECIPES, combine

STAGE = "report"


def tell_reproduction(source: Source) -> Section | None:
    """Return command lines, seeds, versions, threads and checksums, as run.json has them."""
    stages = {name: s for name, s in source.manifest.stages.items() if name != STAGE}
    if not stages:
        return None
    in_order = sorted(stages.items(), key=lambda stage: stage[1].started)
    commands = [
        (f"mnistffn {spell_command(source, *stage)}", _spell_time(stage[1].ended)) for stage in in_order
    ]
    rows = [
        [
            name,
            *(spell_option(stage.options.get(key)) for key in ("seed", "threads", "device")),
            _spell_time(stage.started),
            _spell_time(stage.ended),
        ]
        for name, stage in in_order
    ]
    columns = ["stage", "seed", "threads", "device", "began", "ended"]
    blocks: list[Block] = [
        Text("The commands in the order in which they began, each with the time at which it ended:"),
        Commands(commands),
        *_tell_seed(source.manifest.data, stages.get("train")),
        Table("When, where and with which seed", columns, rows),
        *_list_versions(stages),
        _list_files(source, stages),
    ]
    for name, stage in in_order:
        options = [(key, spell_option(value)) for key, value in stage.options.items()]
        if options and name.partition("-")[0] in ("search", "evaluate", "attack"):
            blocks.append(Facts(options, f"All options of {name}"))
    return Section("reproduction", "Reproduction", blocks)


def _spell_time(iso: str) -> str:
    """Return a time of run.json, which is UTC, as a person reads it."""
    return iso.replace("T", " ", 1).replace("+00:00", " UTC")


def _tell_seed(data: DataRecord | None, train: StageRecord | None) -> list[Block]:
    if data is None or train is None:
        return []
    told = "Same data, seed, versions and number of threads give the same network, bit for bit."
    if train.options.get("seed") != data.split_seed:
        told += f" The split's own seed is {data.split_seed}, that of the run's first command."
    return [Text(told)]


def _list_versions(stages: Mapping[str, StageRecord]) -> list[Block]:
    found: dict[str, list[str]] = {}
    for stage in stages.values():
        for package, version in stage.versions.items():
            versions = found.setdefault(package, [])
            if version not in versions:
                versions.append(version)
    return [Table("Versions", ["package", "version"], [[p, ", ".join(v)] for p, v in found.items()])]


def _list_files(source: Source, stages: Mapping[str, StageRecord]) -> Table:
    rows = []
    for name, stage in stages.items():
        for file, digest in stage.outputs.items():
            found = hash_file(source.run.path / file)
            state = "as written" if found == digest else "changed since" if found else "missing"
            rows.append([file, name, state, digest])
    good = sum(row[2] == "as written" for row in rows)
    caption = f"Files with their SHA-256: {good} of {len(rows)} are as their commands wrote them"
    return Table(caption, ["file", "stage", "now", "SHA-256"], rows, folded=True)


def spell_command(source: Source, name: str, stage: StageRecord) -> str:
    """Return the command line of a stage, that of the training with all that it was resolved to."""
    if name == "train" and (line := spell_training(stage.options, source.manifest.data)):
        return line
    return stage.command


def spell_training(options: Mapping[str, Any], data: DataRecord | None) -> str | None:
    """Return the command line that trains the same network, None where none does.

    What the recipe sets is left to it; layer sizes and all else that differs is spelled out.
    """
    recipe = RECIPES.get(str(options.get("recipe")))
    names = [row.name for row in RECIPE_PARAMETERS]
    if recipe is None or data is None or any(name not in options for name in names):
        return None
    given = {name: options[name] for name in names if options[name] != recipe.get(name, ())}
    if combine(recipe, given) != {name: options[name] for name in names}:
        given |= {name: options[name] for name in ("schedule", "patience")}
    if any(value is None or isinstance(value, dict) for value in given.values()):
        return None
    words = ["train", *([data.path] if data.path else []), "--recipe", options["recipe"]]
    for name, value in given.items():
        words += spell_parameter(name, value)
    words += _spell_reading(data)
    for name, usual in {"seed": None, "threads": None, "precision": "float32", "device": "cpu"}.items():
        value = options.get(name)
        if value != usual and not isinstance(value, list):
            words += [f"--{name}", str(value)]
    return shlex.join(words)


def _spell_reading(data: DataRecord) -> list[str]:
    """Return the options that say how a data file is read and split."""
    words = [] if data.test_size == 0.1 else ["--test-size", repr(data.test_size)]
    if data.requested_orientation != "auto":
        words += ["--orientation", data.requested_orientation]
    for name, value in data.requested.items():
        words += spell_reading(name, value)
    return [*words, "--unique"] if data.unique else words


def tell_missing(source: Source) -> Section | None:
    """Return the commands that would add what the page has not."""
    missing = list_missing(source)
    if not missing:
        return None
    told = Text("Each of these adds a part; run mnistffn report once more after it.")
    return Section("missing", "Not in this report yet", [told, Commands(missing)])


def list_missing(source: Source) -> list[tuple[str, str]]:
    """Return these commands, each with what it adds, in an order in which they can be run."""
    has, data, n_layers = source.has, source.manifest.data, len(list_sizes(source))
    path = f" {shlex.quote(data.path)}" if data and data.path else ""
    hidden = "" if has("search") else " --hidden 360,187"
    wanted: list[tuple[bool, str, str]] = [
        (has("data"), f"data{path}", "what is in the data file, and its contact sheet"),
        (has("search"), f"search{path}", "a search for layer sizes and dropout"),
        (has("train"), f"train{path}{hidden}", "the network"),
        (has("evaluate"), "evaluate", "accuracy, confusion, calibration and examples"),
        (has("attack"), "evaluate --attack 0.05,0.1", "robustness"),
    ]
    for layer in range(n_layers, 0, -1):
        top, units = ("", "") if layer == n_layers else (" --top 20", " --units 0-9")
        fields, maximize = (f"{kind} --layer {layer}" for kind in ("fields", "maximize"))
        is_there = has(f"fields-layer{layer}"), has(f"maximize-layer{layer}")
        wanted += [
            (is_there[0], f"{fields}{top}", f"receptive fields of layer {layer}"),
            (is_there[1], f"{maximize}{units}", f"maximizing images of layer {layer}"),
        ]
    explained = bool(source.find(r"explain-\d+"))
    wanted.append((explained, "explain", "why the network read images as it did"))
    return [(source.run.spell(command), what) for there, command, what in wanted if not there]
