"""What a command tells of the data that it works on."""

from collections.abc import Sequence

from mnistffn.data import Dataset, Split, describe_balance
from mnistffn.progress import Progress
from mnistffn.run.manifest import DataRecord, Manifest
from mnistffn.wording import count


def describe_data(dataset: Dataset, split: Split, record: DataRecord, progress: Progress) -> None:
    describe_file(dataset, progress)
    balance, problem = describe_balance(dataset.labels, split)
    told = {
        "given": "the file's own test part",
        "grouped": f"whole groups, seed {record.split_seed}",
        "stratified": f"seed {record.split_seed}",
        "random": f"seed {record.split_seed}",
    }
    n_train, n_test = len(split.train), len(split.test)
    parts = f"{n_train:,} to train on, {n_test:,} for testing"
    progress.note(f"split: {parts} ({told[record.split]}); {balance}")
    if "validation" in dataset.parts:
        progress.note("the file's validation part belongs to the images to train on")
    if problem:
        progress.note(f"warning: {problem}")
    if record.n_trained_on:
        warn_of_shared(record.n_trained_on, n_test, progress, "; --unique leaves repeats out")


def describe_replacement(before: DataRecord, now: DataRecord, stages: Sequence[str]) -> str:
    """Return what a run loses to other data, or to another reading or split of its own."""
    lost = f"{', '.join(stages)} will be out of date; another --run-dir keeps both"
    if before.sha256 == now.sha256:
        return f"the run's data are read or split in another way than before: {lost}"
    was, comes = (record.path or "the built-in digits" for record in (before, now))
    return f"this run is about {was} so far, and {comes} takes its place: {lost}"


def warn_of_shared(n_shared: int, n: int, progress: Progress, remedy: str = "") -> None:
    progress.note(
        f"warning: {n_shared:,} of the {n:,} images for testing are among those to train on as well: "
        f"accuracy on them says little{remedy}"
    )


def warn_of_another(manifest: Manifest, progress: Progress) -> None:
    """Say where ``data`` has looked at a file, and the built-in digits are taken."""
    if file := manifest.looked_at:
        progress.note(
            f"warning: these are the built-in digits, not {file}, which mnistffn data looked at: to "
            f"take that, give it as DATA"
        )


def describe_file(dataset: Dataset, progress: Progress) -> None:
    height, width = dataset.image_shape
    layout = dataset.layout
    if dataset.is_builtin:
        progress.note("data: no file given, so scikit-learn's built-in digits (8 by 8 pixels)")
    else:
        progress.note(f"data: {dataset.source}: {layout.images}, {layout.labels}")
    progress.note(
        f"images: {len(dataset.labels):,} of {height} by {width} pixels, "
        f"values {layout.value_range}, {layout.orientation} ({layout.evidence})"
    )
    if layout.polarity == "dark":
        progress.note(f"ink: dark in the file, inverted here ({layout.polarity_evidence})")
    if layout.labels_mean != "as-is":
        progress.note(f"labels: {layout.labels_mean} ({layout.labels_evidence})")
    for warning in layout.warnings:
        progress.note(f"warning: {warning}")
    if n_blank := int((~dataset.flat.any(axis=1)).sum()):
        progress.note(f"warning: {count(n_blank, 'blank image')}")
