"""Writing images in the layout of the document's course."""

from collections.abc import Mapping
from typing import Any, BinaryIO

from numpy.typing import NDArray

TITLE = "MATLAB 5.0 MAT-file, written by mnistffn"
TITLE_LENGTH = 116  # bytes


def lay_out(images: NDArray[Any], labels: NDArray[Any], suffix: str = "") -> dict[str, NDArray[Any]]:
    """Return the variables of the course's data file.

    Parameters
    ----------
    images : ndarray of shape (n, height, width)
        Upright; values of any kind stay as they are.
    labels : ndarray of shape (n,), int64 or str
    suffix : str
        Of the variables' names: ``_test`` for a test part beside another.

    Returns
    -------
    dict
        ``input_images`` (n, pixels), column by column, and ``output_labels`` (n, 1), float64, or (n,)
        strings.
    """
    return {
        f"input_images{suffix}": images.mT.reshape(len(images), -1),
        f"output_labels{suffix}": labels.astype(float)[:, None]
        if labels.dtype.kind == "i"
        else labels.astype(object),
    }


def write_document_layout(
    file: BinaryIO, content: Mapping[str, NDArray[Any]], title: str = TITLE
) -> None:
    """Write variables that :func:`lay_out` has made, and ``orientation``, which tells how they lie.

    The same content gives the same bytes: SciPy's title would have the time in it.
    """
    from scipy.io import savemat

    named = {**content, "orientation": "column-major"}
    savemat(file, named, do_compression=True)  # type: ignore[arg-type]  # the stubs know paths only
    file.seek(0)
    file.write(title.encode().ljust(TITLE_LENGTH))
