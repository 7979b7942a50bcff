"""Fetching the original files of a data set: each is checked, kept, and fetched but once."""

import os
import time
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING

from mnistffn.data.originals import Original
from mnistffn.errors import DataError, MnistffnError
from mnistffn.progress import Progress

if TYPE_CHECKING:
    from requests import RequestException

CACHE = "MNISTFFN_CACHE"  # environment variable with the folder in which files are kept
WAITS = (1, 2, 4)  # seconds before another attempt
CHUNK = 1 << 16
BUSY = {408, 425, 429, 500, 502, 503, 504}  # answers of a server that may be another one later


class DownloadError(MnistffnError):
    """A file could not be fetched."""


def find_cache() -> Path:
    """Return the folder in which fetched files are kept."""
    import pooch

    return Path(os.environ.get(CACHE) or pooch.os_cache("mnistffn"))


def fetch(original: Original, folder: Path, mirror: str | None, progress: Progress) -> None:
    """Fetch those files of a data set that are not in ``folder`` yet, and check all of them.

    Parameters
    ----------
    original : Original
    folder : Path
        It is created where it is missing.
    mirror : str or None
        URL of a folder that holds the files, in place of those where they were published.
    progress : Progress

    Raises
    ------
    DownloadError
        No server has a file, or none sends it.
    DataError
        What a server sends is not the original: nothing of it is kept.
    MnistffnError
        The folder cannot be written.
    """
    *others, last = original.folders if mirror is None else (f"{mirror.rstrip('/')}/",)
    for file, sha256 in original.sha256.items():
        for place in others:
            try:
                _fetch(place, file, sha256, folder, progress)
                break
            except (DownloadError, DataError) as error:
                progress.note(f"{error}; trying the next place")
        else:
            _fetch(last, file, sha256, folder, progress)


def _fetch(place: str, file: str, sha256: str, folder: Path, progress: Progress) -> None:
    """Fetch a file unless it is there, up to four times if the connection breaks."""
    import pooch
    from requests import RequestException

    pooch.get_logger().setLevel("ERROR")
    for wait in (*WAITS, None):
        downloader = pooch.HTTPDownloader(
            progressbar=_Bar(file, progress), chunk_size=CHUNK, headers={"Accept-Encoding": "identity"}
        )
        try:
            pooch.retrieve(f"{place}{file}", f"sha256:{sha256}", file, folder, downloader=downloader)
        except RequestException as error:
            reason = _explain(error)
            if wait is None or not _may_pass(error):
                msg = f"{place}{file} cannot be fetched: {reason}: name another place with --mirror URL"
                raise DownloadError(msg) from error
            progress.note(f"{place}{file}: {reason}; trying again in {wait} s")
            time.sleep(wait)
        except ValueError as error:
            msg = f"{place}{file} is not the original, whose SHA-256 is {sha256}: nothing of it is kept"
            raise DataError(msg) from error
        except OSError as error:
            msg = f"{folder} cannot be written ({error.strerror or error}): name another with {CACHE}"
            raise MnistffnError(msg) from error
        else:
            return


def _may_pass(error: "RequestException") -> bool:
    """Return whether another attempt may succeed."""
    return error.response is None or error.response.status_code in BUSY


def _explain(error: "RequestException") -> str:
    from requests import exceptions

    if error.response is not None:
        return f"the server answers {error.response.status_code} {error.response.reason}".rstrip()
    if isinstance(error, exceptions.ChunkedEncodingError):
        return "the connection broke off"
    if isinstance(error, exceptions.Timeout):
        return "the server does not answer"
    if isinstance(error, exceptions.ConnectionError):
        return "the server cannot be reached, or the connection broke off"
    return str(error)


class _Bar:
    """Tells a listener how far a download is, by the interface that pooch asks for."""

    def __init__(self, file: str, progress: Progress) -> None:
        self.file, self.progress = file, progress
        self.total = self.done = self.told = 0

    def update(self, n_bytes: int) -> None:
        self.done += n_bytes
        total = ceil(self.total / 1000)
        done = min(ceil(self.done / 1000), total)
        if done > self.told:
            self.told = done
            self.progress.step(done, total, f"kB of {self.file}")

    def reset(self) -> None:
        self.done = 0

    def close(self) -> None:
        pass
