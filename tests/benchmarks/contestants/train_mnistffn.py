"""The command ``mnistffn`` in a process where the test accuracy is measured after every epoch.

Its arguments are those of the command, from which it differs in one function, which is wrapped.
"""

from importlib import import_module
from typing import Any

from clock import Clock, load_rows

from mnistffn.__main__ import main
from mnistffn.machine import wait_passively

CLOCK = Clock()


def observe() -> None:
    """Let every epoch of a training be followed by a measurement."""
    wait_passively()  # as the command does before torch is loaded
    net = import_module("mnistffn.training.net").TrainingNet
    train_epoch = net.train_epoch

    def train_and_measure(self: Any, parts: Any) -> Any:
        epoch = train_epoch(self, parts)
        CLOCK.end_epoch(lambda: measure(self.kept))
        return epoch

    net.train_epoch = train_and_measure


def measure(network: Any) -> float:
    """Return the accuracy on the test images. The next epoch sets training mode itself."""
    torch = import_module("torch")
    rows = load_rows()
    network.eval()
    with torch.inference_mode():
        logits = network(torch.from_numpy(rows["images"]).float() / 255)
    return float((logits.argmax(dim=1).numpy() == rows["targets"]).mean())


observe()
main()
