"""The sections on what a run began with: its data, the search and the training."""

from collections.abc import Mapping, Sequence
from math import isnan
from typing import Any

from mnistffn.report.blocks import (
    NOTHING,
    Block,
    Facts,
    Section,
    Table,
    Text,
    spell,
    spell_interval,
    spell_option,
)
from mnistffn.report.source import Source
from mnistffn.run.manifest import DataRecord
from mnistffn.wording import count

SPLITS = {
    "given": "the file's own test part",
    "grouped": "whole groups to one side, by chance",
    "stratified": "by chance, the classes in proportion",
    "random": "by chance",
}


def tell_data(source: Source) -> Section | None:
    """Return what is known of the data, with the contact sheet where one was drawn."""
    blocks: list[Block] = []
    if record := source.manifest.data:
        blocks.append(Facts(_list_data(record)))
    if source.has("data"):
        blocks += source.warn("data")
        blocks += source.read("data", "data.json", lambda content: _tell_file(content, record), [])
        alt = "Contact sheet: the first images of every class, a row each, as they are read."
        caption = "The first images of every class, upright and bright on dark."
        blocks += source.show("data", "data.png", alt, caption)
    return Section("data", "Data", blocks) if blocks else None


def _list_data(record: DataRecord) -> list[tuple[str, str]]:
    height, width = record.image_shape
    layout = record.layout
    given = [
        ("file", record.path or "none: scikit-learn's built-in digits"),
        ("images", f"{record.n:,} of {height} by {width} pixels ({layout.get('images', NOTHING)})"),
        ("classes", ", ".join(map(str, record.classes))),
        ("upright", f"{record.orientation} ({layout.get('evidence', NOTHING)})"),
        ("values", str(layout.get("value_range", NOTHING))),
        ("split", f"{record.n_train:,} to train on, {record.n_test:,} for testing"),
        ("how", f"{SPLITS[record.split]}; seed {record.split_seed}"),
    ]
    if record.n_trained_on:
        shared = f"{record.n_trained_on:,} of the images for testing are among those trained on as well"
        given.append(("beware", f"{shared}: accuracy on them says little"))
    return [*given, ("SHA-256", record.sha256)]


def _tell_file(content: Mapping[str, Any], record: DataRecord | None) -> list[Block]:
    parts = list(content["parts"])
    rows = [
        [label, *(f"{counts[part]:,}" for part in parts)] for label, counts in content["counts"].items()
    ]
    columns = ["class", *("images" if part == "all" else part for part in parts)]
    repeats = (
        f"Images that occurred before: {content['n_repeated']:,}, blank ones: {content['n_blank']:,}."
    )
    warnings = [Text(f"Warning: {warning}.") for warning in content["warnings"]]
    source = content["source"]
    if record and content["sha256"] != record.sha256:
        warnings.append(Text(f"The run is about other data: {source} is what mnistffn data saw last."))
    return [Table(f"Images of every class in {source}", columns, rows), Text(repeats), *warnings]


def tell_search(source: Source) -> Section | None:
    """Return what was searched and what came of it."""
    if not source.has("search"):
        return None
    options = source.manifest.stages["search"].options
    candidates = count(options.get("n_trials", 0), "candidate")
    tried = (
        f"{candidates}, each by cross-validation in {options.get('n_folds')} "
        f"folds of the training part; no image for testing took part."
    )
    blocks = [*source.warn("search"), Text(tried)]
    blocks += source.read("search", "params.json", _tell_selected, [])
    alt = "Accuracy of every candidate of the search, and how it depends on what was searched."
    caption = "Accuracy of the candidates on the folds, and against each parameter that was searched."
    blocks += source.show("search", "search.png", alt, caption)
    blocks += source.read("search", "search.csv", _list_candidates, [])
    return Section("search", "Search", blocks)


def _tell_selected(content: Mapping[str, Any]) -> list[Block]:
    found = content["cv_accuracy"]
    accuracy = f"{found['mean']:.4f}, 95% interval {spell_interval(found['interval'])}"
    chosen = {name: value for name, value in content.items() if name not in ("schema", "cv_accuracy")}
    entries = [(name, spell_option(value)) for name, value in chosen.items()]
    folds = f"{accuracy} over {count(len(found['accuracies']), 'fold')}"
    return [Text("What was handed to the training:"), Facts([*entries, ("accuracy", folds)])]


def _list_candidates(rows: Sequence[Mapping[str, str]]) -> list[Block]:
    columns = list(rows[0])
    cells = [[row[column] for column in columns] for row in rows]
    names = [column.replace("_", " ") for column in columns]
    return [Table("All candidates, the best first", names, cells)]


def tell_training(source: Source) -> Section | None:
    """Return how the network was trained, with the learning curves."""
    if not source.has("train"):
        return None
    record = source.manifest.stages["train"]
    blocks = source.warn("train")
    first = {"layers": spell_layers(source), "recipe": spell_option(record.options.get("recipe"))}
    blocks.append(Facts(list(first.items())))
    kept = record.options.get("best_epoch")
    told = source.read("train", "history.csv", lambda rows: _describe_epochs(rows, kept), "")
    alt = f"Learning curves: loss and accuracy after every epoch. {told}"
    caption = "Learning curves. The epoch whose weights were kept is marked."
    blocks += [Text(told)] if told else []
    blocks += source.show("train", "curves.png", alt, caption)
    alt = "Training images, and beside each the same image as augmentation distorts it."
    caption = "What the network is shown: images as they are, and as one epoch distorts them."
    blocks += source.show("train", "augmented.png", alt, caption)
    blocks += source.read("train", "history.csv", _list_epochs, [])
    options = [(name.replace("_", " "), spell_option(v)) for name, v in record.options.items()]
    return Section("training", "Training", [*blocks, Facts(options, "All settings of the training")])


def spell_layers(source: Source) -> str:
    """Return the sizes of all layers, as in 784-360-187-10, or nothing."""
    data = source.manifest.data
    sizes = list_sizes(source)
    if data is None or not sizes:
        return NOTHING
    height, width = data.image_shape
    return "-".join(map(str, [height * width, *sizes]))


def list_sizes(source: Source) -> list[int]:
    """Return the sizes of the hidden layers and of the output, none where it is not known."""
    data, stages = source.manifest.data, source.manifest.stages
    hidden = stages["train"].options.get("hidden") if "train" in stages else None
    if data is None or not isinstance(hidden, list):
        return []
    return [*hidden, len(data.classes)]


def _describe_epochs(rows: Sequence[Mapping[str, str]], kept: int | None) -> str:
    [best] = [row for row in rows if row["epoch"] == str(kept)]
    text = f"{count(len(rows), 'epoch')}; the weights of epoch {kept} were kept, with training loss "
    text += spell(float(best["train_loss"]))
    valid = float(best["valid_loss"])
    if not isnan(valid):
        accuracy = spell(float(best["valid_accuracy"]))
        text += f", validation loss {spell(valid)} and validation accuracy {accuracy}"
    return f"{text}."


def _list_epochs(rows: Sequence[Mapping[str, str]]) -> list[Block]:
    """Return the table of all epochs without the columns that have no numbers."""
    columns = [name for name in rows[0] if any(row[name] != "nan" for row in rows)]
    cells = [[NOTHING if row[name] == "nan" else row[name] for name in columns] for row in rows]
    names = [name.replace("_", " ") for name in columns]
    return [Table("Every epoch", names, cells, folded=True)]
