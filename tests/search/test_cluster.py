import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from shutil import rmtree

import numpy as np
import pytest
from helpers import call, invoke, takes_long

from mnistffn import FeedForwardClassifier
from mnistffn.data import builtin_digits
from mnistffn.errors import MnistffnError
from mnistffn.run.journal import Journal
from mnistffn.search import cluster as cluster_module
from mnistffn.search.cluster import open_cluster
from mnistffn.search.fit import Fit, FitData, FitError, carry_out
from mnistffn.search.options import SearchOptions
from mnistffn.search.random_search import random_search
from mnistffn.search.result import SearchResult
from mnistffn.search.space import SearchSpace

distributed = pytest.importorskip("distributed")

digits = builtin_digits()
X, y = digits.flat[:600], digits.labels[:600]
data = FitData(X, y, np.arange(600) % 2)
SPACE = SearchSpace((4, 12), (2, 2), (0.0, 0.3))
SMALL = {"n_trials": 4, "n_folds": 2, "max_epochs": 10, "recipe": "fast"}
short = Fit.of(FeedForwardClassifier((8,), max_epochs=10, n_threads=1, random_state=0), 0)
endless = Fit.of(FeedForwardClassifier((8,), max_epochs=10**6, n_threads=1), 0)


def wait_for(holds: Callable[[], object], seconds: float = 300) -> None:
    end = time.monotonic() + seconds
    while not holds() and time.monotonic() < end:
        time.sleep(0.05)
    assert holds()


def list_accuracies(result: SearchResult) -> list[tuple[dict[str, object], tuple[float, ...]]]:
    return [(candidate.parameters, candidate.accuracies) for candidate in result.candidates]


