"""Judge what explanations name: take it away, and see what the network loses. Writes a README table.

    python tests/benchmarks/explain.py MNIST.mat

Deletion and insertion (Petsiuk, Das and Saenko, 2018): the lit pixels of 500 test images are set to
black step by step, those with the most evidence for the prediction first, the brightest first, or in
random order; or put onto a black image in these orders. What counts is the mean probability of the
class that was read, over all steps. The units of the last hidden layer that are named are silenced
together, and as many others in their place: how many readings change?
"""

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from commandline import run, write_table
from torch import Tensor

from mnistffn.explanation.choice import Reading, compute_logits
from mnistffn.explanation.evidence import direct
from mnistffn.explanation.pixels import attribute_pixels, in_double
from mnistffn.explanation.units import attribute_units
from mnistffn.inside.layer import OpenLayer, open_layer
from mnistffn.network.network import propagate
from mnistffn.network.tensors import as_float, as_tensor
from mnistffn.progress import Progress
from mnistffn.run.directory import RunDirectory

ROOT = Path(__file__).parents[2]
ROWS = {
    "document": ("--recipe", "document", "--epochs", "10"),
    "robust": ("--recipe", "robust", "--epochs", "5"),
}
PARTS = np.linspace(0, 1, 21)  # of the lit pixels
SHOWN_PART = 4  # a fifth of them
DRAWS = 20  # of random units


def read_test_images(opened: OpenLayer, n: int) -> list[Reading]:
    """Read the first images of the test part."""
    rows, dataset = opened.run_data.split.test[:n], opened.run_data.dataset
    logits = compute_logits(opened.layers, as_tensor(dataset.flat[rows])).numpy()
    labels = np.searchsorted(opened.classes, dataset.labels[rows]).tolist()
    return [Reading.of(*row) for row in zip(rows.tolist(), labels, logits, strict=True)]


def judge_pixels(opened: OpenLayer, readings: list[Reading]) -> dict[str, dict[str, np.ndarray]]:
    """Return the curves of deletion and insertion by order: mean logit and probability, (2, parts)."""
    generator = np.random.default_rng(0)
    curves: dict[str, dict[str, Any]] = {"deletion": {}, "insertion": {}}
    for reading in readings:
        image = as_float(as_tensor(opened.run_data.dataset.flat[reading.index])).double()
        direction = torch.eye(len(opened.classes))[[reading.prediction]]
        evidence = attribute_pixels(opened.layers, image, direction).values[0]
        lit = image.nonzero()[:, 0]
        orders = {
            "named": lit[evidence[lit].argsort(descending=True, stable=True)],
            "brightest": lit[image[lit].argsort(descending=True, stable=True)],
            "random": lit[torch.from_numpy(generator.permutation(len(lit)))],
        }
        for name, order in orders.items():
            is_taken = torch.zeros(len(PARTS), len(image), dtype=torch.bool)
            for step, part in enumerate(PARTS):
                is_taken[step, order[: round(part * len(order))]] = True
            for kind, shown in (("deletion", ~is_taken), ("insertion", is_taken)):
                found = measure(opened, image * shown, reading.prediction) / len(readings)
                curves[kind][name] = curves[kind].get(name, 0) + found
    return curves


def measure(opened: OpenLayer, images: Tensor, label: int) -> np.ndarray:
    """Return logit and probability of a class for images (n, pixels), (2, n)."""
    logits = propagate(in_double(opened.layers), images)[-1]
    return np.stack([logits[:, label].numpy(), logits.softmax(dim=1)[:, label].numpy()])


