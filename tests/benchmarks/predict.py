"""Measure what part of photographed digits a run's network reads. Writes a README table.

    python tests/benchmarks/predict.py run/ --seeds 1,2,3

Digits are printed by ten fonts or drawn by strokes with a shaking hand, and photographed: turned,
shaded, noisy, of many sizes (tests/drawings.py). "Before" a picture is only reduced to the network's
size, dark ink made bright. The preparation was chosen on seed 0: measure on others. Test images of the
run are sent through the preparation as well, on paper of their own; they should lose little. Letters
are no digits: what part of all these is called unlike anything in training?
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from commandline import write_table
from PIL import Image

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from drawings import make_pictures  # noqa: E402

from mnistffn.data.frame import Frame  # noqa: E402
from mnistffn.errors import DataError  # noqa: E402
from mnistffn.network.modelfile import Model, read_model  # noqa: E402
from mnistffn.network.tensors import as_float, as_tensor  # noqa: E402
from mnistffn.prediction.novelty import Novelty  # noqa: E402
from mnistffn.prediction.pictures import Picture  # noqa: E402
from mnistffn.prediction.preparation import prepare  # noqa: E402
from mnistffn.progress import Progress  # noqa: E402
from mnistffn.run.data import RunData, open_run_data  # noqa: E402
from mnistffn.run.directory import RunDirectory  # noqa: E402
from mnistffn.run.options import DataOptions  # noqa: E402

KINDS = {"printed": "printed, ten fonts", "drawn": "drawn strokes", "letters": "letters, ten fonts"}
MARGIN, ENLARGED = 8, 5  # pixels about a test image, and how many times as large it is shown


def read(model: Model, images: list[np.ndarray]) -> np.ndarray:
    """Return the class that the network reads in every image."""
    inputs = as_float(as_tensor(np.stack(images).reshape(len(images), -1)))
    with torch.inference_mode():
        return model.classes[model.network.eval()(inputs).argmax(dim=1).numpy()]


def prepare_all(pictures: list[np.ndarray], frame: Frame) -> list[np.ndarray]:
    """Return the pictures as the network takes them; black where nothing was found."""
    images = []
    for pixels in pictures:
        try:
            images.append(prepare(Picture("", lambda p=pixels: p), frame.shape, frame, "auto").image)
        except DataError:
            images.append(np.zeros(frame.shape, np.uint8))
    return images


def reduce(pixels: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Return a picture of dark ink reduced to a size, ink bright."""
    return 255 - np.asarray(Image.fromarray(pixels).resize(shape[::-1], Image.Resampling.BOX))


def put_on_paper(image: np.ndarray) -> np.ndarray:
    """Return a test image as a picture: enlarged, dark ink on paper."""
    size = [ENLARGED * side for side in image.shape[::-1]]
    large = np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BICUBIC))
    return np.pad(230 - (large * 0.8).astype(np.uint8), MARGIN * ENLARGED, constant_values=230)


def measure(run: RunDirectory, data: RunData, n: int, seeds: list[int]) -> dict[str, Any]:
    """Return the parts that are read before and after the preparation, and that are called new."""
    model = read_model(run.path / "model.pt")
    frame = Frame.of(data.dataset.images[data.split.train])
    found: dict[str, Any] = {}
    for kind, name in KINDS.items():
        rows = []
        for seed in seeds:
            pictures, digits = make_pictures(kind, n, seed)
            after = prepare_all(pictures, frame)
            row = {"new": float(Novelty.of(np.stack(after), data).is_new.mean())}
            if kind != "letters":
                before = [reduce(pixels, frame.shape) for pixels in pictures]
                row["before"] = float((read(model, before) == digits).mean())
                row["after"] = float((read(model, after) == digits).mean())
                row["without ones"] = float((read(model, after) == digits)[digits != 1].mean())
            rows.append(row)
        found[name] = {key: float(np.mean([row[key] for row in rows])) for key in rows[0]}
        found[name]["n"] = len(seeds) * 10 * n
    test = data.split.test[: 50 * n]
    images, labels = data.dataset.images[test], data.dataset.labels[test]
    after = prepare_all([put_on_paper(image) for image in images], frame)
    found["test images, on paper"] = {
        "n": len(test),
        "before": float((read(model, list(images)) == labels).mean()),  # as they are
        "after": float((read(model, after) == labels).mean()),
        "new": float(Novelty.of(np.stack(after), data).is_new.mean()),
    }
    return found


def make_table(results: dict[str, Any]) -> str:
    """Return the table in Markdown."""
    lines = [
        "| pictures | n | read before | read after | called unlike training |",
        "|---|---|---|---|---|",
    ]
    for name, row in results.items():
        parts = [f"{row[key]:.3f}" if key in row else "" for key in ("before", "after")]
        lines.append(f"| {name} | {row['n']:,} | {' | '.join(parts)} | {row['new']:.1%} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure, and write the JSON file and the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path, help="run directory with a trained network")
    parser.add_argument("--seeds", default="1,2,3", help="of the drawings")
    parser.add_argument("--images", type=int, default=20, help="of every digit, kind and seed")
    parser.add_argument("--readme", type=Path, default=ROOT / "README.md")
    parser.add_argument("--output", type=Path, default=Path(__file__).with_suffix(".json"))
    options = parser.parse_args()
    run = RunDirectory(options.run)
    data = open_run_data(run, DataOptions(), None, Progress(), may_settle=False)
    seeds = [int(seed) for seed in options.seeds.split(",")]
    results = measure(run, data, options.images, seeds)
    options.output.write_text(json.dumps(results, indent=2) + "\n")
    table = make_table(results)
    write_table(table, options.readme, "predict")
    print(table)


if __name__ == "__main__":
    main()
