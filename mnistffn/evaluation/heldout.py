"""The images that a run's network was neither trained on nor is tested on: its validation part."""

import numpy as np
from numpy.typing import NDArray

from mnistffn.data.repeats import hash_images
from mnistffn.network.modelfile import Model
from mnistffn.run.data import TestImages
from mnistffn.run.directory import RunDirectory
from mnistffn.run.files import hash_file
from mnistffn.run.manifest import DATA
from mnistffn.training.rows import find_validation_rows


def find_validation_part(
    run: RunDirectory, model: Model, tested: TestImages
) -> tuple[NDArray[np.uint8], NDArray[np.int64]] | None:
    """Return the images and labels that training held out for validation.

    Which ones they were follows from the seed, the fraction and the rows of the split. An image that is
    among those trained on or tested as well is left out.

    Parameters
    ----------
    run : RunDirectory
    model : Model
        As it was read from the run.
    tested : TestImages

    Returns
    -------
    X : ndarray of shape (n, pixels), uint8
    labels : ndarray of shape (n,), int64

    None where there are none, or where nothing proves which they were: the run did not train this
    model, or its data have changed since.
    """
    own = tested.own
    if own is None or not isinstance(model.parameters["random_state"], int):
        return None
    trained = run.manifest().stages.get("train")
    if (
        trained is None
        or trained.outputs.get("model.pt") != hash_file(run.path / "model.pt")
        or trained.inputs.get(DATA) != own.record.fingerprint
    ):
        return None
    dataset, split = own.dataset, own.split
    rows = find_validation_rows(dataset.flat, dataset.labels, split.train, model.parameters)
    hashes = hash_images(dataset.images)
    used = hashes[np.concatenate([np.setdiff1d(split.train, rows), split.test])]
    others = hash_images(tested.dataset.images[tested.index])
    rows = rows[~np.isin(hashes[rows], np.concatenate([used, others]))]
    return (dataset.flat[rows], dataset.labels[rows]) if len(rows) else None
