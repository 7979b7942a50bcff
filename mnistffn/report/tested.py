"""The sections on how well the network reads: evaluation, the document's figures, robustness."""

from collections.abc import Mapping
from typing import Any

from mnistffn.report.blocks import (
    Block,
    Facts,
    Heading,
    Section,
    Table,
    Text,
    Tiles,
    spell,
    spell_interval,
    spell_short,
)
from mnistffn.report.results import list_sizes, spell_layers
from mnistffn.report.source import Source
from mnistffn.wording import count

Content = Mapping[str, Any]
NORMS = {"linf": "L∞", "l2": "L2"}


def tell_summary(source: Source) -> Section | None:
    """Return the few numbers that count, of those that there are."""
    tiles: list[tuple[str, str, str]] = []
    if source.has("evaluate"):
        tiles += source.read("evaluate", "metrics.json", _list_tiles, [])
    if source.has("attack"):
        tiles += source.read("attack", "robustness.json", _list_attack_tiles, [])
    if source.has("train"):
        recipe = source.manifest.stages["train"].options.get("recipe")
        tiles.append((spell_layers(source), "units, from pixels to classes", f"recipe {recipe}"))
    return Section("summary", "At a glance", [Tiles(tiles)]) if tiles else None


def _list_tiles(found: Content) -> list[tuple[str, str, str]]:
    interval = f"95% interval {spell_interval(found['interval'])}"
    errors = f"of {found['n']:,} images"
    return [
        (spell(found["accuracy"]), "accuracy on the test part", interval),
        (f"{found['errors']:,}", "error" if found["errors"] == 1 else "errors", errors),
    ]


def _list_attack_tiles(found: Content) -> list[tuple[str, str, str]]:
    row = found["accuracies"][-1]
    strength = f"PGD, {NORMS[found['norm']]}, strength {row['strength']:g}"
    return [(spell(row["accuracy"]), "accuracy under attack", strength)]


def tell_evaluation(source: Source) -> Section | None:
    """Return what all tests found, that on the run's own test part first."""
    stages = ["evaluate"] if source.has("evaluate") else []
    stages += sorted(name for name in source.manifest.stages if name.startswith("evaluate-"))
    blocks: list[Block] = []
    for stage in stages:
        blocks += _tell_test(source, stage, stage.removeprefix("evaluate"))
    return Section("evaluation", "Evaluation", blocks) if blocks else None


def _tell_test(source: Source, stage: str, suffix: str) -> list[Block]:
    place = f"evaluation{suffix}"
    blocks: list[Block] = []
    if suffix:
        blocks.append(Heading(place, f"On {source.manifest.stages[stage].options.get('source')}"))
    blocks += source.warn(stage)
    file = f"metrics{suffix}.json"
    blocks += source.read(stage, file, _tell_metrics, [])
    confused = source.read(stage, file, _describe_confused, "")
    alt = f"Confusion matrix: how often each label, a row, is read as each class, a column. {confused}"
    caption = "Confusion matrix: labels are rows, what the network reads are columns."
    blocks += source.show(stage, f"confusion{suffix}.png", alt, caption)
    blocks.append(Heading(f"{place}-confused", "Which classes are confused"))
    blocks += source.read(stage, file, _list_pairs, [])
    alt = f"The surest errors of the pairs of classes that are confused most often. {confused}"
    caption = "The surest errors of the pairs that are confused most often, a pair a row."
    blocks += source.show(stage, f"confused{suffix}.png", alt, caption)
    blocks.append(Heading(f"{place}-calibration", "Whether the probabilities can be believed"))
    blocks += source.read(stage, file, _tell_calibration, [])
    believed = source.read(stage, file, lambda m: spell(m["calibration_error"]), "")
    alt = (
        "Left, accuracy against the network's own probability; right, errors that remain if it answers "
        f"only where it is sure. Calibration error {believed}."
    )
    caption = "Accuracy against confidence, and the errors that are left when only sure answers count."
    blocks += source.show(stage, f"calibration{suffix}.png", alt, caption)
    if suffix:  # of the run's own test part they are the document's first figure
        blocks += _show_examples(source, stage, suffix)
    blocks.append(Heading(f"{place}-labels", "Labels to look at"))
    blocks += source.read(stage, file, _list_doubtful, [])
    alt = "Images whose label the network doubts, each with its label and what the network suggests."
    caption = "Labels that may be wrong. The network may be wrong itself: look before you change one."
    return blocks + source.show(stage, f"labels{suffix}.png", alt, caption)


def _tell_metrics(found: Content) -> list[Block]:
    entries = [
        ("images", f"{found['n']:,}: {found['source']}"),
        ("accuracy", f"{spell(found['accuracy'])}, 95% interval {spell_interval(found['interval'])}"),
        ("errors", f"{found['errors']:,}"),
        ("balanced accuracy", spell(found["balanced_accuracy"])),
        ("macro F1", spell(found["macro_f1"])),
        ("top-2 accuracy", spell(found["top2_accuracy"])),
        ("log loss", spell(found["log_loss"])),
        ("Brier score", spell(found["brier"])),
    ]
    if found["n_trained_on"]:
        entries.append(("beware", f"{found['n_trained_on']:,} of these images were trained on as well"))
    rows = [
        [
            str(row["label"]),
            *(spell(row[name]) for name in ("precision", "recall", "f1")),
            f"{row['n']:,}",
        ]
        for row in found["per_class"]
    ]
    names = [row[0] for row in rows]
    counts = [
        [name, *(f"{count:,}" for count in counts)]
        for name, counts in zip(names, found["confusion"], strict=True)
    ]
    return [
        Facts(entries),
        Table("Every class", ["class", "precision", "recall", "F1", "images"], rows),
        Table("Confusion matrix in numbers", ["label \\ read as", *names], counts, folded=True),
    ]


