"""Decoded images beside a run: reading a MATLAB file anew takes longer than most commands' own work."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import BinaryIO

import numpy as np

from mnistffn.data.dataset import Dataset, Layout, hash_file
from mnistffn.data.orientation import Orientation

FORMAT = 1  # to be raised when files come to be read differently


def write_cache(file: BinaryIO, dataset: Dataset, orientation: Orientation) -> None:
    """Write a data set with what it was read from and how."""
    layout = asdict(dataset.layout)
    key = {"format": FORMAT, "sha256": dataset.sha256, "orientation": orientation, "layout": layout}
    np.savez(file, images=dataset.images, labels=dataset.labels, key=np.array(json.dumps(key)))


def read_cache(cache: Path, path: Path, orientation: Orientation) -> Dataset | None:
    """Read what :func:`write_cache` has written, if it was made from the file at ``path`` as it is now.

    Returns
    -------
    Dataset or None
        None where there is no cache, or it is damaged, or of another file or another orientation.
    """
    try:
        with cache.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            key = json.loads(str(arrays["key"]))
            wanted = {"sha256": hash_file(path), "orientation": orientation, "format": FORMAT}
            if {name: key[name] for name in wanted} != wanted:
                return None
            images, labels, layout = arrays["images"], arrays["labels"], Layout(**key["layout"])
    except Exception:  # no cache, or whatever the bytes of a damaged one provoke
        return None
    if images.dtype != np.uint8 or images.ndim != 3 or labels.shape != images.shape[:1]:
        return None
    return Dataset(images, labels.astype(np.int64), str(path), key["sha256"], layout)
