"""Random layouts of random sizes are read back as what they were made of."""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from helpers import SLOW
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.io import savemat

from mnistffn.data import builtin_digits, load_dataset

DIGITS = builtin_digits()
SHAPES = {
    "rows": lambda x: x.reshape(len(x), -1),
    "columns": lambda x: x.reshape(len(x), -1).T,
    "samples first": lambda x: x,
    "samples last": lambda x: np.moveaxis(x, 0, 2),
    "samples last of four": lambda x: np.moveaxis(x, 0, 2)[:, :, None],
    "a channel last": lambda x: x[..., None],
}
LABELS = {
    "row": lambda y: y[None],
    "column": lambda y: y[:, None],
    "one-hot": lambda y: np.eye(10)[y],
    "one-hot, a class in every row": lambda y: np.eye(10)[y].T,
    "10 for 0": lambda y: np.where(y == 0, 10, y),
    "digit + 1": lambda y: (y + 1).astype(float),
    "characters": lambda y: "".join(map(str, y)),
}
SCALES = {
    "bytes": lambda x: x,
    "[0, 1]": lambda x: x / 255,
    "single": lambda x: (x / 255).astype(np.float32),
    "[-1, 1]": lambda x: x / 127.5 - 1,
    "[0, 255]": lambda x: x.astype(float),
    "int16": lambda x: x.astype(np.int16),
}
NAMES = st.sampled_from(
    [("X", "y"), ("images", "labels"), ("fea", "gnd"), ("data", "target"), ("a", "b")]
)
OTHERS = {
    "writers": lambda n: np.arange(n) % 7,
    "note": lambda n: "some text",
    "rate": lambda n: 0.5,
    "mean_image": lambda n: np.full((8, 8), 0.5),
    "perm": lambda n: np.random.default_rng(1).permutation(n) + 1,
}


@settings(
    max_examples=60 if SLOW else 25,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
@given(
    n=st.integers(120, 500),
    grow=st.tuples(st.integers(1, 3), st.integers(0, 3)),
    shape=st.sampled_from(sorted(SHAPES)),
    form=st.sampled_from(sorted(LABELS)),
    scale=st.sampled_from(sorted(SCALES)),
    names=NAMES,
    others=st.sets(st.sampled_from(sorted(OTHERS)), max_size=3),
    is_turned=st.booleans(),
    is_dark=st.booleans(),
    is_packed=st.booleans(),
    seed=st.integers(0, 1000),
)
def test_any_layout_is_read_back(
    n, grow, shape, form, scale, names, others, is_turned, is_dark, is_packed, seed
) -> None:
    rows = np.random.default_rng(seed).permutation(1797)[:n]
    factor, margin = grow
    images = np.kron(DIGITS.images[rows], np.ones((1, factor, factor), np.uint8))
    images = np.pad(images, ((0, 0), (margin, margin), (margin, margin)))
    stored = 255 - images if is_dark else images
    stored = np.ascontiguousarray(stored.mT) if is_turned else stored
    content = {
        names[0]: SHAPES[shape](SCALES[scale](stored)),
        names[1]: LABELS[form](DIGITS.labels[rows]),
    }
    content |= {name: OTHERS[name](n) for name in others}
    with TemporaryDirectory() as folder:
        savemat(Path(folder) / "d.mat", content, do_compression=is_packed)
        if {"writers", "perm"} & others and names == ("a", "b"):
            return  # nobody can tell which vector holds the labels of these
        dataset = load_dataset(Path(folder) / "d.mat")
    np.testing.assert_array_equal(dataset.images, images)
    np.testing.assert_array_equal(dataset.labels, DIGITS.labels[rows])
    assert dataset.layout.orientation == ("column-major" if is_turned else "row-major")
    assert not dataset.layout.warnings
