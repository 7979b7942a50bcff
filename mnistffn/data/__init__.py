"""From a file to upright uint8 images with int64 labels, and their split."""

from mnistffn.data.dataset import Dataset, Layout, builtin_digits, load_dataset
from mnistffn.data.orientation import ORIENTATIONS
from mnistffn.data.split import Split, describe_balance, split_labels

__all__ = [
    "ORIENTATIONS",
    "Dataset",
    "Layout",
    "Split",
    "builtin_digits",
    "describe_balance",
    "load_dataset",
    "split_labels",
]
