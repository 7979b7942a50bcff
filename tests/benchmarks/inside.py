"""Measure what the pictures of units are worth on real data, and write the table in the README anew.

    python tests/benchmarks/inside.py MNIST.mat

Networks are trained by the recipes, once for every seed, on one split (seed 0). Their output units'
maximizing images and pattern images are read by two classifiers that nothing was tuned on: a
convolutional network (after LeCun and others, 1998) and a support vector machine, both trained here on
the training part. Times are of whole processes; leave the machine alone meanwhile.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np
import torch
from commandline import run, spell, write_table
from sklearn.svm import SVC
from torch import Tensor, nn

from mnistffn.progress import Progress
from mnistffn.run.data import RunData, open_run_data
from mnistffn.run.directory import RunDirectory
from mnistffn.run.options import DataOptions

ROOT = Path(__file__).parents[2]
RECIPES = ("document", "robust")
PICTURES = {"maximizing": ("maximize", "images"), "pattern": ("fields", "pattern_image")}
TIMED = (
    "fields --layer 1",
    "maximize --layer 3",
    "maximize --layer 1",
    "maximize --layer 2 --units 17 --card",
)
SVM_IMAGES = 10_000


class Judges:
    """Two classifiers that are independent of the program, and how well they read real images."""

    def __init__(self, run_data: RunData, epochs: int) -> None:
        X, y, split = run_data.X_train, run_data.y_train, run_data.split
        self.shape, self.classes = run_data.dataset.image_shape, np.unique(y)
        self.network = train_convolutional(X, np.searchsorted(self.classes, y), self.shape, epochs)
        self.svm = SVC(C=5).fit(X[:SVM_IMAGES].astype("f") / 255, y[:SVM_IMAGES])
        test = run_data.dataset.flat[split.test].astype("f") / 255
        labels = run_data.dataset.labels[split.test]
        read = {
            "convolutional": self.classes[self.read(test).argmax(axis=1)],
            "svm": self.svm.predict(test),
        }
        self.accuracy = {name: float(np.mean(found == labels)) for name, found in read.items()}

    def read(self, images: np.ndarray) -> np.ndarray:
        """Return the convolutional network's probabilities."""
        with torch.inference_mode():
            logits = self.network(torch.from_numpy(images).view(-1, 1, *self.shape))
        return logits.softmax(dim=1).numpy()

    def judge(self, images: np.ndarray) -> dict[str, float]:
        """Return how many of the images, one for each class, are read as asked for, and how surely."""
        flat = images.reshape(len(images), -1)
        probabilities = self.read(flat)
        asked = np.arange(len(flat))
        return {
            "convolutional": int(np.sum(probabilities.argmax(axis=1) == asked)),
            "probability": float(probabilities[asked, asked].mean()),
            "svm": int(np.sum(self.svm.predict(flat) == self.classes)),
        }


