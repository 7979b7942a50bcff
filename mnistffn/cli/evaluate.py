"""The face of the evaluation."""

from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mnistffn.cli import options as opt
from mnistffn.cli.values import read_seed, read_strength
from mnistffn.errors import GateError
from mnistffn.training.parameters import PARAMETERS, Norm
from mnistffn.wording import count

if TYPE_CHECKING:
    from mnistffn.cli.table import FittedTable
    from mnistffn.evaluation.findings import Findings
    from mnistffn.evaluation.metrics import Metrics

ATTACK = "Under attack"


def read_accuracy(text: str | float) -> float:
    """Return an accuracy from 0 to 1."""
    with suppress(ValueError):
        if 0 <= (accuracy := float(text)) <= 1:
            return accuracy
    msg = f"{text!r} is no accuracy from 0 to 1"
    raise typer.BadParameter(msg)


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    examples = opt.write_examples(
        "mnistffn evaluate --fail-under 0.96", "mnistffn evaluate --attack 0.05,0.1"
    )
    app.command(epilog=examples)(evaluate)


def evaluate(
    context: typer.Context,
    data: opt.DataArgument = None,
    fail_under: Annotated[
        float | None,
        typer.Option(
            metavar="<float>",
            parser=read_accuracy,
            help="Exit with 3 if the accuracy is lower.",
            show_default=False,
        ),
    ] = None,
    strengths: Annotated[
        str | None,
        typer.Option(
            "--attack",
            metavar="EPS",
            help="Attack the images too (PGD, 20 steps), with strengths as in 0.05,8/255.",
            rich_help_panel=ATTACK,
            show_default=False,
        ),
    ] = None,
    norm: Annotated[
        Norm | None,
        typer.Option(
            "--attack-norm",
            metavar=PARAMETERS["adversarial_norm"].metavar,
            help=PARAMETERS["adversarial_norm"].help,
            show_default="linf",
            rich_help_panel=ATTACK,
        ),
    ] = None,
    n_restarts: Annotated[
        int | None,
        typer.Option(
            "--restarts",
            help="Random starts of every attack.",
            show_default="1",
            rich_help_panel=ATTACK,
        ),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(
            parser=read_seed,
            metavar="<int>",
            help="Of the attacks' starts.",
            show_default="the split's",
            rich_help_panel=ATTACK,
        ),
    ] = None,
    images: opt.ImagesOption = None,
    labels: opt.LabelsOption = None,
    orientation: opt.OrientationOption = None,
    polarity: opt.PolarityOption = None,
    labels_mean: opt.LabelsMeanOption = None,
    image_shape: opt.ImageShapeOption = None,
    max_size: opt.MaxSizeOption = None,
    run_dir: opt.RunDirOption = opt.DEFAULT_RUN_DIR,
    json_output: opt.JsonOption = False,
    quiet: opt.QuietOption = False,
    no_color: opt.NoColorOption = False,
) -> None:
    """Measure the network on the test part, which neither search nor train has seen.

    With another file as DATA, it is measured on all images of that file.
    """
    from mnistffn.cli.terminal import Terminal

    given: dict[str, Any] = {"norm": norm, "n_restarts": n_restarts, "seed": seed}
    given = {name: value for name, value in given.items() if value is not None}
    if given and strengths is None:
        msg = "--attack-norm, --restarts and --seed are of use with --attack only"
        raise typer.BadParameter(msg)
    tried = None if strengths is None else read_strengths(strengths)
    with Terminal.of(context) as terminal:
        from mnistffn.evaluation.evaluate import run_evaluate
        from mnistffn.evaluation.robustness import AttackOptions

        attacks = None if tried is None else AttackOptions(tried, **given)
        result = run_evaluate(terminal.run, opt.take_data(context), terminal, attacks)
        terminal.show(_describe(result.findings))
        terminal.show(_make_table(result.metrics))
        if result.robustness is not None:
            terminal.show(_describe_robustness(result.robustness))
        terminal.finish(result.stages, result.summarise(), "explain", "fields", "maximize")
    if fail_under is not None and result.metrics.accuracy < fail_under:
        msg = f"accuracy {result.metrics.accuracy:.4f} is under {fail_under}"
        raise GateError(msg)


def _describe(found: "Findings") -> str:
    metrics = found.metrics
    low, high = metrics.interval
    lines = [
        f"accuracy {metrics.accuracy:.4f}, 95% interval {low:.4f} to {high:.4f}, "
        f"{count(metrics.errors, 'error')} in {count(metrics.n, 'image')}",
        f"balanced accuracy {metrics.balanced_accuracy:.4f}, macro F1 {metrics.macro_f1:.4f}, "
        f"top-2 accuracy {metrics.top2_accuracy:.4f}",
        *_describe_confidence(found),
    ]
    pairs = [f"{pair.labels[0]} and {pair.labels[1]} ({pair.errors:,})" for pair in found.pairs[:3]]
    errors = [f"most confused: {', '.join(pairs)}"] if pairs else []
    if n_doubtful := len(found.doubtful[0]):
        errors.append(f"labels to look at: {n_doubtful:,}")
    return "\n".join([*lines, "; ".join(errors)] if errors else lines)


def _describe_confidence(found: "Findings") -> list[str]:
    """Return how far the probabilities can be believed, and when to answer."""
    calibration = f"calibration error {found.reliability.error:.4f}"
    if found.scaling is not None:
        scaling = found.scaling
        how = "cross-fitted" if len(scaling.temperatures) > 1 else "from validation"
        after = scaling.after.calibration_error
        calibration += f", {after:.4f} at temperature {scaling.temperature:.2f} ({how})"
    threshold = found.threshold
    if threshold is None:
        return [calibration, "99.9% right: at no threshold of the probability"]
    where = f"from probability {threshold.spelled} on"
    return [calibration, f"99.9% right: {where}, which {threshold.coverage:.1%} of the images reach"]


def _describe_robustness(robustness: Mapping[str, Any]) -> str:
    restarts, n_steps = robustness["n_restarts"], robustness["n_steps"]
    starts = "one random start" if restarts == 1 else f"the worst of {restarts} random starts"
    lines = [f"under attack (PGD, {n_steps} steps, {starts}, {robustness['norm']}):"]
    for row in robustness["accuracies"]:
        low, high = row["interval"]
        interval = f"95% interval {low:.4f} to {high:.4f}"
        lines.append(f"  strength {row['strength']:g}: accuracy {row['accuracy']:.4f}, {interval}")
    median = robustness["median_smallest_strength"]
    if median is not None:
        lines.append(f"  half of the images are misread within a strength of {median:.3g}")
    return "\n".join(lines)


def read_strengths(text: str) -> tuple[float, ...]:
    """Return strengths from text such as ``0.05,8/255``."""
    try:
        return tuple(read_strength(part) for part in text.split(","))
    except typer.BadParameter as error:
        msg = f"{text!r} is no list of strengths such as 0.05,8/255"
        raise typer.BadParameter(msg, param_hint="--attack") from error


def _make_table(metrics: "Metrics") -> "FittedTable":
    from mnistffn.cli.table import make_table

    rows = [
        [
            str(c.label),
            *("-" if v is None else f"{v:.4f}" for v in (c.precision, c.recall, c.f1)),
            f"{c.n:,}",
        ]
        for c in metrics.per_class
    ]
    return make_table(["class", "precision", "recall", "F1", "images"], rows, n_kept=4)
