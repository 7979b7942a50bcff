"""A search's fits on a Dask cluster: the workers drive the processes, the journal stays here."""

import logging
import time
import uuid
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import count
from typing import TYPE_CHECKING, Any

from mnistffn.errors import MnistffnError, UsageError
from mnistffn.search import slots
from mnistffn.search.fit import Fit, FitData, FitError, Outcome
from mnistffn.search.pool import TOLD, Carrier

if TYPE_CHECKING:
    from distributed import Client

CONNECTING = 6.0  # seconds until a scheduler that does not answer is given up
JOINING = 30.0  # seconds for the first worker to join
PREPARING = 60.0  # seconds for the workers to get the images and start their processes
LOOKED_EVERY = 5.0  # seconds after which a waiting thread looks whether the cluster is there still
GRACE = 1.0  # seconds for news of a fit to travel after its time is up
ATTEMPTS = 4  # at a fit whose workers end in good order; Dask itself counts those that are lost
LOCAL = "local:"


@contextmanager
def open_cluster(
    address: str, data: FitData, note: Callable[[str], None]
) -> Iterator[tuple[Carrier, int]]:
    """Yield what carries out fits on a Dask cluster, and how many it carries out side by side.

    The images go to the scheduler once and from worker to worker after that, so that a task names them
    only. Which worker a fit runs on changes nothing: see :mod:`mnistffn.search.slots`.

    Parameters
    ----------
    address : str
        Of the scheduler, or ``local:N`` for a cluster of N workers on this machine, that ends with the
        search.
    data : FitData
    note : callable
        Gets a line about the cluster.

    Raises
    ------
    UsageError
        The package ``distributed`` is not installed.
    MnistffnError
        No scheduler answers, no worker joins, or one has other versions.
    """
    with _silence(), _connect(address) as client:
        _wait_for_workers(client, address, note)
        _check_environments(client)
        threads = client.nthreads()
        n_slots = sum(threads.values())
        cluster = Cluster(client, address, data)
        cluster.prepare(list(threads))
        where = f"dashboard {client.dashboard_link}"
        note(f"cluster {address}: workers: {len(threads)}, fits side by side: {n_slots}; {where}")
        yield cluster.carry_out, n_slots


class Cluster:
    """Carries out the fits of one search as tasks.

    Parameters
    ----------
    client : distributed.Client
    address : str
        As messages name it.
    data : FitData
    """

    def __init__(self, client: "Client", address: str, data: FitData) -> None:
        self.client, self.address = client, address
        self.search = uuid.uuid4().hex[:12]
        arrays = (data.images, data.labels, data.folds)
        # A task and not scattered: the scheduler can have it computed again when all holders are lost.
        self.images = client.submit(
            slots.ship, arrays, slots.describe_environment(), key=slots.name_images(self.search)
        )
        self._numbers = count()

    def prepare(self, workers: list[str]) -> None:
        """Let every worker get the images and start its processes.

        The scheduler would have it that the first fits wait for the one worker that has the images.

        Raises
        ------
        MnistffnError
            A worker cannot carry out fits.
        """
        tasks = [
            self.client.submit(
                slots.prepare,
                self.search,
                self.images,
                key=f"mnistffn-prepare-{self.search}-{number}",
                workers=[worker],
                allow_other_workers=True,  # if it is lost meanwhile
            )
            for number, worker in enumerate(workers)
        ]
        late = time.monotonic() + PREPARING  # who is late gets its fits later
        for task in tasks:
            with suppress(FitError):  # those who were lost at it
                _read(self._receive(task, late))

    def carry_out(self, fit: Fit, deadline: float | None = None) -> Outcome | None:
        """Let the cluster train and test; any number of threads may call this.

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
            The fit raised, or several workers were lost at it.
        MnistffnError
            The scheduler is lost, or a worker cannot carry out fits.
        """
        for _ in range(ATTEMPTS):
            seconds = None if deadline is None else deadline - time.monotonic()
            if seconds is not None and seconds <= 0:
                return None
            answer = self._ask(fit, seconds, deadline)
            if "closed" not in answer:
                return _read(answer)
        msg = f"{ATTEMPTS} workers ended while they were at it"
        raise FitError(msg)

    def _ask(self, fit: Fit, seconds: float | None, deadline: float | None) -> dict[str, Any]:
        key = f"mnistffn-fit-{self.search}-{next(self._numbers)}"
        try:
            task = self.client.submit(
                slots.carry_out, self.search, fit.key, seconds, self.images, key=key
            )
        except Exception as error:  # the client is closed
            raise self._make_lost() from error
        try:
            return self._receive(task, deadline)
        finally:
            with suppress(Exception):
                task.release()

    def _receive(self, task: Any, deadline: float | None) -> dict[str, Any]:
        """Return a task's result, or ``{"outcome": None}`` when its time is up."""
        from distributed import CancelledError, KilledWorker

        while True:
            left = None if deadline is None else deadline + GRACE - time.monotonic()
            if left is not None and left <= 0:
                return {"outcome": None}
            try:
                answer: dict[str, Any] = task.result(timeout=min(LOOKED_EVERY, left or LOOKED_EVERY))
                return answer
            except TimeoutError:
                if self.client.status != "running":
                    raise self._make_lost() from None
            except KilledWorker as error:
                msg = f"{error.allowed_failures + 1} workers were lost while they were at it"
                raise FitError(msg) from error
            except CancelledError as error:
                raise self._make_lost() from error
            except Exception as error:
                if self.client.status != "running":
                    raise self._make_lost() from error
                msg = f"a worker of {self.address} cannot carry out fits: {_describe(error)}"
                raise MnistffnError(msg) from error

    def _make_lost(self) -> MnistffnError:
        msg = (
            f"the scheduler {self.address} is lost: run the same command again to go on with the search"
        )
        return MnistffnError(msg)


