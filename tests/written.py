"""Images and labels written in every format, as the programs of the field write them."""

import csv
import gzip
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from PIL import Image
from scipy.io import savemat

Images, Labels = np.ndarray, np.ndarray


def write_v73(path: Path, content: dict[str, Any]) -> Path:
    """Write a MATLAB file of version 7.3 as MATLAB does; a dict is a struct, a list a cell."""
    with h5py.File(path, "w", userblock_size=512) as file:
        references = file.create_group("#refs#")
        for name, value in content.items():
            _put(file, name, value, references)
    head = b"MATLAB 7.3 MAT-file, Platform: GLNXA64, Created on: Mon Jan  1 00:00:00 2024 HDF5 schema 1.00 ."  # noqa: E501
    with path.open("r+b") as raw:
        raw.write(head.ljust(116) + bytes(8) + b"\x00\x02IM")
    return path


def _put(group: h5py.Group, name: str, value: Any, references: h5py.Group) -> None:
    if isinstance(value, dict):
        inner = group.create_group(name)
        inner.attrs["MATLAB_class"] = np.bytes_("struct")
        for field, part in value.items():
            _put(inner, field, part, references)
        return
    if isinstance(value, list):
        cells = []
        for part in value:
            item = f"r{len(references)}"
            _put(references, item, part, references)
            cells.append(references[item].ref)
        data = np.array(cells, h5py.ref_dtype).reshape(-1, 1)
        group.create_dataset(name, data=data, dtype=h5py.ref_dtype)
        group[name].attrs["MATLAB_class"] = np.bytes_("cell")
        return
    if isinstance(value, str):
        kind, stored = "char", np.array([[ord(letter)] for letter in value], np.uint16)
    else:
        stored = np.atleast_2d(value)
        kind = {"float64": "double", "float32": "single"}.get(stored.dtype.name, stored.dtype.name)
        stored = stored.T
    packed = {"chunks": True, "compression": "gzip"} if stored.size > 1000 else {}
    group.create_dataset(name, data=stored, **packed)
    group[name].attrs["MATLAB_class"] = np.bytes_(kind)
    if kind == "char":
        group[name].attrs["MATLAB_int_decode"] = np.int32(2)


def make_idx(values: np.ndarray) -> bytes:
    """Return bytes as an IDX file has them."""
    return (
        struct.pack(f">HBB{values.ndim}I", 0, 8, values.ndim, *values.shape)
        + values.astype("u1").tobytes()
    )


def write_csv(
    path: Path, images: Images, labels: Labels, header: bool = True, last: bool = False
) -> Path:
    """Write a table as Kaggle has it."""
    rows = images.reshape(len(images), -1)
    table = np.column_stack([rows, labels] if last else [labels, rows])
    names = [f"pixel{k}" for k in range(rows.shape[1])]
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "wt", newline="") as file:
        writer = csv.writer(file)
        if header:
            writer.writerow([*names, "label"] if last else ["label", *names])
        writer.writerows(table.tolist())
    return path


def write_pictures(folder: Path, images: Images, labels: Labels) -> Path:
    """Write a PNG for every image, in a folder for every class, named so that their order is kept."""
    for place, (image, label) in enumerate(zip(images, labels, strict=True)):
        (folder / str(label)).mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(folder / str(label) / f"{place:05}.png")
    return folder


def _write_idx(
    folder: Path, images: Images, labels: Labels, packed: bool, names: tuple[str, str]
) -> Path:
    for name, values in zip(names, (images, labels), strict=True):
        content = make_idx(values)
        place = folder / (f"{name}.gz" if packed else name)
        place.write_bytes(gzip.compress(content) if packed else content)
    return folder / (f"{names[0]}.gz" if packed else names[0])


def _write_mat(path: Path, images: Images, labels: Labels) -> Path:
    savemat(path, {"X": images.reshape(len(images), -1), "y": labels[:, None]}, do_compression=True)
    return path


def _write_npz(path: Path, images: Images, labels: Labels) -> Path:
    np.savez_compressed(
        path, x_train=images[:1500], y_train=labels[:1500], x_test=images[1500:], y_test=labels[1500:]
    )
    return path


def _write_npys(folder: Path, images: Images, labels: Labels) -> Path:
    np.save(folder / "X.npy", images)
    np.save(folder / "y.npy", labels)
    return folder / "X.npy"


def _write_column(folder: Path, images: Images, labels: Labels) -> Path:
    np.save(folder / "digits.npy", np.column_stack([images.reshape(len(images), -1), labels]))
    return folder / "digits.npy"


def _write_h5(path: Path, images: Images, labels: Labels) -> Path:
    with h5py.File(path, "w") as file:
        for part, rows in (("train", slice(1500)), ("test", slice(1500, None))):
            file[f"{part}/data"] = images[rows].reshape(-1, images[0].size) / np.float32(255)
            file[f"{part}/target"] = labels[rows]
        file["version"] = 1.0
        file["nothing"] = h5py.Empty("f8")
    return path


def _turn(images: Images) -> np.ndarray:
    return images.mT.reshape(len(images), -1) / 255


FORMATS: dict[str, Callable[[Path, Images, Labels], Path]] = {
    "v7": lambda f, x, y: _write_mat(f / "d.mat", x, y),
    "v7.3": lambda f, x, y: write_v73(f / "d.mat", {"input_images": _turn(x), "output_labels": y[:, None] * 1.0}),  # noqa: E501
    "v7.3, a struct of (h, w, n)": lambda f, x, y: write_v73(
        f / "d.mat", {"data": {"images": np.moveaxis(x, 0, 2), "labels": y.astype(np.uint8)[None]}, "note": "text"}  # noqa: E501
    ),
    "v7.3, cells": lambda f, x, y: write_v73(f / "d.mat", {"I": list(x), "T": list(map(str, y))}),
    "HDF5": lambda f, x, y: _write_h5(f / "usps.h5", x, y),
    "npz": lambda f, x, y: _write_npz(f / "mnist.npz", x, y),
    "npy with labels beside": _write_npys,
    "npy with a column": _write_column,
    "IDX": lambda f, x, y: _write_idx(f, x, y, False, ("train-images-idx3-ubyte", "train-labels-idx1-ubyte")),  # noqa: E501
    "IDX, t10k, gz": lambda f, x, y: _write_idx(f, x, y, True, ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")),  # noqa: E501
    "IDX with a dot": lambda f, x, y: _write_idx(f, x, y, False, ("images.idx3-ubyte", "labels.idx1-ubyte")),  # noqa: E501
    "CSV": lambda f, x, y: write_csv(f / "train.csv", x, y),
    "CSV, gz, no header": lambda f, x, y: write_csv(f / "train.csv.gz", x, y, header=False),
    "CSV, label last": lambda f, x, y: write_csv(f / "train.csv", x, y, last=True),
    "CSV, no header, label last": lambda f, x, y: write_csv(f / "t.csv", x, y, header=False, last=True),
    "pictures": lambda f, x, y: write_pictures(f / "digits", x, y),
}  # fmt: skip
