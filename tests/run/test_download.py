"""mnistffn data --download, against a server on this machine."""

import bz2
import gzip
import hashlib
import io
import json
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread

import numpy as np
import pytest
from helpers import Recorder, call, invoke
from scipy.io import loadmat, savemat

from mnistffn import load_dataset
from mnistffn.data import builtin_digits, download
from mnistffn.data.originals import ORIGINALS, read_idx
from mnistffn.errors import DataError, UsageError
from mnistffn.run.download import DownloadOptions
from mnistffn.run.download import download as make

DIGITS = builtin_digits()
N_TRAIN, N = 300, 400
TRAIN, TEST = slice(N_TRAIN), slice(N_TRAIN, N)


@dataclass
class Server:
    """What a test serves, and what was asked of it."""

    url: str
    files: dict[str, bytes] = field(default_factory=dict)
    breaks: dict[str, int] = field(default_factory=dict)  # requests after which a file comes whole
    stalls: Event | None = None  # is set when half a file was sent; the other half never comes
    asked: list[str] = field(default_factory=list)
    stopped: Event = field(default_factory=Event)


@pytest.fixture
def server() -> Iterator[Server]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            name = self.path.removeprefix("/")
            served.asked.append(name)
            if name not in served.files:
                self.send_error(404)
                return
            content = served.files[name]
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            is_broken = served.breaks.get(name, 0) > 0
            self.wfile.write(content[: len(content) // 2] if is_broken or served.stalls else content)
            if served.stalls:
                served.stalls.set()
                served.stopped.wait(20)
            if is_broken:
                served.breaks[name] -= 1

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        served = Server(f"http://127.0.0.1:{listening.server_address[1]}")
        thread = Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield served
        served.stopped.set()
        listening.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, with the cache in it, and a program that does not wait."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MNISTFFN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(download, "WAITS", (0, 0, 0))
    return tmp_path


def pack_idx(array: np.ndarray) -> bytes:
    head = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes()
    return gzip.compress(head + array.astype(np.uint8).tobytes(), 1, mtime=0)


def pack_idx_files(
    images: np.ndarray, labels: np.ndarray, template: str, test: str
) -> dict[str, bytes]:
    parts = (("train", TRAIN), (test, TEST))
    arrays = {"images-idx3": images, "labels-idx1": labels}
    return {
        template.format(part=part, what=what): pack_idx(array[rows])
        for part, rows in parts
        for what, array in arrays.items()
    }


def draw_garments() -> np.ndarray:
    """Draw what is no digit, and the same neither mirrored nor transposed."""
    generator = np.random.default_rng(0)
    images = np.zeros((N, 12, 12), np.uint8)
    for image in images:
        top, left = generator.integers(2, 5, 2)
        image[top : top + 6, left : left + 3] = generator.integers(100, 256)
        image[top : top + 2, left : left + 6] = 255
    return images


def publish(
    name: str, server: Server, monkeypatch: pytest.MonkeyPatch
) -> tuple[np.ndarray, np.ndarray]:
    """Serve small files of the form of a data set's, and return what they hold."""
    images, labels = DIGITS.images[:N], DIGITS.labels[:N]
    if name in ("mnist", "fashion"):
        images = images if name == "mnist" else draw_garments()
        files = pack_idx_files(images, labels, "{part}-{what}-ubyte.gz", "t10k")
    elif name == "emnist-letters":
        labels = np.arange(len(labels)) % 26 + 1
        template = "gzip/emnist-letters-{part}-{what}-ubyte.gz"
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            for member, content in pack_idx_files(images.mT, labels, template, "test").items():
                archive.writestr(member, content)
        files = {"gzip.zip": buffer.getvalue()}
        labels = np.array([chr(ord("A") + label - 1) for label in labels])
    else:
        images = np.kron(images, np.ones((2, 2), np.uint8))
        files = {"usps.bz2": pack_text(images[TRAIN], labels[TRAIN])}
        files["usps.t.bz2"] = pack_text(images[TEST], labels[TEST])
    server.files = files
    hashes = {file: hashlib.sha256(content).hexdigest() for file, content in files.items()}
    monkeypatch.setitem(ORIGINALS, name, replace(ORIGINALS[name], sha256=hashes))
    return images, labels


def pack_text(images: np.ndarray, labels: np.ndarray) -> bytes:
    """Write LIBSVM's text, which leaves out pixels that are 0: the middle of [-1, 1]."""
    rows = np.round(images.reshape(len(images), -1) / 127.5 - 1, 6)
    lines = [
        f"{label + 1} " + " ".join(f"{place}:{value:g}" for place, value in enumerate(row, 1) if value)
        for row, label in zip(rows.tolist(), labels.tolist(), strict=True)
    ]
    return bz2.compress("\n".join(lines).encode(), 1)


def list_files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("name", ["fashion", "emnist-letters", "usps"])
def test_a_data_set_is_read_as_it_was_published(
    name: str, server: Server, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    images, labels = publish(name, server, monkeypatch)
    path = make(DownloadOptions(name, mirror=server.url), None, recorder)
    assert path == Path("data") / f"{ORIGINALS[name].stem}.mat"
    dataset = load_dataset(path)
    np.testing.assert_array_equal(dataset.images, images)
    np.testing.assert_array_equal(dataset.labels, labels)
    assert dict(dataset.parts) == {"train": (0, N_TRAIN), "test": (N_TRAIN, N)}
    assert (dataset.layout.orientation, dataset.layout.evidence) == ("column-major", "the file says so")
    assert not dataset.layout.unused
    if name != "emnist-letters":
        assert loadmat(path)["output_labels"][:, 0].tolist() == labels[TRAIN].tolist()
    assert not any("which way up" in warning for warning in dataset.layout.warnings)


def test_the_command_fetches_tells_and_records(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    publish("mnist", server, monkeypatch)
    result = invoke("data", "--download", "mnist", "--mirror", server.url)
    assert result.exit_code == 0, result.output
    assert "wrote data/MNIST.mat" in result.stderr
    assert "1/1 kB of t10k-labels-idx1-ubyte.gz" in result.stderr
    assert "next: mnistffn search data/MNIST.mat" in result.stderr
    assert "300 train, 100 test" in result.stdout
    recorded = json.loads(Path("run/run.json").read_text())["stages"]["data"]["options"]["download"]
    assert recorded == {"name": "mnist", "part": "all"}


def test_the_variables_are_those_of_the_course(
    server: Server, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish("mnist", server, monkeypatch)
    for part, name, rows in (
        ("all", "MNIST", TRAIN),
        ("train", "MNIST-train", TRAIN),
        ("test", "MNIST-test", TEST),
    ):
        path = make(DownloadOptions("mnist", part, server.url), None, recorder)
        assert path == Path("data") / f"{name}.mat"
        content = loadmat(path)
        columns = DIGITS.images[rows].mT.reshape(-1, 64)
        np.testing.assert_array_equal(content["input_images"], columns)
        np.testing.assert_array_equal(content["output_labels"][:, 0], DIGITS.labels[rows])
        assert ("input_images_test" in content) == (part == "all")


def test_the_same_download_again_asks_nobody_and_changes_nothing(
    server: Server, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish("usps", server, monkeypatch)
    options, path = DownloadOptions("usps", mirror=server.url), Path("mine.mat")
    make(options, path, recorder)
    before = path.read_bytes()
    assert before.startswith(b"MATLAB 5.0 MAT-file, written by mnistffn: usps (all) from its original")
    make(options, path, recorder)
    assert recorder.notes[-1] == "mine.mat holds them already"
    path.unlink()
    make(options, path, recorder)
    assert path.read_bytes() == before
    assert server.asked == ["usps.bz2", "usps.t.bz2"]


@pytest.mark.parametrize("is_like", [False, True])
def test_a_file_that_is_something_else_is_not_touched(
    is_like: bool, server: Server, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish("usps", server, monkeypatch)
    options, path = DownloadOptions("usps", mirror=server.url), Path("mine.mat")
    if is_like:  # it was made by the same command, and changed since
        make(options, path, recorder)
        path.write_bytes(path.read_bytes() + b"\0")
    else:
        savemat(path, {"X": DIGITS.flat, "y": DIGITS.labels})
    before, asked = path.read_bytes(), len(server.asked)
    with pytest.raises(UsageError, match=r"mine\.mat is something else and is not touched"):
        make(options, path, recorder)
    assert path.read_bytes() == before
    assert len(server.asked) == asked


def assert_one_line(stderr: str) -> str:
    [line] = stderr.splitlines()
    assert line.startswith("error: ")
    return line


@pytest.mark.parametrize(
    ("fault", "code", "message", "n_asked"),
    [
        ("absent", 1, "the server answers 404 Not Found", 2),
        ("broken", 1, "the connection broke off", 5),
        ("other", 4, "is not the original, whose SHA-256 is", 2),
        ("deaf", 1, "the server cannot be reached", 0),
    ],
)
def test_what_cannot_be_fetched_is_told_in_one_line_and_leaves_nothing(
    fault: str, code: int, message: str, n_asked: int,
    server: Server, place: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    publish("usps", server, monkeypatch)
    url = server.url
    if fault == "absent":
        del server.files["usps.t.bz2"]
    elif fault == "broken":
        server.breaks["usps.t.bz2"] = 10
    elif fault == "other":
        server.files["usps.t.bz2"] += b"."
    else:
        url = "http://127.0.0.1:9"
    result = invoke("data", "--download", "usps", "--mirror", url, "-q")
    assert result.exit_code == code
    line = assert_one_line(result.stderr)
    assert message in line
    assert f"{url}/usps." in line
    assert len(server.asked) == n_asked
    kept = [] if fault == "deaf" else ["cache/usps/usps.bz2"]
    assert list_files(place) == kept, "only what is whole is kept"


def test_a_connection_that_breaks_twice_is_tried_again(
    server: Server, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish("usps", server, monkeypatch)
    server.breaks["usps.bz2"] = 2
    make(DownloadOptions("usps", mirror=f"{server.url}/"), None, recorder)
    assert server.asked == ["usps.bz2"] * 3 + ["usps.t.bz2"]
    told = f"{server.url}/usps.bz2: the connection broke off; trying again in 0 s"
    assert recorder.notes.count(told) == 2


def test_the_next_place_is_tried_and_a_damaged_file_of_the_cache_is_fetched_anew(
    server: Server, place: Path, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish("usps", server, monkeypatch)
    places = (f"{server.url}/gone/", f"{server.url}/")
    monkeypatch.setitem(ORIGINALS, "usps", replace(ORIGINALS["usps"], folders=places))
    kept = place / "cache" / "usps" / "usps.bz2"
    kept.parent.mkdir(parents=True)
    kept.write_bytes(b"damaged")
    make(DownloadOptions("usps"), None, recorder)
    assert sum("404 Not Found" in note for note in recorder.notes) == 2
    assert kept.read_bytes() == server.files["usps.bz2"]


def test_the_real_hashes_count(server: Server, place: Path) -> None:
    server.files["gzip.zip"] = b"not 562 MB of letters"
    get = ("data", "--download", "emnist-letters", "--mirror", server.url, "-q")
    result = call(*get, "-r", place / "run", MNISTFFN_CACHE=str(place / "cache"))
    assert result.returncode == 4
    assert "fb9bb67e33772a9c" in assert_one_line(result.stderr)
    assert list_files(place) == []


def test_an_interrupted_download_leaves_nothing(
    server: Server, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.files["usps.bz2"] = bytes(1_000_000)
    server.stalls = Event()
    command = [sys.executable, "-m", "mnistffn", "data", "--download", "usps", "--mirror", server.url]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert server.stalls.wait(300)
    time.sleep(0.3)
    process.send_signal(signal.SIGTERM)
    stderr = process.communicate(timeout=300)[1]
    assert process.returncode == 143, stderr
    assert list_files(place) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--mirror", "http://one"), "--mirror http://one says what to fetch: give --download"),
        (("--part", "test"), "--part test says what to fetch: give --download"),
        (("--download", "usps", "--mirror", "one"), "--mirror one must be a URL that begins with http"),
        (
            ("usps.txt", "--download", "usps"),
            "usps.txt, where --download is to write, must end in .mat",
        ),
        (("--download", "cifar"), "'cifar' is not one of"),
    ],
)
def test_what_makes_no_sense_is_refused(arguments: tuple[str, ...], message: str) -> None:
    result = invoke("data", *arguments)
    assert result.exit_code == 2
    assert message in assert_one_line(result.stderr)


@pytest.mark.parametrize("content", [b"", b"\0\0\x08\x01\0\0", bytes([0, 0, 8, 1, 0, 0, 0, 2, 5])])
def test_an_idx_file_that_is_not_whole_is_refused(content: bytes) -> None:
    with pytest.raises(DataError, match="no whole IDX file"):
        read_idx(content)
