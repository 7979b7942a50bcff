"""Explaining images: a page about each, and the numbers behind it."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from numpy.typing import NDArray

from mnistffn.explanation.change import ROBUSTNESS, read_robustness
from mnistffn.explanation.choice import read_images
from mnistffn.explanation.evidence import Explainer
from mnistffn.explanation.own import OwnPictures, name_page, read_own
from mnistffn.explanation.sentence import summarise, write_headings
from mnistffn.inside.layer import open_layer
from mnistffn.network.seeding import seeded
from mnistffn.progress import Progress
from mnistffn.run.directory import RunDirectory, exclusive
from mnistffn.run.options import DataOptions


@dataclass(frozen=True)
class ExplainResult:
    """What was found of some images, and written: a page for every one.

    Attributes
    ----------
    images : list of dict
        What explain-<index>.json holds of each.
    stages : list of str
        One for every page.
    """

    images: list[dict[str, Any]]
    stages: list[str]


@exclusive
def run_explain(
    run: RunDirectory,
    indices: Sequence[int],
    progress: Progress,
    data: DataOptions = DataOptions(),  # noqa: B008  # it is frozen
    own: OwnPictures | None = None,
) -> ExplainResult:
    """Explain why a run's model reads images as it does.

    Writes explain-<index>.npz, .json and .png for each; for a picture of one's own
    explain-picture-<name>.

    Parameters
    ----------
    run : RunDirectory
    indices : sequence of int
        Of images in the data set. Where there are none: the four surest errors and the four least sure
        hits of the test part.
    progress : Progress
    data : DataOptions
        Where the run's data are now, if not where they were.
    own : OwnPictures or None
        Pictures to explain beside these images, or instead of them.

    Raises
    ------
    RunDirectoryError
        There is no model, or it does not fit the data.
    UsageError
        There is no such image, or there are more than 50.
    """
    opened = open_layer(run, None, progress, data)
    readings = read_images(opened, indices, progress) if indices or own is None else []
    if own is not None:
        opened, pictures = read_own(opened, own, progress)
        readings = [*readings, *pictures]
    robustness = read_robustness(run)
    with torch.no_grad():
        explainer = Explainer.of(opened, readings)
    reads = ["model.pt", *([ROBUSTNESS] if robustness else [])]
    result = ExplainResult([], [])
    for done, reading in enumerate(readings):
        progress.step(done, len(readings), f"explaining {reading.picture or f'image {reading.index}'}")
        with seeded(0, n_threads=1):  # what is left is small: threads would wait for each other
            arrays, content = explainer.explain(reading, opened.network, robustness)
        content["sentence"] = summarise(content)
        result.images.append(content)
        words = [str(reading.index)]
        if own is not None and reading.picture is not None:
            words = own.spell(reading.picture)
        command = shlex.join(["explain", *words])
        result.stages.append(_write(run, explainer, arrays, content, reads, command))
    return result


def _write(
    run: RunDirectory,
    explainer: Explainer,
    arrays: Mapping[str, NDArray[Any]],
    content: dict[str, Any],
    reads: Sequence[str],
    command: str,
) -> str:
    """Write what was found of one image, and return the stage's name."""
    from mnistffn.figures.explain import draw_explanation

    name, data = name_page(content), explainer.opened.run_data
    with run.stage(
        name,
        command=command,
        options={
            "index": content["index"],
            "file": content["file"],
            "label": content["label"],
            "device": "cpu",
            "seed": data.record.split_seed,
        },
        reads=reads,
        data=data.record,
    ) as stage:
        stage.write_arrays(f"{name}.npz", arrays)
        stage.write_json(f"{name}.json", content)
        words = write_headings(content)
        stage.write_figure(f"{name}.png", draw_explanation, arrays, content, words)
    return name