def _read(answer: dict[str, Any]) -> Outcome | None:
    """Return the outcome that a worker's answer holds."""
    if "fatal" in answer:
        raise MnistffnError(answer["fatal"])
    if "error" in answer:
        raise FitError(answer["error"])
    outcome = answer.get("outcome")
    return None if outcome is None else Outcome(**outcome)


@contextmanager
def _silence() -> Iterator[None]:
    """Keep distributed's log and warnings from the terminal: what matters is raised as an error."""
    level = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(level)


@contextmanager
def _connect(address: str) -> Iterator["Client"]:
    try:
        from distributed import Client, LocalCluster
    except ImportError as error:
        msg = (
            f"a search on a cluster needs the package distributed ({error}): install mnistffn[cluster]"
        )
        raise UsageError(msg) from error

    if address.startswith(LOCAL):
        n = int(address.removeprefix(LOCAL))
        with (
            LocalCluster(
                n_workers=n,
                threads_per_worker=1,
                memory_limit=0,  # the workers themselves hold the images only
                dashboard_address="127.0.0.1:0",
                silence_logs=logging.CRITICAL,
            ) as cluster,
            Client(cluster, set_as_default=False, timeout=CONNECTING) as client,
        ):
            yield client
        return
    try:
        client = Client(address, set_as_default=False, timeout=CONNECTING)
    except Exception as error:
        msg = f"no scheduler answers at {address} ({_describe(error)}): start one with dask scheduler"
        raise MnistffnError(msg) from error
    with client:
        yield client


def _wait_for_workers(client: "Client", address: str, note: Callable[[str], None]) -> None:
    if client.nthreads():
        return
    note(f"cluster {address} has no worker yet: waiting {JOINING:g} s for the first one")
    try:
        client.wait_for_workers(1, timeout=JOINING)
    except TimeoutError as error:
        msg = f"no worker has joined {address} in {JOINING:g} s: start some with dask worker {address}"
        raise MnistffnError(msg) from error


def _check_environments(client: "Client") -> None:
    """Refuse workers whose versions differ from those here: their results might differ too.

    Those that join later refuse themselves, as they have the versions with the images.
    """
    try:
        client.run_on_scheduler(slots.compare_versions, {}, {})
    except Exception as error:
        msg = f"the scheduler cannot read the tasks: install mnistffn there too ({_describe(error)})"
        raise MnistffnError(msg) from error
    here = slots.describe_environment()
    for worker, found in client.run(slots.describe_environment, on_error="return").items():
        differs = (
            _describe(found) if isinstance(found, Exception) else slots.compare_versions(here, found)
        )
        if differs:
            msg = f"worker {worker} is refused: {differs}: install there what is installed here"
            raise MnistffnError(msg)


def _describe(error: BaseException) -> str:
    """Return what went wrong, in one line."""
    return " ".join(f"{type(error).__name__}: {error}".split())[:TOLD]
