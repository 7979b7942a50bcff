"""Measure what an epoch costs, side by side with others, and write the table in the README anew.

    python tests/benchmarks/speed.py MNIST.mat

The network is 784-360-187-10 with dropout, the batch 512, a tenth of the training part is validated
after every epoch. In every round each program trains for some epochs, one after the other; a ratio is
that of two times of the same round. Leave the machine alone meanwhile.

floor
    The matrix products of the same shapes alone, forward and backward.
mnistffn
    This program; in bfloat16 too, where the processor has it.
plain loop
    PyTorch's own layers, a permutation, and one index operation a batch.
skorch
    ``NeuralNetClassifier`` as it comes, with the same layers.
MLPClassifier
    scikit-learn's, which has neither dropout nor batch normalisation; also with its own batch of 200.
"""

import argparse
import itertools
import json
import time
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from commandline import write_table
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier
from skorch import NeuralNetClassifier
from torch import nn

from mnistffn import FeedForwardClassifier
from mnistffn.data import load_dataset
from mnistffn.data.split import split_labels
from mnistffn.training.device import Precision, has_bfloat16

ROOT = Path(__file__).parents[2]
HIDDEN = (360, 187)
DROPOUT = 0.5782
BATCH = 512
LR = 1e-3
VALIDATION = 0.1


def make_network(
    n_features: int, n_classes: int, hidden: tuple[int, ...] = HIDDEN, dropout: float = DROPOUT
) -> nn.Sequential:
    """Return the network of PyTorch's own layers."""
    layers: list[nn.Module] = []
    for n_inputs, n_units in itertools.pairwise((n_features, *hidden)):
        layers += [
            nn.Linear(n_inputs, n_units),
            nn.BatchNorm1d(n_units),
            nn.ReLU(),
            nn.Dropout(dropout),
        ]
    return nn.Sequential(*layers, nn.Linear(hidden[-1], n_classes))


def run_floor(X: np.ndarray, y: np.ndarray, epochs: int) -> float:
    """Return the seconds that an epoch's matrix products take."""
    widths = (X.shape[1], *HIDDEN, len(np.unique(y)))
    weights = [torch.randn(n, m) for m, n in itertools.pairwise(widths)]
    signals = [torch.rand(BATCH, width) for width in widths]
    n_batches = round((1 - VALIDATION) * len(X) / BATCH)
    n_validated = round(VALIDATION * len(X) / BATCH)
    start = time.perf_counter()
    with torch.inference_mode():
        for _ in range(epochs):
            for _ in range(n_batches):
                for signal, weight in zip(signals, weights, strict=False):
                    torch.mm(signal, weight.T)
                for below, above in itertools.pairwise(signals):
                    torch.mm(above.T, below)
                for signal, weight in zip(signals[2:], weights[1:], strict=True):
                    torch.mm(signal, weight)
            for _ in range(n_validated):
                for signal, weight in zip(signals, weights, strict=False):
                    torch.mm(signal, weight.T)
    return (time.perf_counter() - start) / epochs


def run_mnistffn(X: np.ndarray, y: np.ndarray, epochs: int, precision: Precision = "float32") -> float:
    """Return the seconds of an epoch of this program."""
    classifier = FeedForwardClassifier(
        HIDDEN,
        dropout=DROPOUT,
        lr=LR,
        schedule="constant",
        batch_size=BATCH,
        max_epochs=epochs,
        validation_fraction=VALIDATION,
        precision=precision,
        random_state=0,
    ).fit(X, y)
    return sum(epoch.seconds for epoch in classifier.history_) / epochs


