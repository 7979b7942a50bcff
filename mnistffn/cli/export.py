"""The face of the export."""

from pathlib import Path
from typing import Annotated

import typer

from mnistffn.cli import options as opt


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    examples = opt.write_examples("mnistffn export", "mnistffn export digits.onnx")
    app.command(epilog=examples)(export)


def export(
    context: typer.Context,
    copy: Annotated[
        Path | None,
        typer.Argument(
            metavar="COPY.onnx",
            help="Write the same file here as well; it replaces one of this name.",
            show_default=False,
        ),
    ] = None,
    run_dir: opt.RunDirOption = opt.DEFAULT_RUN_DIR,
    json_output: opt.JsonOption = False,
    quiet: opt.QuietOption = False,
    no_color: opt.NoColorOption = False,
) -> None:
    """Write the network as model.onnx, for ONNX Runtime and others.

    It takes images, uint8 (n, height, width): upright, ink bright on black.
    It gives logits and probabilities, float32 (n, classes). The classes
    stand in its metadata, as JSON. The package onnx has to be installed.
    """
    from mnistffn.cli.terminal import Terminal

    with Terminal.of(context) as terminal:
        from mnistffn.export.export import run_export

        result = run_export(terminal.run, terminal, copy)
        height, width = result.image_shape
        n_classes = len(result.classes)
        terminal.show_entry(
            "input", f"images, uint8 (n, {height}, {width}): upright, ink bright on black"
        )
        terminal.show_entry("outputs", f"logits and probabilities, float32 (n, {n_classes})")
        terminal.show_entry("classes", ", ".join(map(str, result.classes)))
        terminal.finish("export", result.summarise())
