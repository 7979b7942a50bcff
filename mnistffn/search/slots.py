"""What a Dask worker does for a search: it drives fit processes, one for each of its threads.

The scheduler imports this module too, as it reads the tasks: nothing heavy is imported at its top.
"""

import json
import platform
import time
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING, Any

from mnistffn.errors import MnistffnError

if TYPE_CHECKING:
    from distributed import Worker
    from numpy.typing import NDArray

# Images, labels and folds; the versions that the client has.
Shipment = tuple[tuple["NDArray[Any]", ...], dict[str, str]]

WATCHED_EVERY = 0.5  # seconds
KEPT = 30.0  # seconds that processes without a fit outlive the images of their search


def name_images(search: str) -> str:
    """Return the key of a search's images on the cluster."""
    return f"mnistffn-images-{search}"


def ship(arrays: tuple["NDArray[Any]", ...], versions: dict[str, str]) -> Shipment:
    """Return what it is given: as a task, it can be computed again when its last holder is lost."""
    return arrays, versions


def describe_environment() -> dict[str, str]:
    """Return the versions that a result depends on."""
    from mnistffn.run.settings import list_versions

    return {"python": platform.python_version(), **list_versions()}


def prepare(search: str, shipment: Shipment) -> dict[str, Any]:
    """Start the fit processes of a search on this worker; return ``{}``, or why they cannot start."""
    try:
        _find_processes(search, shipment)
    except MnistffnError as error:
        return _refuse(error)
    return {}


def carry_out(search: str, fit: str, seconds: float | None, shipment: Shipment) -> dict[str, Any]:
    """Let one of this worker's fit processes train and test.

    Parameters
    ----------
    search : str
        Which search it is of: the processes and the images are that search's.
    fit : str
        :attr:`Fit.key <mnistffn.search.fit.Fit.key>`.
    seconds : float or None
        None for no limit.
    shipment : Shipment
        Looked at by the first task of a search on this worker only.

    Returns
    -------
    dict
        ``outcome``, a mapping or None where the time did not suffice; or ``error``, what the fit
        raised; or ``closed``, where the worker was about to end; or ``fatal``, why it carries out none
        at all. Errors are no exceptions here, for the cluster would log them and ship tracebacks.
    """
    from dataclasses import asdict

    from distributed import get_worker

    from mnistffn.search.fit import Fit, FitError

    deadline = None if seconds is None else time.monotonic() + seconds
    key = str(get_worker().get_current_task())
    processes = None
    try:
        processes = _find_processes(search, shipment, key)
        outcome = processes.carry_out(key, Fit(**json.loads(fit)), deadline)
    except FitError as error:
        return {"error": str(error)}
    except MnistffnError as error:
        is_closed = processes is not None and processes.is_closed.is_set()
        return {"closed": str(error)} if is_closed else _refuse(error)
    return {"outcome": None if outcome is None else asdict(outcome)}


def _refuse(error: MnistffnError) -> dict[str, str]:
    from distributed import get_worker

    return {"fatal": f"worker {get_worker().address} carries out no fits: {error}"}


class FitProcesses:
    """The fit processes of one search on one Dask worker, and the folder with its images.

    They end with the worker, as their standard input does, and when nobody wants their fits any more:
    the client was interrupted or killed. A Dask thread cannot be stopped, but what it waits for can.

    Parameters
    ----------
    worker : distributed.Worker
    search : str
    shipment : Shipment

    Raises
    ------
    MnistffnError
        The worker's versions are others than the client's, or its processes cannot be started.
    """

    def __init__(self, worker: "Worker", search: str, shipment: Shipment) -> None:
        from mnistffn.search.fit import FitData
        from mnistffn.search.pool import WorkerPool

        arrays, versions = shipment
        if differs := compare_versions(versions, describe_environment()):
            raise MnistffnError(differs)
        self.worker, self.images = worker, name_images(search)
        self.is_closed = Event()
        self.running: set[str] = set()  # keys of tasks
        self._last_used = time.monotonic()
        self.folder = _make_folder(worker)
        try:
            FitData(*arrays).save(self.folder)
            self._pool = WorkerPool(worker.state.nthreads, self.folder).__enter__()
        except BaseException:
            rmtree(self.folder, ignore_errors=True)
            raise
        Thread(target=self._watch, daemon=True).start()

    def carry_out(self, key: str, fit: Any, deadline: float | None) -> Any:
        """Carry out the fit of a task: see :meth:`WorkerPool.carry_out`."""
        try:
            return self._pool.carry_out(fit, deadline)
        finally:
            self._last_used = time.monotonic()
            self.running.discard(key)

    def is_wanted(self) -> bool:
        """Return whether anybody waits for a fit that runs, or may send another one."""
        if self.worker.status.name in ("closing", "closed", "failed"):
            return False
        if running := list(self.running):
            tasks = [self.worker.state.tasks.get(key) for key in running]
            return any(task is not None and task.state != "cancelled" for task in tasks)
        return self.may_go_on() or time.monotonic() - self._last_used < KEPT

    def may_go_on(self) -> bool:
        """Return whether a fit runs, or the images are here, which go when the client does."""
        return bool(self.running) or self.images in self.worker.state.tasks

    def close(self) -> None:
        """End the processes and remove the images."""
        self.is_closed.set()
        self._pool.__exit__()
        rmtree(self.folder, ignore_errors=True)

    def _watch(self) -> None:
        while not self.is_closed.wait(WATCHED_EVERY):
            with _finding:  # no task gets these processes meanwhile
                if not self.is_wanted():
                    self.close()


_found: dict[tuple[str, str], FitProcesses] = {}  # by worker and search
_finding = Lock()


def _find_processes(search: str, shipment: Shipment, key: str | None = None) -> FitProcesses:
    """Return those of a search on this thread's worker, for a task; the first one starts them."""
    from distributed import get_worker

    worker = get_worker()
    with _finding:
        for place, processes in list(_found.items()):
            if processes.is_closed.is_set() or not processes.may_go_on():  # its search has ended
                processes.close()
                del _found[place]
        place = (worker.id, search)
        if place not in _found:
            _found[place] = FitProcesses(worker, search, shipment)
        _found[place].running |= {key} if key else set()
        return _found[place]


def _make_folder(worker: "Worker") -> Path:
    try:
        return Path(mkdtemp(prefix="mnistffn-", dir=worker.local_directory))
    except OSError as error:
        msg = f"{worker.local_directory} cannot be written: {error.strerror or error}"
        raise MnistffnError(msg) from error


def compare_versions(wanted: dict[str, str], found: dict[str, str]) -> str:
    """Return in which versions a worker differs from the client, as a message says it, or ``""``."""
    differing = [name for name, version in wanted.items() if found.get(name) != version]
    return ", ".join(f"{name} {found.get(name)} in place of {wanted[name]}" for name in differing)
