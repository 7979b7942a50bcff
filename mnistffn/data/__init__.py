"""From a file to upright uint8 images with labels, and their split."""

from mnistffn.data.dataset import Dataset, Layout, builtin_digits
from mnistffn.data.load import ReadOptions, load_dataset, read_dataset
from mnistffn.data.split import Split, describe_balance, split_labels

__all__ = [
    "Dataset",
    "Layout",
    "ReadOptions",
    "Split",
    "builtin_digits",
    "describe_balance",
    "load_dataset",
    "read_dataset",
    "split_labels",
]
