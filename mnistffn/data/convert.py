"""Writing a data set in the layout of the document's course."""

from pathlib import Path

from mnistffn.data.dataset import Dataset
from mnistffn.errors import DataError


def write_document_layout(path: Path, dataset: Dataset) -> None:
    """Write ``input_images`` (n, pixels), float64 in [0, 1], column by column, and ``output_labels``.

    Raises
    ------
    DataError
        The file cannot be written.
    """
    from scipy.io import savemat

    rows = dataset.images.mT.reshape(len(dataset.images), -1) / 255
    labels = dataset.labels
    content = {
        "input_images": rows,
        "output_labels": labels.astype(float)[:, None]
        if labels.dtype.kind == "i"
        else labels.astype(object),
    }
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        savemat(temporary, content, do_compression=True, appendmat=False)
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        msg = f"{path} cannot be written: {error.strerror or error}"
        raise DataError(msg) from error
