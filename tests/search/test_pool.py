import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from select import select

import numpy as np
import pytest

from mnistffn import FeedForwardClassifier
from mnistffn.data import builtin_digits
from mnistffn.errors import MnistffnError, RunDirectoryError
from mnistffn.run.files import is_alive
from mnistffn.run.journal import Journal
from mnistffn.search.fit import Fit, FitData, FitError, carry_out
from mnistffn.search.options import SearchOptions
from mnistffn.search.pool import WorkerPool, open_carrier
from mnistffn.search.random_search import random_search
from mnistffn.search.space import SearchSpace

digits = builtin_digits()
X, y = digits.flat[:600], digits.labels[:600]
data = FitData(X, y, np.arange(600) % 2)
SPACE = SearchSpace((4, 12), (2, 2), (0.0, 0.3))
SMALL = {"n_trials": 4, "n_folds": 2, "max_epochs": 10, "recipe": "fast"}
short = Fit.of(FeedForwardClassifier((8,), max_epochs=2, n_threads=1, random_state=0), 0)
endless = Fit.of(FeedForwardClassifier((8,), max_epochs=10**6, n_threads=1), 0)


def list_workers(pid: int) -> list[int]:
    """Return the worker processes that the threads of a process have started."""
    threads = Path(f"/proc/{pid}/task")
    if not (threads / str(pid) / "children").exists():
        pytest.skip("the system does not tell a process's children")
    workers = []
    for children in threads.glob("*/children"):
        for child in children.read_text().split():
            with suppress(OSError):
                if b"mnistffn.search.worker" in Path(f"/proc/{child}/cmdline").read_bytes():
                    workers.append(int(child))
    return workers


def wait_for(holds: object, seconds: float = 300) -> None:
    end = time.monotonic() + seconds
    while not holds() and time.monotonic() < end:
        time.sleep(0.05)
    assert holds()


def test_a_search_whose_worker_is_killed_and_whose_fits_raise_finds_the_same() -> None:
    space = SearchSpace((4, 12), (2, 2), (0.0, 0.3), {"augment": [True, False]})
    no_images = X[:, :63]  # which nothing can be distorted in
    alone = random_search(no_images, y, space, SearchOptions(**SMALL, n_jobs=1))
    killed = []

    def kill_one(done: int, *_: object) -> None:
        if done == 1:
            killed.append(list_workers(os.getpid())[0])
            os.kill(killed[-1], signal.SIGKILL)

    found = random_search(no_images, y, space, SearchOptions(**SMALL, n_jobs=2), on_fit=kill_one)
    assert killed
    assert [c.accuracies for c in found.candidates] == [c.accuracies for c in alone.candidates]
    assert [c.parameters for c in found.candidates] == [c.parameters for c in alone.candidates]
    assert {candidate.parameters["augment"] for candidate in found.candidates} == {False}
    assert found.n_unfinished == 4 - len(found.candidates)
    assert len(found.failures) == 2 * found.n_unfinished
    for failure in found.failures:
        assert "augment=True" in failure
        assert "seed 0: ParameterError: augment=True needs images" in failure


def test_a_search_whose_fits_all_raise_names_the_first() -> None:
    augmented = SearchOptions(**SMALL | {"recipe": "default"}, n_jobs=1)
    with pytest.raises(MnistffnError, match=r"no candidate was finished: the fit with hidden=\["):
        random_search(X[:, :63], y, SPACE, augmented)


def wait_until_busy(pid: int) -> None:
    """Wait until a worker that has loaded all computes: it is at a fit."""

    def read_ticks() -> int:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return sum(map(int, fields[11:13]))

    before = read_ticks()
    wait_for(lambda: read_ticks() > before + os.sysconf("SC_CLK_TCK") / 10)