class RealCluster:
    """A scheduler and its workers, each a process of its own, as an administrator starts them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.processes: list[subprocess.Popen[bytes]] = []
        file = folder / "scheduler.json"
        self.scheduler = self._start("scheduler", "--port", 0, "--scheduler-file", file)
        wait_for(file.exists)
        self.address = json.loads(file.read_text())["address"]
        self.workers = [self.start_worker() for _ in range(2)]

    def start_worker(self, **environment: str) -> subprocess.Popen[bytes]:
        place = self.folder / f"worker{len(self.processes)}"
        options = ("--nthreads", 1, "--no-nanny", "--local-directory", place)
        return self._start("worker", self.address, *options, **environment)

    def _start(self, role: str, *options: object, **environment: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", f"distributed.cli.dask_{role}", "--dashboard-address", ":0"]
        with (self.folder / "log").open("a") as log:
            process = subprocess.Popen(
                [*command, *map(str, options)], stderr=log, env=os.environ | environment
            )
        self.processes.append(process)
        return process

    def list_images(self) -> list[Path]:
        """Return the files with images of all workers."""
        return list(self.folder.glob("worker*/**/images.npy"))

    def count_workers(self) -> int:
        with distributed.Client(self.address, set_as_default=False) as client:
            return len(client.nthreads())

    def close(self) -> None:
        for process in self.processes:
            process.kill()
            process.wait()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealCluster]:
    cluster = RealCluster(tmp_path_factory.mktemp("cluster"))
    try:
        with distributed.Client(cluster.address, set_as_default=False) as client:
            client.wait_for_workers(2, timeout=300)
        yield cluster
    finally:
        cluster.close()


@pytest.fixture(scope="module")
def alone() -> SearchResult:
    return random_search(X, y, SPACE, SearchOptions(**SMALL, n_jobs=1))


def test_a_cluster_finds_what_this_machine_finds_and_gets_the_images_once(
    cluster: RealCluster, alone: SearchResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes, seen, notes = [], set(), []
    send = distributed.Client._send_to_scheduler

    def weigh(self: object, message: dict[str, object]) -> None:
        if message["op"] == "update-graph":
            sizes.append(sum(len(bytes(frame)) for frame in message["expr_ser"].frames))
        send(self, message)

    monkeypatch.setattr(distributed.Client, "_send_to_scheduler", weigh)
    options = SearchOptions(**SMALL, scheduler=cluster.address)
    found = random_search(
        X, y, SPACE, options, None, lambda *_: seen.update(cluster.list_images()), None, notes.append
    )
    assert list_accuracies(found) == list_accuracies(alone)
    assert not found.failures
    images, *tasks = sizes
    assert images > X.nbytes
    assert len(tasks) == 2 + 8
    assert max(tasks) < 2500
    assert len(seen) == 2  # one file a worker, whatever the number of its fits
    assert "workers: 2, fits side by side: 2; dashboard http://" in notes[0]


@takes_long  # tests/search/test_pool.py kills workers of this machine
def test_a_search_whose_worker_is_killed_finds_the_same(
    cluster: RealCluster, alone: SearchResult
) -> None:
    def kill_one(done: int, *_: object) -> None:
        if done == 1:
            cluster.workers[0].kill()
            cluster.workers[0].wait()
            rmtree(cluster.folder / "worker1")  # which a worker that is killed leaves behind
            cluster.workers[0] = cluster.start_worker()

    options = SearchOptions(**SMALL, scheduler=cluster.address, n_jobs=3)
    found = random_search(X, y, SPACE, options, on_fit=kill_one)
    assert list_accuracies(found) == list_accuracies(alone)
    assert not found.failures
    wait_for(lambda: cluster.count_workers() == 2)


@takes_long
def test_fits_that_raise_or_take_too_long_are_told_from_others(cluster: RealCluster) -> None:
    wrong = Fit.of(FeedForwardClassifier((8,), augment=True, image_shape=(5, 5), n_threads=1), 0)
    others = FitData(255 - X, y, data.folds)
    expected = [carry_out(short, some).accuracy for some in (data, others)]
    assert expected[0] != expected[1]
    with (
        ThreadPoolExecutor(2) as threads,
        open_cluster(cluster.address, data, lambda _: None) as (first, _),
        open_cluster(cluster.address, others, lambda _: None) as (second, _),
    ):
        for carrier, accuracy in zip((first, second, first), [*expected, expected[0]], strict=True):
            outcomes = threads.map(carrier, [short] * 2, [None] * 2)  # on both workers
            assert [outcome.accuracy for outcome in outcomes] == [accuracy] * 2
        with pytest.raises(FitError, match=r"Error: .*image"):
            first(wrong, None)
        start = time.monotonic()
        assert first(endless, start + 2) is None
        assert time.monotonic() - start < 30


@takes_long
def test_a_client_that_was_killed_goes_on_from_its_journal(
    cluster: RealCluster, tmp_path: Path
) -> None:
    options = ["-n", "4", "-k", "2", "--epochs", "10", "--recipe", "fast", "--hidden", "4", "12"]
    arguments = ["search", *options, "--scheduler", cluster.address, "-r", tmp_path / "killed"]
    process = subprocess.Popen([sys.executable, "-m", "mnistffn", *map(str, arguments)])
    kept = tmp_path / "killed" / ".search" / "fits.jsonl"
    wait_for(lambda: kept.exists() and len(kept.read_text().splitlines()) >= 2)
    process.kill()
    process.wait()
    n_kept = len(list(Journal(kept).read()))
    assert 2 <= n_kept < 8
    again = call(*arguments, "--json")
    assert again.returncode == 0, again.stderr
    assert f"{n_kept} fits kept from before" in again.stderr
    assert json.loads(again.stdout)["scheduler"] == cluster.address
    assert invoke("search", *options, "-j", 1, "-r", tmp_path / "whole").exit_code == 0
    params, tables = [], []
    for run in (tmp_path / "killed", tmp_path / "whole"):
        params.append((run / "params.json").read_bytes())
        rows = [line.split(",") for line in (run / "search.csv").read_text().splitlines()]
        seconds = rows[0].index("seconds")
        tables.append([row[:seconds] + row[seconds + 1 :] for row in rows])
    assert params[0] == params[1]
    assert tables[0] == tables[1]


@takes_long
def test_an_interrupted_search_ends_at_once_and_leaves_the_slots_free(
    cluster: RealCluster, tmp_path: Path
) -> None:
    arguments = ["-n", "8", "-k", "2", "--epochs", "1000000", "--scheduler", cluster.address, "-r"]
    process = subprocess.Popen(
        [sys.executable, "-m", "mnistffn", "search", *arguments, str(tmp_path)],
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr
    for line in process.stderr:
        if line.startswith("cluster"):
            break
    time.sleep(3)  # until it is at its first fits
    process.send_signal(signal.SIGINT)
    start = time.monotonic()
    _, errors = process.communicate(timeout=60)
    assert time.monotonic() - start < 30
    assert process.returncode == 130
    assert errors == "error: interrupted; run the same command again\n"
    wait_for(lambda: not cluster.list_images())  # with which the processes end
    assert cluster.count_workers() == 2


@takes_long
def test_a_worker_of_another_version_is_refused_by_name(cluster: RealCluster, tmp_path: Path) -> None:
    metadata = tmp_path / "skorch-0.1.dist-info" / "METADATA"
    metadata.parent.mkdir()
    metadata.write_text("Metadata-Version: 2.1\nName: skorch\nVersion: 0.1\n")
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    refused = r"worker tcp://\S+ is refused: skorch 0\.1 in place of .*install there"
    late = r"worker tcp://\S+ carries out no fits: skorch 0\.1 in place of"
    with (
        ThreadPoolExecutor(3) as threads,
        open_cluster(cluster.address, data, lambda _: None) as (carrier, _),
    ):
        other = cluster.start_worker(PYTHONPATH=path)
        wait_for(lambda: cluster.count_workers() == 3)
        with pytest.raises(MnistffnError, match=late):
            list(threads.map(carrier, [short] * 9, [None] * 9))
    with pytest.raises(MnistffnError, match=refused), open_cluster(cluster.address, data, print):
        pass
    other.kill()
    wait_for(lambda: cluster.count_workers() == 2)


@takes_long
def test_a_scheduler_that_is_lost_ends_the_search_and_no_fit_is(
    cluster: RealCluster, tmp_path: Path
) -> None:
    journal = Journal(tmp_path / "fits.jsonl")

    def kill_scheduler(done: int, *_: object) -> None:
        if done == 2:
            cluster.scheduler.kill()

    options = SearchOptions(**SMALL | {"max_epochs": 100}, scheduler=cluster.address)
    lost = "scheduler tcp://.* is lost: run the same command again"
    with pytest.raises(MnistffnError, match=lost):
        random_search(X, y, SPACE, options, on_fit=kill_scheduler, journal=journal)
    assert len(list(journal.read())) >= 2


@takes_long
def test_a_cluster_of_this_machines_own_has_as_many_slots_as_asked_for() -> None:
    with (
        open_cluster("local:2", data, lambda _: None) as (carrier, n_slots),
        ThreadPoolExecutor(2) as threads,
    ):
        assert n_slots == 2
        outcomes = list(threads.map(carrier, [short] * 3, [None] * 3))
    assert {outcome.accuracy for outcome in outcomes} == {carry_out(short, data).accuracy}


@pytest.mark.parametrize("address", ["local:0", "local:x", "host:8786", "tcp://host", "tcp://:1"])
def test_a_malformed_address_is_a_usage_error(address: str, tmp_path: Path) -> None:
    result = invoke("search", "--scheduler", address, "-r", tmp_path)
    assert result.exit_code == 2
    assert f"--scheduler {address} must be like tcp://HOST:PORT or local:WORKERS" in result.stderr


def test_a_scheduler_that_does_not_answer_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster_module, "CONNECTING", 0.5)
    result = invoke("search", "-q", "--scheduler", "tcp://127.0.0.1:1", "-r", tmp_path)
    assert result.exit_code == 1
    assert result.stderr.startswith("error: no scheduler answers at tcp://127.0.0.1:1 (")
    assert result.stderr.count("\n") == 1


def test_without_distributed_a_search_on_a_cluster_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    result = invoke("search", "-q", "--scheduler", "local:2", "-r", tmp_path)
    assert result.exit_code == 2
    assert "install mnistffn[cluster]" in result.stderr
    assert result.stderr.count("\n") == 1
