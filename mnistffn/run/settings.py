"""What finished work depends on besides its own parameters: the data, and the versions."""

import hashlib
from importlib.metadata import version

import numpy as np

from mnistffn.run.data import RunData

# Packages that what is trained depends on.
COMPUTING = ("mnistffn", "torch", "skorch", "numpy", "scikit-learn")


def describe_data(data: RunData) -> dict[str, str]:
    """Return the hashes that tell the images and labels that are trained on from others."""
    return {
        "file": data.record.sha256,
        # What else there is in the content is told apart by the next two.
        "reading and split": data.record.reading,
        "images": hashlib.sha256(data.X_train.data).hexdigest(),
        "labels": hashlib.sha256(np.ascontiguousarray(data.y_train).data).hexdigest(),
    }


def list_versions() -> dict[str, str]:
    """Return the versions of the packages that compute."""
    return {package: version(package) for package in COMPUTING}