def test_a_fit_whose_worker_dies_is_tried_once_more_alone_and_then_given_up(tmp_path: Path) -> None:
    data.save(tmp_path)
    with ThreadPoolExecutor(2) as threads, WorkerPool(2, tmp_path) as pool:
        first, second = pool._workers
        fit = threads.submit(pool.carry_out, endless)
        wait_for(lambda: first.is_ready)
        wait_until_busy(first.process.pid)
        os.kill(first.process.pid, signal.SIGKILL)
        wait_for(lambda: second.is_ready)
        wait_until_busy(second.process.pid)
        os.kill(second.process.pid, signal.SIGSTOP)
        [successor] = set(pool._workers) - {second}
        assert select([successor.answers], [], [], 300)[0], "it says so when it has loaded all"
        beside = threads.submit(pool.carry_out, short)
        assert not wait([beside], 1).done, "no other fit may be carried out meanwhile"
        os.kill(second.process.pid, signal.SIGKILL)
        with pytest.raises(FitError, match="died twice, .* no other beside it: SIGKILL"):
            fit.result(300)
        assert beside.result(300).accuracy == carry_out(short, data).accuracy
        workers = list_workers(os.getpid())
    assert not any(map(is_alive, workers))


def test_workers_that_cannot_start_end_the_search(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "torch.py").write_text("raise ImportError('this torch is broken')")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(MnistffnError, match="cannot start: exit code 1 .*this torch is broken"):
        random_search(X, y, SPACE, SearchOptions(**SMALL, n_jobs=2))


def test_a_pool_whose_workers_are_all_killed_as_they_start_keeps_nobody_waiting(tmp_path: Path) -> None:
    data.save(tmp_path)
    with ThreadPoolExecutor(2) as threads, WorkerPool(2, tmp_path) as pool:
        fits = [threads.submit(pool.carry_out, short) for _ in range(6)]
        end = time.monotonic() + 300
        while not all(fit.done() for fit in fits) and time.monotonic() < end:
            for pid in list_workers(os.getpid()):
                os.kill(pid, signal.SIGKILL)
            time.sleep(0.05)
        assert {str(fit.exception(timeout=0)) for fit in fits} == {
            "worker processes are killed as they start: take fewer --jobs"
        }


def test_a_journal_that_cannot_be_written_ends_the_search(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "fits.jsonl")
    journal.path.mkdir()
    with pytest.raises(RunDirectoryError, match=r"fits\.jsonl cannot be (read|written)"):
        random_search(X, y, SPACE, SearchOptions(**SMALL, n_jobs=2), journal=journal)


def test_a_folder_of_a_process_that_was_killed_is_swept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    theirs, ours, other = (
        tmp_path / name
        for name in (f"mnistffn-{dead.pid}-x", f"mnistffn-{os.getpid()}-y", "mnistffn-data-z")
    )
    for folder in (theirs, ours, other):
        folder.mkdir()
    with open_carrier(data, 2, None):
        assert len(list(tmp_path.glob("mnistffn-*"))) == 3
    assert sorted(tmp_path.glob("mnistffn-*")) == sorted([ours, other])


SEARCHING = """
import json, sys, time
from pathlib import Path
from threading import Thread
from mnistffn.search.fit import Fit
from mnistffn.search.pool import WorkerPool
with WorkerPool(1, Path(sys.argv[1])) as pool:
    Thread(target=pool.carry_out, args=[Fit(**json.loads(sys.argv[2]))]).start()
    [worker] = pool._workers
    while not worker.is_ready:
        time.sleep(0.01)
    print(worker.process.pid, flush=True)
    time.sleep(1000)
"""


def test_workers_end_with_a_process_that_is_killed(tmp_path: Path) -> None:
    data.save(tmp_path)
    command = [sys.executable, "-c", SEARCHING, str(tmp_path), json.dumps(asdict(endless))]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        worker = int(process.stdout.readline())
        wait_until_busy(worker)
        process.kill()
    wait_for(lambda: not is_alive(worker))
