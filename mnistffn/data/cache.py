"""Decoded images beside a run: reading a data file anew takes longer than most commands' own work."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from mnistffn.data.dataset import Dataset, Layout
from mnistffn.data.load import ReadOptions

FORMAT = 2  # to be raised when files come to be read differently


def write_cache(file: BinaryIO, dataset: Dataset, options: ReadOptions) -> None:
    """Write a data set with what it was read from and how."""
    key = {
        "format": FORMAT,
        "sha256": dataset.sha256,
        "options": _spell(options),
        "layout": asdict(dataset.layout),
        "parts": {part: list(rows) for part, rows in dataset.parts.items()},
    }
    arrays: dict[str, Any] = {"images": dataset.images, "labels": dataset.labels}
    if dataset.groups is not None:
        arrays["groups"] = dataset.groups
    np.savez(file, key=np.array(json.dumps(key)), **arrays)


def read_cache(cache: Path, path: Path, sha256: str, options: ReadOptions) -> Dataset | None:
    """Read what :func:`write_cache` has written, if it was made from a file as it is now.

    Parameters
    ----------
    cache : Path
    path : Path
        The data file.
    sha256 : str
        Of the data file.
    options : ReadOptions

    Returns
    -------
    Dataset or None
        None where there is no cache, or it is damaged, or of another file or other options.
    """
    try:
        with cache.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            key = json.loads(str(arrays["key"]))
            wanted = {"sha256": sha256, "options": _spell(options), "format": FORMAT}
            if {name: key[name] for name in wanted} != wanted:
                return None
            images, labels = arrays["images"], arrays["labels"]
            groups = arrays.get("groups")
            layout = read_layout(key["layout"])
            parts = {part: (int(first), int(end)) for part, (first, end) in key["parts"].items()}
    except Exception:  # no cache, or whatever the bytes of a damaged one provoke
        return None
    if images.dtype != np.uint8 or images.ndim != 3 or labels.shape != images.shape[:1]:
        return None
    return Dataset(images, labels, str(path), sha256, layout, parts, groups)


def read_layout(content: dict[str, Any]) -> Layout:
    """Return a layout from what JSON has kept of it; raise TypeError where it is none."""
    tuples: dict[str, Any] = {
        name: tuple(content[name]) for name in ("scale", "warnings") if name in content
    }
    return Layout(**(content | tuples))


def _spell(options: ReadOptions) -> dict[str, Any]:
    content = asdict(options)
    del content["max_size"]
    return json.loads(json.dumps(content))  # type: ignore[no-any-return]