def run_plain_loop(X: np.ndarray, y: np.ndarray, epochs: int) -> float:
    """Return the seconds of an epoch of a loop that anybody would write."""
    inputs, targets = torch.from_numpy(X.astype(np.float32) / 255), torch.from_numpy(y)
    n_valid = round(VALIDATION * len(X))
    network = make_network(X.shape[1], len(np.unique(y)))
    optimizer = torch.optim.Adam(network.parameters(), lr=LR)
    start = time.perf_counter()
    for _ in range(epochs):
        network.train()
        for rows in (n_valid + torch.randperm(len(X) - n_valid)).split(BATCH):
            loss = nn.functional.cross_entropy(network(inputs[rows]), targets[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        network.eval()
        with torch.no_grad():
            for rows in torch.arange(n_valid).split(BATCH):
                nn.functional.cross_entropy(network(inputs[rows]), targets[rows])
    return (time.perf_counter() - start) / epochs


def run_skorch(X: np.ndarray, y: np.ndarray, epochs: int) -> float:
    """Return the seconds of an epoch of skorch as it comes."""
    network = make_network(X.shape[1], len(np.unique(y)))
    net = NeuralNetClassifier(
        network,
        criterion=nn.CrossEntropyLoss,
        optimizer=torch.optim.Adam,
        lr=LR,
        batch_size=BATCH,
        max_epochs=epochs,
        iterator_train__shuffle=True,
        train_split=_split,
        verbose=0,
    ).fit(X.astype(np.float32) / 255, y)
    return float(np.mean(net.history[:, "dur"]))


def _split(dataset: Any, y: Any = None, **_: Any) -> tuple[Any, Any]:
    n_valid = round(VALIDATION * len(dataset))
    parts = torch.utils.data.Subset
    return parts(dataset, range(n_valid, len(dataset))), parts(dataset, range(n_valid))


def run_mlp(X: np.ndarray, y: np.ndarray, epochs: int, batch: int = BATCH) -> float:
    """Return the seconds of an epoch of scikit-learn's network."""
    inputs = X.astype(np.float32) / 255
    network = MLPClassifier(
        HIDDEN, batch_size=batch, learning_rate_init=LR, max_iter=epochs, early_stopping=True,
        validation_fraction=VALIDATION, n_iter_no_change=epochs, tol=0.0, random_state=0,
    )  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        start = time.perf_counter()
        network.fit(inputs, y)
    return (time.perf_counter() - start) / network.n_iter_


PROGRAMS: dict[str, Callable[[np.ndarray, np.ndarray, int], float]] = {
    "floor": run_floor,
    "mnistffn": run_mnistffn,
    "mnistffn --precision bf16": partial(run_mnistffn, precision="bf16"),
    "plain loop": run_plain_loop,
    "skorch": run_skorch,
    "MLPClassifier": run_mlp,
    "MLPClassifier, batch 200": partial(run_mlp, batch=200),
}
if not has_bfloat16(torch.device("cpu")):
    del PROGRAMS["mnistffn --precision bf16"]


def make_table(seconds: dict[str, list[float]]) -> str:
    """Return the times and their ratios as a Markdown table."""
    lines = ["| program | seconds an epoch | to the floor | to mnistffn |", "|---|---|---|---|"]
    for name, found in seconds.items():
        ratios = []
        for reference in ("floor", "mnistffn"):
            each = sorted(a / b for a, b in zip(found, seconds[reference], strict=True))
            ratios.append(f"{median(each):.2f} ({each[0]:.2f} to {each[-1]:.2f})")
        lines.append(f"| {name} | {median(found):.2f} | {ratios[0]} | {ratios[1]} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure, and write the JSON file and the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", nargs="?", help="MATLAB file; default: the built-in digits")
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--epochs", type=int, default=3, help="of every program in a round")
    parser.add_argument("--readme", type=Path, default=ROOT / "README.md")
    parser.add_argument("--output", type=Path, default=Path(__file__).with_suffix(".json"))
    options = parser.parse_args()
    dataset = load_dataset(options.data)
    rows = split_labels(dataset.labels, 0.1, 0).train
    X, y = dataset.flat[rows], np.searchsorted(dataset.classes, dataset.labels[rows])
    seconds: dict[str, list[float]] = {name: [] for name in PROGRAMS}
    for _ in range(options.rounds):
        for name, program in PROGRAMS.items():
            torch.manual_seed(0)
            seconds[name].append(program(X, y, options.epochs))
            print(f"{name}: {seconds[name][-1]:.3f} s", flush=True)
    result = {"seconds": seconds, "threads": torch.get_num_threads(), "n": len(X)}
    options.output.write_text(json.dumps(result, indent=2) + "\n")
    write_table(make_table(seconds), options.readme, "speed")


if __name__ == "__main__":
    main()