def train_convolutional(
    X: np.ndarray, targets: np.ndarray, shape: tuple[int, int], epochs: int
) -> nn.Module:
    """Train two convolutional and two linear layers with tanh units."""
    torch.manual_seed(7)
    images, labels = torch.from_numpy(X).view(-1, 1, *shape), torch.from_numpy(targets)
    features = nn.Sequential(
        *(nn.Conv2d(1, 8, 3, padding=1), nn.Tanh(), nn.AvgPool2d(2)),
        *(nn.Conv2d(8, 16, 3, padding=1), nn.Tanh(), nn.AvgPool2d(2), nn.Flatten()),
    )
    n_features = features(torch.zeros(1, 1, *shape)).shape[1]
    n_classes = len(labels.unique())
    head = (nn.Linear(n_features, 100), nn.Tanh(), nn.Linear(100, n_classes))
    network = nn.Sequential(*features, *head)
    optimizer = torch.optim.Adam(network.parameters(), lr=2e-3)
    steps: list[Tensor] = [
        rows for _ in range(epochs) for rows in torch.randperm(len(labels)).split(128)
    ]
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, total_steps=len(steps) + 1)
    for rows in steps:
        loss = nn.functional.cross_entropy(network(images[rows].float() / 255), labels[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return network.eval()


def measure(run_dir: str, judges: Judges) -> dict[str, Any]:
    """Look into one trained network."""
    found: dict[str, Any] = {}
    for name, (command, array) in PICTURES.items():
        result = run(command, "--run-dir", run_dir)
        file = Path(run_dir) / f"{command}-layer{result['layer']}.npz"
        with np.load(file) as arrays:
            found[name] = judges.judge(arrays[array])
        if command == "maximize":
            scores = result["scores"]
            asked = judges.classes.tolist()
            read = [score["neighbours_prediction"] for score in scores]
            found[name]["neighbours"] = sum(map(int.__eq__, read, asked))
            found[name]["ratio"] = mean(score["ratio"] or 0.0 for score in scores)
        else:
            kinds = result["units"][0]["r2"]
            found["r2"] = {kind: mean(unit["r2"][kind] for unit in result["units"]) for kind in kinds}
    return found


def time_commands(run_dir: str, commands: list[str], repeats: int) -> dict[str, list[float]]:
    """Return the seconds that whole processes take."""
    seconds: dict[str, list[float]] = {command: [] for command in commands}
    for _ in range(repeats):
        for command in commands:
            start = time.perf_counter()
            run(*command.split(), "--run-dir", run_dir)
            seconds[command].append(time.perf_counter() - start)
    return seconds


def make_table(results: dict[str, Any]) -> str:
    """Return the results as a Markdown table."""
    lines = [
        "| recipe | image | read by a convolutional net | probability | by an SVM | by neighbours |",
        "|---|---|---|---|---|---|",
    ]
    for recipe, found in results["recipes"].items():
        for name in PICTURES:
            judged = [result[name] for result in found]
            cells = [
                f"`{recipe}`",
                name,
                ", ".join(str(j["convolutional"]) for j in judged),
                spell([j["probability"] for j in judged], 3),
                ", ".join(str(j["svm"]) for j in judged),
                ", ".join(str(j.get("neighbours", "")) for j in judged)
                if "neighbours" in judged[0]
                else "",
            ]
            lines.append(f"| {' | '.join(cells)} |")
    lines += ["", "| whole process | seconds |", "|---|---|"]
    for command, seconds in results["seconds"].items():
        lines.append(f"| `{command}` | {spell(seconds, 1)} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure, and write the JSON file and the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", nargs="?", help="MATLAB file; default: the built-in digits")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--hidden", default="360,187")
    parser.add_argument("--epochs", type=int, default=6, help="of the judge")
    parser.add_argument("--repeats", type=int, default=3, help="of the timed commands")
    parser.add_argument("--readme", type=Path, default=ROOT / "README.md")
    parser.add_argument("--output", type=Path, default=Path(__file__).with_suffix(".json"))
    options = parser.parse_args()
    data = [options.data] if options.data else []
    results: dict[str, Any] = {"recipes": {recipe: [] for recipe in RECIPES}}
    with tempfile.TemporaryDirectory(prefix="mnistffn-") as folder:
        judges = None
        for recipe in RECIPES:
            run_dir = f"{folder}/{recipe}"
            run("train", *data, "--hidden", "8", "--epochs", "1", "-r", run_dir)  # settles the split
            if judges is None:
                run_data = open_run_data(RunDirectory(run_dir), DataOptions(), None, Progress())
                judges = Judges(run_data, options.epochs)
                results["judges"] = judges.accuracy
            for seed in options.seeds:
                chosen = ("--hidden", options.hidden, "--recipe", recipe, "--seed", str(seed))
                run("train", *chosen, "-r", run_dir)
                results["recipes"][recipe].append({"seed": seed} | measure(run_dir, judges))
                print(recipe, json.dumps(results["recipes"][recipe][-1]), flush=True)
        commands = list(TIMED) if options.repeats else []
        results["seconds"] = time_commands(run_dir, commands, options.repeats)
    options.output.write_text(json.dumps(results, indent=2) + "\n")
    write_table(make_table(results), options.readme, "inside")


if __name__ == "__main__":
    main()