def _describe_confused(found: Content) -> str:
    pairs = [
        f"{pair['labels'][0]} and {pair['labels'][1]} ({count(sum(pair['counts']), 'error')})"
        for pair in found["confused_pairs"][:3]
    ]
    return f"Most often confused: {', '.join(pairs)}." if pairs else "No image is misread."


def _list_pairs(found: Content) -> list[Block]:
    rows = [
        [f"{first} and {second}", f"{forth:,}", f"{back:,}"]
        for pair in found["confused_pairs"]
        for (first, second), (forth, back) in [(pair["labels"], pair["counts"])]
    ]
    columns = ["classes", "first read as second", "second read as first"]
    if not rows:
        return [Text("No image is misread.")]
    return [Table("Pairs of classes that are confused most often", columns, rows)]


def _tell_calibration(found: Content) -> list[Block]:
    entries = [("calibration error", spell(found["calibration_error"]))]
    if scaling := found["temperature_scaling"]:
        fitted = f"fitted on {scaling['n_fitted_on']:,} images ({scaling['fitted_on']})"
        entries += [
            ("temperature", f"{scaling['temperature']:.3f}, {fitted}"),
            ("calibration error with it", spell(scaling["after"]["calibration_error"])),
            ("log loss with it", spell(scaling["after"]["log_loss"])),
        ]
    if threshold := found["threshold"]:
        reached = f"{threshold['coverage']:.1%} of the images"
        where = f"probability {threshold['threshold']:.4f} on, which {reached} reach"
        entries.append((f"{threshold['wanted']:.1%} right from", where))
    return [Facts(entries)]


def _list_doubtful(found: Content) -> list[Block]:
    rows = [
        [
            str(row["index"]),
            f"{row['label']} ({row['label_probability']:.3f})",
            f"{row['suggested']} ({row['probability']:.3f})",
        ]
        for row in found["labels_to_look_at"]
    ]
    n = found["n_labels_to_look_at"]
    if not rows:
        return [Text("The network doubts no label.")]
    some = f"{n:,}, of which {len(rows)} are listed" if n > len(rows) else f"{n}"
    columns = ["image", "label (probability)", "network reads (probability)"]
    return [Table(f"Labels to look at: {some}", columns, rows)]


def _show_examples(source: Source, stage: str, suffix: str = "") -> list[Block]:
    alt = (
        "Test images with the probability of every class as bars: sure and right, unsure and right, "
        "sure and wrong, and those whose probabilities are most spread out."
    )
    caption = "Examples of the probabilities that the network gives, compared with the labels."
    return source.show(stage, f"examples{suffix}.png", alt, caption)


def tell_document(source: Source) -> Section | None:
    """Return the two figures of the document that the program reproduces."""
    blocks: list[Block] = []
    if source.has("evaluate") and (shown := _show_examples(source, "evaluate")):
        blocks += [Heading("figure-1", "Figure 1: examples of the probabilities"), *shown]
    last = f"fields-layer{len(list_sizes(source))}"
    if source.has(last):
        alt = "Receptive fields of the output layer: what the unit of every class computes."
        caption = (
            "Receptive fields of the units of the last layer. Red pixels speak for a class, blue ones "
            "against it. R² says how far to trust a field. A field is no picture of what its unit "
            "looks for."
        )
        if shown := source.show(last, f"{last}.png", alt, caption):
            heading = Heading("figure-2", "Figure 2: receptive fields of the last layer")
            blocks += [heading, *source.warn(last), *shown]
    if not blocks:
        return None
    told = "The document that this program reproduces has two figures. These are this network's."
    return Section("document", "The document's two figures", [Text(told), *blocks])


def tell_robustness(source: Source) -> Section | None:
    """Return what attacks leave of the accuracy."""
    blocks: list[Block] = []
    for stage in sorted(source.manifest.stages):
        if stage != "attack" and not stage.startswith("attack-"):
            continue
        suffix = stage.removeprefix("attack")
        if suffix:
            options = source.manifest.stages[stage].options
            blocks.append(Heading(f"robustness{suffix}", f"On {options.get('source')}"))
        blocks += source.warn(stage)
        blocks += source.read(stage, f"robustness{suffix}.json", _tell_attack, [])
        alt = "Accuracy against the strength of the attack: how it falls as images may be changed more."
        caption = "Accuracy under attacks of growing strength."
        blocks += source.show(stage, f"robustness{suffix}.png", alt, caption)
        alt = "Images as they are and as an attack changes them, with what the network reads in each."
        caption = "Images, and what an attack of the largest strength makes of them."
        blocks += source.show(stage, f"adversaries{suffix}.png", alt, caption)
    return Section("robustness", "Robustness", blocks) if blocks else None


def _tell_attack(found: Content) -> list[Block]:
    starts = found["n_restarts"]
    tried = "one random start" if starts == 1 else f"the worst of {starts} random starts"
    about = (
        f"Projected gradient descent, {found['n_steps']} steps, {tried}, on {found['n']:,} images; "
        f"changes are measured in {NORMS[found['norm']]}, pixels in [0, 1]."
    )
    rows = [
        [f"{row['strength']:g}", spell(row["accuracy"]), spell_interval(row["interval"])]
        for row in found["accuracies"]
    ]
    blocks: list[Block] = [
        Text(about),
        Table("Accuracy under attack", ["strength", "accuracy", "95% interval"], rows),
    ]
    if (median := found["median_smallest_strength"]) is not None:
        blocks.append(
            Text(f"Half of the images are misread within a strength of {spell_short(median)}.")
        )
    return blocks
