"""Reading pictures of one's own by a run's network."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from mnistffn.data.frame import Frame
from mnistffn.data.pixels import Polarity
from mnistffn.errors import DataError
from mnistffn.network.modelfile import Model, read_model
from mnistffn.network.seeding import seeded
from mnistffn.network.tensors import as_float, as_tensor
from mnistffn.prediction.novelty import Novelty
from mnistffn.prediction.pictures import Picture, list_pictures
from mnistffn.prediction.preparation import Prepared, prepare
from mnistffn.progress import Progress
from mnistffn.run.data import RunData, check_fits, open_run_data
from mnistffn.run.directory import RunDirectory, exclusive
from mnistffn.run.options import DataOptions

METRICS = "metrics.json"
SHOWN = 24  # pictures on the page


@dataclass(frozen=True, eq=False)
class PredictResult:
    """What a network reads in some pictures.

    Attributes
    ----------
    prepared : list of Prepared
    classes : list of label
    probabilities : ndarray of shape (n, classes), float64
    passed_over : mapping of str to str
        Pictures that could not be read, and why.
    temperature : float or None
        What the logits were divided by; None where evaluate has found none.
    novelty : Novelty or None
        None where too few images were held out.
    """

    prepared: list[Prepared]
    classes: list[Any]
    probabilities: NDArray[np.float64]
    passed_over: Mapping[str, str]
    temperature: float | None
    novelty: Novelty | None

    def list_readings(self) -> list[dict[str, Any]]:
        """Return what is known of every picture, as plain values."""
        readings = []
        for row, one in enumerate(self.prepared):
            probabilities = self.probabilities[row]
            first, second = (int(place) for place in np.argsort(-probabilities, kind="stable")[:2])
            readings.append(
                {
                    "file": one.name,
                    "prediction": self.classes[first],
                    "probability": float(probabilities[first]),
                    "next": self.classes[second],
                    "next_probability": float(probabilities[second]),
                    "probabilities": probabilities.tolist(),
                    "box": None if one.box is None else [round(side, 1) for side in one.box],
                    "n_shapes": one.n_shapes,
                    "distance": None if self.novelty is None else float(self.novelty.distance[row]),
                    "is_new": None if self.novelty is None else bool(self.novelty.is_new[row]),
                }
            )
        return readings

    def summarise(self) -> dict[str, Any]:
        """Return all of it as plain values."""
        found = self.novelty
        limits = {
            "limit": found.limit, "n_held_out": found.n_held_out, "n_references": found.n_references
        } if found else None  # fmt: skip
        about = {"classes": self.classes, "temperature": self.temperature, "usual_distance": limits}
        return about | {"images": self.list_readings(), "passed_over": dict(self.passed_over)}


@exclusive
def run_predict(
    run: RunDirectory,
    paths: Sequence[Path],
    progress: Progress,
    data: DataOptions = DataOptions(),  # noqa: B008  # it is frozen
    *,
    as_is: bool = False,
    polarity: Polarity = "auto",
) -> PredictResult:
    """Read pictures; write predictions.csv and predictions.png.

    Parameters
    ----------
    run : RunDirectory
    paths : sequence of Path
        Pictures, folders of them, data files; ``-`` for standard input.
    progress : Progress
        Is told what was found beside the digit, and of what is unlike anything in training.
    data : DataOptions
        Where the run's data are now, if not where they were.
    as_is : bool
        Whether the pictures are as the training images are already.
    polarity : {"auto", "bright", "dark"}
        Of the ink.

    Raises
    ------
    RunDirectoryError
        There is no model, or it does not fit the data.
    DataError
        A picture cannot be read, or none holds anything.
    """
    model = read_model(run.path / "model.pt")
    own = open_run_data(run, data, None, Progress(), may_settle=False)
    check_fits(own.dataset, own.dataset.labels, model.network.widths[0], model.classes)
    run.warn_if_stale(["model.pt"], own.record)
    shape, layout = own.dataset.image_shape, own.dataset.layout
    pictures = list_pictures(paths, shape, layout, polarity, progress)
    frame = None if as_is else Frame.of(own.dataset.images[own.split.train])
    prepared, passed_over = _prepare(pictures, shape, frame, polarity, progress)
    temperature = _read_temperature(run)
    with seeded(0, n_threads=1):  # little is computed: threads would wait for each other
        result = _predict(model, own, prepared, passed_over, temperature)
    if temperature is not None:
        progress.note(f"probabilities: at temperature {temperature:.3g}, which evaluate has fitted")
    _tell(result, shape, frame, progress)
    words = [*map(str, paths), *(["--as-is"] if as_is else [])]
    words += [] if polarity == "auto" else ["--polarity", polarity]
    _write(run, result, own, shlex.join(["predict", *words]))
    return result


def _prepare(
    pictures: Sequence[Picture],
    shape: tuple[int, int],
    frame: Frame | None,
    polarity: Polarity,
    progress: Progress,
) -> tuple[list[Prepared], dict[str, str]]:
    """Return the pictures prepared, and why others among them cannot be read."""
    prepared: list[Prepared] = []
    passed_over: dict[str, str] = {}
    for done, picture in enumerate(pictures):
        if len(pictures) > 1:
            progress.step(done, len(pictures), picture.name)
        try:
            prepared.append(prepare(picture, shape, frame, polarity))
        except DataError as error:
            if len(pictures) == 1:
                raise
            progress.note(f"warning: passed over: {error}")
            passed_over[picture.name] = str(error)
    if not prepared:
        msg = f"none of the {len(pictures)} pictures can be read"
        raise DataError(msg)
    return prepared, passed_over


def _read_temperature(run: RunDirectory) -> float | None:
    """Return the temperature that evaluate has found for this model, if it has."""
    if run.find_current("evaluate", METRICS) is None:
        return None
    scaling = run.read_json(METRICS).get("temperature_scaling")
    return None if scaling is None else float(scaling["temperature"])


def _predict(
    model: Model,
    own: RunData,
    prepared: list[Prepared],
    passed_over: Mapping[str, str],
    temperature: float | None,
) -> PredictResult:
    images = np.stack([one.image for one in prepared])
    inputs = as_float(as_tensor(images.reshape(len(images), -1)))
    with torch.inference_mode():
        logits = model.network.eval()(inputs).double() / (temperature or 1)
        probabilities = logits.softmax(dim=1).numpy()
        novelty = Novelty.of(images, own)
    classes = model.classes.tolist()
    return PredictResult(prepared, classes, probabilities, passed_over, temperature, novelty)


def _tell(
    result: PredictResult, shape: tuple[int, int], frame: Frame | None, progress: Progress
) -> None:
    """Tell what makes a reading doubtful."""
    novelty = result.novelty
    for row, one in enumerate(result.prepared):
        name = one.name
        if frame is not None and one.size == shape and one.box is not None:
            progress.note(f"{name} has the network's size: if it is ready to be read, give --as-is")
        for doubt in one.list_doubts():
            progress.note(f"warning: {doubt}")
        if novelty is not None and novelty.is_new[row]:
            progress.note(
                f"warning: {name} is unlike anything in training: {novelty.distance[row]:.3g} from the "
                f"nearest image, where 99.9% of held-out images are within {novelty.limit:.3g}"
            )


def _write(run: RunDirectory, result: PredictResult, own: RunData, command: str) -> None:
    from mnistffn.figures.predict import draw_predictions

    readings = result.list_readings()
    names = ("file", "prediction", "probability", "next", "next_probability", "distance", "is_new")
    header = [*names, *(f"p_{label}" for label in result.classes)]
    rows = [[reading[name] for name in names] + reading["probabilities"] for reading in readings]
    reads = ["model.pt", *([] if result.temperature is None else [METRICS])]
    options = {"files": [reading["file"] for reading in readings], "device": "cpu"}
    with run.stage("predict", command=command, options=options, reads=reads, data=own.record) as stage:
        stage.write_csv("predictions.csv", header, rows)
        shown = result.prepared[:SHOWN]
        pages = [(one.page, one.size) for one in shown]
        images = [one.image for one in shown]
        known = readings[:SHOWN], result.classes, result.temperature
        stage.write_figure("predictions.png", draw_predictions, pages, images, *known)
