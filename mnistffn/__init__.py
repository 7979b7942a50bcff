"""Tune, train, test and look inside a feed-forward network on MNIST-like images."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mnistffn.data import Dataset, load_dataset
    from mnistffn.training.classifier import FeedForwardClassifier

__all__ = ["Dataset", "FeedForwardClassifier", "load_dataset"]

_HOMES = {
    "Dataset": "mnistffn.data",
    "load_dataset": "mnistffn.data",
    "FeedForwardClassifier": "mnistffn.training.classifier",
}


def __getattr__(name: str) -> Any:
    """Import the public names when they are asked for, so that ``--help`` need not wait for torch."""
    if name == "__version__":
        from importlib.metadata import version  # noqa: PLC0415

        return version("mnistffn")
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    msg = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(msg)
