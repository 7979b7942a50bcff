"""Which cores are free, so that threads do not wait for those that other programs keep busy."""

import os
import time
from contextlib import suppress

SHORTEST = 0.2  # seconds; the system counts in hundredths
SLACK = 0.25  # of a core: what runs on every machine is no reason to do without one


def wait_passively() -> None:
    """Let threads sleep while they wait for each other, unless the user has said how they wait.

    It counts only before torch is loaded. By default they spin, and on a busy machine take the cores
    that they are waiting for: a training was 5 to 20 times as slow.
    """
    if not {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME"} & os.environ.keys():
        os.environ["OMP_WAIT_POLICY"] = "PASSIVE"


class CoreWatch:
    """Counts the cores that this process has, or could have, to itself.

    Attributes
    ----------
    n_allowed : int
        Cores that the system lets this process run on.
    free : float
        As many as were idle or used by this process between the last two looks.
    """

    def __init__(self) -> None:
        affinity = getattr(os, "sched_getaffinity", None)
        self._cores = affinity(0) if affinity else range(os.cpu_count() or 1)
        self.n_allowed = len(self._cores)
        self.free = float(self.n_allowed)
        self._last = self._read()

    def look(self, most: int) -> int:
        """Return how many threads are worth it now, from 1 to ``most``.

        Where the system does not tell (not Linux), all that are allowed count as free.
        """
        now = self._read()
        if now and self._last and now[0] - self._last[0] >= SHORTEST:
            seconds, idle, own = (new - old for new, old in zip(now, self._last, strict=True))
            self.free = (idle + own) / seconds
            self._last = now
        return max(1, min(most, self.n_allowed, int(self.free + SLACK)))

    def _read(self) -> tuple[float, float, float] | None:
        """Return the seconds passed, those that the cores were idle, and those that we used."""
        names = {f"cpu{core}" for core in self._cores}
        with suppress(OSError, ValueError, IndexError), open("/proc/stat") as file:
            lines = [line.split() for line in file if line.startswith("cpu")]
            ticks = sum(int(line[4]) + int(line[5]) for line in lines if line[0] in names)
            return time.monotonic(), ticks / os.sysconf("SC_CLK_TCK"), time.process_time()
        return None


WATCH = CoreWatch()  # from before torch is imported, which takes the second that it needs
