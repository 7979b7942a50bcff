"""The face of the activation maximization."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mnistffn.cli import completion
from mnistffn.cli import options as opt
from mnistffn.cli.values import read_seed

if TYPE_CHECKING:
    from mnistffn.cli.table import FittedTable
    from mnistffn.inside.scorecard import Score

ROWS = 20
PROBLEMS = 10
ASCENT: dict[str, Any] = {"rich_help_panel": "The ascent"}
IMAGE: dict[str, Any] = {"rich_help_panel": "The image"}


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    examples = opt.write_examples(
        "mnistffn maximize --objective 4-9 --objective mean --animate",
        "mnistffn maximize --layer 2 --units 17 --card",
    )
    app.command(epilog=examples)(maximize)


def maximize(
    context: typer.Context,
    data: opt.OwnDataArgument = None,
    layer: opt.LayerOption = None,
    units: opt.UnitsOption = None,
    objective: Annotated[
        list[str] | None,
        typer.Option(
            "--objective",
            "-o",
            metavar="WHAT",
            help="A weighted sum of units, as in 4-9 or 0.5*3+17, or mean: that of the layer. "
            "Repeatable.",
            autocompletion=completion.complete_objective,
            show_default=False,
        ),
    ] = None,
    card: Annotated[
        bool, typer.Option("--card", help="One page about each of --units instead.")
    ] = False,
    animate: Annotated[bool, typer.Option("--animate", help="The ascent as a GIF too.")] = False,
    start: Annotated[
        str, typer.Option(help="noise, mean (image), or real: the one that excites most.", **ASCENT)
    ] = "noise",
    restarts: Annotated[
        int, typer.Option(help="Starts of every image; the best is kept.", **ASCENT)
    ] = 3,
    steps: Annotated[int, typer.Option(help="Steps of gradient ascent.", **ASCENT)] = 256,
    lr: Annotated[float, typer.Option(help="Learning rate (Adam).", **ASCENT)] = 0.1,
    jitter: Annotated[
        int | None,
        typer.Option(help="Largest shift at each step, in pixels.", show_default="side/14", **ASCENT),
    ] = None,
    seed: Annotated[
        int,
        typer.Option(parser=read_seed, metavar="<int>", help="Of the starts and the shifts.", **ASCENT),
    ] = 0,
    pixels: Annotated[
        str, typer.Option(help="sigmoid: in [0, 1]; free: bounded by the norm only.", **IMAGE)
    ] = "sigmoid",
    norm: Annotated[
        float, typer.Option(help="Of the image, in parts of the training images' median.", **IMAGE)
    ] = 1.0,
    total_variation: Annotated[
        float, typer.Option(help="Weight of the penalty on total variation.", **IMAGE)
    ] = 4.0,
    varying: Annotated[
        float,
        typer.Option(help="Pixels that vary in fewer of the training images stay as usual.", **IMAGE),
    ] = 0.05,
    run_dir: opt.RunDirOption = opt.DEFAULT_RUN_DIR,
    json_output: opt.JsonOption = False,
    quiet: opt.QuietOption = False,
    no_color: opt.NoColorOption = False,
) -> None:
    """Find the images that excite units most, by gradient ascent on the image, and judge them."""
    from mnistffn.cli.terminal import Terminal

    if card and (units is None or objective or animate):
        msg = "--card needs --units, and goes neither with --objective nor with --animate"
        raise typer.BadParameter(msg)
    where = opt.take_data(context)
    with Terminal.of(context) as terminal:
        from mnistffn.inside.maximize import run_maximize
        from mnistffn.inside.options import MaximizeOptions

        chosen = MaximizeOptions(
            layer=layer,
            units=units,
            objectives=tuple(dict.fromkeys(objective or ())),
            steps=steps,
            lr=lr,
            pixels=pixels,
            norm=norm,
            varying=varying,
            total_variation=total_variation,
            jitter=jitter,
            start=start,
            restarts=restarts,
            seed=seed,
        )
        if card:
            from mnistffn.inside.card import run_cards

            cards = run_cards(terminal.run, chosen, terminal, where)
            layer, scores, stages = cards.layer, cards.scores, cards.stages
        else:
            result = run_maximize(terminal.run, chosen, terminal, where, animate=animate)
            layer, scores, stages = result.layer, result.scores, [f"maximize-layer{result.layer}"]
        terminal.show(_make_table(layer, scores))
        for problem in _spell_problems(scores):
            terminal.show(problem)
        content = {"layer": layer, "scores": [asdict(score) for score in scores]}
        terminal.finish(stages, content)


def _make_table(layer: int, scores: "Sequence[Score]") -> "FittedTable":
    from mnistffn.cli.table import make_table

    rows = [
        [
            score.objective,
            f"{score.activation:.2f}",
            _spell(score.ratio, ".0%"),
            _spell(score.rank, "d"),
            f"{score.prediction} ({score.probability:.2f})",
            f"{score.neighbours_prediction} ({score.neighbours_probability:.1f})",
            f"{100 * score.distance_rank:.0f}%",
            _spell(score.agreement, ".2f"),
            _spell(score.survival, ".0%"),
        ]
        for score in scores[:ROWS]
    ]
    shown = "" if len(rows) == len(scores) else f", the first {ROWS} of {len(scores)}"
    columns = [
        "unit", "activation", "of best real", "rank", "read as", "neighbours", "unusual",
        "starts agree", "after a shift",
    ]  # fmt: skip
    return make_table(columns, rows, f"layer {layer}{shown}", n_kept=2)


def _spell_problems(scores: "Sequence[Score]") -> list[str]:
    problems = [f"{score.objective}: {score.problem}" for score in scores if score.problem]
    more = [f"and {len(problems) - PROBLEMS:,} more"] if len(problems) > PROBLEMS else []
    return problems[:PROBLEMS] + more


def _spell(value: float | None, form: str) -> str:
    return "" if value is None else f"{value:{form}}"
