"""Writing a run's network as an ONNX model, for programs that know nothing of this one."""

import json
from dataclasses import dataclass
from math import isqrt, prod
from pathlib import Path
from typing import Any

from mnistffn.errors import RunDirectoryError, UsageError
from mnistffn.export.graph import INPUT, LOGITS, OPSET, PROBABILITIES, make_model
from mnistffn.network.modelfile import read_model
from mnistffn.network.network import fold_batch_norm
from mnistffn.progress import Progress
from mnistffn.run.directory import RunDirectory, exclusive
from mnistffn.run.files import hash_file, replace_file

NAME = "model.onnx"


@dataclass(frozen=True)
class ExportResult:
    """What was written.

    Attributes
    ----------
    widths : tuple of int
        Of the input and of all layers.
    image_shape : (int, int)
        Height and width of the images that it takes.
    classes : list of label
        In the order of the outputs.
    """

    widths: tuple[int, ...]
    image_shape: tuple[int, int]
    classes: list[Any]

    def summarise(self) -> dict[str, Any]:
        """Return all of it as plain values."""
        return {
            "input": {"name": INPUT, "type": "uint8", "shape": ["n", *self.image_shape]},
            "outputs": {
                name: {"type": "float32", "shape": ["n", len(self.classes)]}
                for name in (LOGITS, PROBABILITIES)
            },
            "classes": self.classes,
            "widths": list(self.widths),
            "opset": OPSET,
        }


@exclusive
def run_export(run: RunDirectory, progress: Progress, copy: Path | None = None) -> ExportResult:
    """Write a run's network, in evaluation mode and with its preprocessing, to model.onnx.

    Parameters
    ----------
    run : RunDirectory
    progress : Progress
    copy : Path or None
        Where to write the same once more.

    Raises
    ------
    RunDirectoryError
        There is no model, nothing tells the height and width of its images, or a file cannot be
        written.
    UsageError
        The copy has another ending than .onnx, or the package ``onnx`` is not installed.
    """
    if copy is not None and copy.suffix.lower() != ".onnx":
        msg = f"{copy} must end in .onnx"
        raise UsageError(msg)
    model = read_model(run.path / "model.pt")
    run.warn_if_stale(["model.pt"])
    widths = model.network.widths
    result = ExportResult(widths, _find_shape(run, widths[0]), model.classes.tolist())
    metadata = {
        "classes": json.dumps(result.classes),
        "images": "upright, ink bright on a background of 0, white 255",
        "model.pt": hash_file(run.path / "model.pt"),
    }
    exported = make_model(fold_batch_norm(model.network), result.image_shape, metadata)
    content = exported.SerializeToString(deterministic=True)
    with run.stage("export", command="export", options={"opset": OPSET}, reads=["model.pt"]) as stage:
        stage.write(NAME, lambda file: file.write(content))
    if copy is not None:
        replace_file(copy, lambda file: file.write(content))
        progress.note(f"wrote {copy}")
    return result


def _find_shape(run: RunDirectory, n_features: int) -> tuple[int, int]:
    """Return the height and width of the images that a network was trained on."""
    data = run.manifest().data
    if data is not None and prod(data.image_shape) == n_features:
        height, width = data.image_shape
        return height, width
    side = isqrt(n_features)
    if side * side != n_features:
        pixels = f"images of {n_features} pixels"
        msg = f"nothing in {run.path} tells the height and width of {pixels}: train again"
        raise RunDirectoryError(msg)
    return side, side
