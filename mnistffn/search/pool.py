"""The worker processes of a search, and what becomes of a fit whose worker dies."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from tempfile import TemporaryFile
from threading import Lock
from typing import Any, Self

from mnistffn.errors import MnistffnError
from mnistffn.run.files import make_temporary_folder
from mnistffn.search.fit import Fit, FitData, FitError, Outcome, carry_out, warm_up

# Takes a fit and the time.monotonic() at which it ends unfinished.
Carrier = Callable[[Fit, float | None], Outcome | None]

ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
STARTS = 5  # of workers that die before they have begun with a fit
TOLD = 300  # characters of a dead worker's last words


@contextmanager
def open_carrier(data: FitData, n_jobs: int, folder: Path | None) -> Iterator[Carrier]:
    """Yield what carries out fits: this process for one at a time, or else a :class:`WorkerPool`.

    Parameters
    ----------
    data : FitData
    n_jobs : int
        Fits side by side.
    folder : Path or None
        Where the images may lie meanwhile; None for a temporary folder.

    Raises
    ------
    RunDirectoryError
        The folder cannot be written.
    """
    if n_jobs == 1:
        warm_up()
        yield partial(_carry_out_here, data)
    elif folder is None:
        with (
            make_temporary_folder() as temporary,
            open_carrier(data, n_jobs, Path(temporary)) as carrier,
        ):
            yield carrier
    else:
        try:
            data.save(folder)
            with WorkerPool(n_jobs, folder) as pool:
                yield pool.carry_out
        finally:
            FitData.remove(folder)


def _carry_out_here(data: FitData, fit: Fit, deadline: float | None) -> Outcome | None:
    try:
        return carry_out(fit, data, _count_seconds(deadline))
    except Exception as error:
        msg = f"{type(error).__name__}: {error}"
        raise FitError(msg) from error


def _count_seconds(deadline: float | None) -> float | None:
    """Return what is left of the time."""
    return None if deadline is None else deadline - time.monotonic()


class WorkerPool:
    """Processes that carry out fits side by side, each on one thread.

    joblib's processes end all fits when one of them dies, and outlive a parent that is killed.

    Parameters
    ----------
    n : int
        Processes.
    folder : Path
        Where :meth:`~mnistffn.search.fit.FitData.save` has put the images.
    """

    def __init__(self, n: int, folder: Path) -> None:
        self.n = n
        self.folder = folder
        self._idle: SimpleQueue[_Worker] = SimpleQueue()
        self._workers: list[_Worker] = []
        self._starting = Lock()
        self._queueing = Lock()
        self._is_closed = False

    def __enter__(self) -> Self:
        try:
            for _ in range(self.n):
                self._idle.put(self._start())
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        with self._starting:
            self._is_closed = True
            for worker in self._workers:
                worker.kill()

    def carry_out(self, fit: Fit, deadline: float | None = None) -> Outcome | None:
        """Let a worker train and test; as many threads may call this as there are workers.

        A fit whose worker dies is carried out once more when no other one is, as it may have wanted
        more memory than there was beside the others.

        Parameters
        ----------
        fit : Fit
        deadline : float or None
            The ``time.monotonic()`` at which it ends unfinished.

        Returns
        -------
        Outcome or None
            None if the time did not suffice.

        Raises
        ------
        FitError
            The fit raised, or its worker died twice.
        MnistffnError
            Workers cannot be started.
        """
        with self._queueing:
            worker = self._idle.get()
        try:
            return _read(self._ask(worker, fit, deadline))
        except _WorkerDied:
            pass
        with self._queueing:
            alone, *others = [self._idle.get() for _ in range(self.n)]
            try:
                return _read(self._ask(alone, fit, deadline))
            except _WorkerDied as error:
                msg = f"its process died twice, the second time with no other beside it: {error}"
                raise FitError(msg) from None
            finally:
                for worker in others:
                    self._idle.put(worker)

    def _ask(self, worker: "_Worker", fit: Fit, deadline: float | None) -> Any:
        """Return a worker's answer, and let it or its successor be idle again, whatever happens."""
        try:
            for _ in range(STARTS):
                if worker.send(fit, deadline):
                    return worker.receive()
                worker = self._replace(worker)  # it died while it was idle, and of no fit
            msg = "worker processes are killed as they start: take fewer --jobs"
            raise MnistffnError(msg)
        except _WorkerDied:
            worker = self._replace(worker)
            raise
        finally:
            self._idle.put(worker)

    def _start(self) -> "_Worker":
        with self._starting:
            if self._is_closed:
                msg = "the search has ended"
                raise MnistffnError(msg)
            worker = _Worker(self.folder)
            self._workers.append(worker)
            return worker

    def _replace(self, worker: "_Worker") -> "_Worker":
        successor = self._start()
        with self._starting:
            self._workers.remove(worker)
        worker.kill()
        return successor


class _WorkerDied(Exception):
    """A worker has ended without an answer."""


class _Worker:
    """One process."""

    def __init__(self, folder: Path) -> None:
        # The module search path as it is here, without what -m would put before it.
        path = os.pathsep.join(entry or os.getcwd() for entry in sys.path)
        try:
            self.errors = TemporaryFile(dir=folder)  # noqa: SIM115  # closed when it is killed
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-m", "mnistffn.search.worker", str(folder)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self.errors,
                env=os.environ | ONE_THREAD | {"PYTHONPATH": path},
            )
        except OSError as error:
            msg = f"a worker process cannot be started: {error.strerror or error}; try fewer --jobs"
            raise MnistffnError(msg) from error
        assert self.process.stdin
        assert self.process.stdout
        self.requests, self.answers = self.process.stdin, self.process.stdout
        self.is_ready = False

    def send(self, fit: Fit, deadline: float | None) -> bool:
        """Send a fit, and return whether the process has begun with it.

        Raises
        ------
        MnistffnError
            It has ended, of itself, before it was ready: so will all others.
        """
        if not self.is_ready and self._read_line() is None:
            if self.process.wait() > 0:
                msg = f"a worker process cannot start: {self._describe_death()}"
                raise MnistffnError(msg)
            return False
        self.is_ready = True
        request = {"fit": asdict(fit), "seconds": _count_seconds(deadline)}
        try:
            self.requests.write(json.dumps(request).encode() + b"\n")
            self.requests.flush()
        except OSError:
            return False
        return self._read_line() is not None

    def receive(self) -> Any:
        """Wait for the answer to the fit that was sent.

        Raises
        ------
        _WorkerDied
            The process has ended.
        """
        if (line := self._read_line()) is None:
            raise _WorkerDied(self._describe_death())
        return json.loads(line)

    def kill(self) -> None:
        """End the process at once: what it has not answered counts for nothing."""
        self.process.kill()
        self.process.wait()
        for file in (self.requests, self.answers, self.errors):
            with suppress(OSError):
                file.close()

    def _read_line(self) -> bytes | None:
        line = self.answers.readline()
        return line if line.endswith(b"\n") else None

    def _describe_death(self) -> str:
        code = self.process.wait()
        if code < 0:
            name = signal.Signals(-code).name
            return f"{name}, as the system ends what wants too much memory" if code == -9 else name
        self.errors.seek(0)
        words = self.errors.read().decode(errors="replace").split()
        return f"exit code {code} {' '.join(words)[-TOLD:]}".strip()


def _read(answer: Any) -> Outcome | None:
    """Return the outcome that an answer holds."""
    if answer is None:
        return None
    if "error" in answer:
        raise FitError(answer["error"])
    return Outcome(**answer)