def judge_units(opened: OpenLayer, readings: list[Reading]) -> dict[str, float]:
    """Return the part of the readings that change when units of the last hidden layer are silent."""
    generator = np.random.default_rng(0)
    last = in_double(opened.layers[-1:])[0]
    flips = dict.fromkeys(("named", "most active", "random active", "random"), 0.0)
    for reading in readings:
        image = as_float(as_tensor(opened.run_data.dataset.flat[reading.index]))
        found = attribute_units(opened.layers, image, direct(opened, reading))
        active, n = np.flatnonzero(found.activations), len(found.strongest)
        size = np.argsort(-np.abs(found.activations), kind="stable")
        sets = {"named": [found.strongest], "most active": [size[:n].tolist()]}
        for name, pool in (("random active", active), ("random", np.arange(len(size)))):
            count = min(n, len(pool))
            sets[name] = [generator.choice(pool, count, replace=False).tolist() for _ in range(DRAWS)]
        for name, silenced in sets.items():
            activations = np.repeat(found.activations[None], len(silenced), axis=0)
            for row, units in enumerate(silenced):
                activations[row, units] = 0
            logits = torch.from_numpy(activations) @ last.weight.T + last.bias
            changed = logits.argmax(dim=1) != reading.prediction
            flips[name] += float(changed.double().mean()) / len(readings)
    return flips


def judge(run_dir: str | Path, n: int) -> dict[str, Any]:
    """Judge the explanations of a run's first test images."""
    with torch.no_grad():
        opened = open_layer(RunDirectory(run_dir), None, Progress())
        readings = read_test_images(opened, n)
        curves = judge_pixels(opened, readings)
        return {
            "n": len(readings),
            "logits": {kind: {k: v[0].tolist() for k, v in c.items()} for kind, c in curves.items()},
            "curves": {kind: {k: v[1].tolist() for k, v in c.items()} for kind, c in curves.items()},
            "areas": {
                kind: {k: float(v[1].mean()) for k, v in c.items()} for kind, c in curves.items()
            },
            "flips": judge_units(opened, readings),
        }


def make_table(results: dict[str, Any]) -> str:
    """Return the table in Markdown."""
    orders = ("named", "brightest", "random")
    lines = ["| network | pixels | named | brightest | random |", "|---|---|---|---|---|"]
    for recipe, found in results.items():
        name = f"| `{' '.join(ROWS[recipe])}`"
        for kind, better in (("deletion", "lower"), ("insertion", "higher")):
            cells = [f"{found['areas'][kind][order]:.3f}" for order in orders]
            lines.append(
                f"{name} | {kind}, mean probability ({better} is better) | {' | '.join(cells)} |"
            )
        cells = [f"{found['logits']['deletion'][order][SHOWN_PART]:.2f}" for order in orders]
        lines.append(f"{name} | logit without a fifth of the lit pixels | {' | '.join(cells)} |")
    units = ("named", "most active", "random active", "random")
    lines += [
        "",
        f"| readings that change without | {' | '.join(units)} |",
        f"|---{'|---' * len(units)}|",
    ]
    for recipe, found in results.items():
        cells = [f"{100 * found['flips'][name]:.1f}%" for name in units]
        lines.append(f"| `{' '.join(ROWS[recipe])}` | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Train, judge, and write the JSON file and the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", nargs="?", help="MATLAB file; default: the built-in digits")
    parser.add_argument("--hidden", default="128,64")
    parser.add_argument("--images", type=int, default=500)
    parser.add_argument("--runs", type=Path, help="folder to keep the runs in; default: none is kept")
    parser.add_argument("--readme", type=Path, default=ROOT / "README.md")
    parser.add_argument("--output", type=Path, default=Path(__file__).with_suffix(".json"))
    options = parser.parse_args()
    data = [options.data] if options.data else []
    results = {}
    with tempfile.TemporaryDirectory(prefix="mnistffn-") as temporary:
        for recipe, row in ROWS.items():
            run_dir = f"{options.runs or temporary}/{recipe}"
            trained = run("train", *data, "--hidden", options.hidden, *row, "-r", run_dir)
            results[recipe] = judge(run_dir, options.images)
            print(recipe, trained["best"], json.dumps(results[recipe]["areas"]), flush=True)
    options.output.write_text(json.dumps(results, indent=2) + "\n")
    write_table(make_table(results), options.readme, "explain")


if __name__ == "__main__":
    main()
