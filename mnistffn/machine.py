"""What the machine has free: cores, so that threads do not wait for busy ones, and memory."""

import os
import sys
import time
from contextlib import suppress
from pathlib import Path

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


def read_memory(*, shared: bool = True) -> int:
    """Return the bytes of memory that this process has, of its own or also those that it shares.

    Elsewhere than on Linux, what it has had at the most, and 0 where the system does not tell.
    """
    if sys.platform == "win32":
        return 0
    if sys.platform != "linux":
        import resource  # noqa: PLC0415  # not on Windows

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else 1024 * peak
    sizes = _read_sizes("/proc/self/status")
    return sum(sizes[name] for name in (("RssAnon", "RssFile", "RssShmem") if shared else ("RssAnon",)))


def read_free_memory(root: Path = Path("/")) -> int | None:
    """Return the bytes that processes could still take, within the limits of a container.

    None where the system does not tell (not Linux).

    Parameters
    ----------
    root : Path
        Where ``proc`` and ``sys`` lie.
    """
    with suppress(OSError, KeyError, ValueError):
        free = _read_sizes(root / "proc/meminfo")["MemAvailable"]
        return min([free, *_read_groups(root)])
    return None


def _read_groups(root: Path) -> list[int]:
    """Return what the control groups that this process is in leave to it."""
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return []
    mounted = root / "sys/fs/cgroup"
    left = []
    for line in lines:
        _, controllers, name = line.split(":", 2)
        if controllers not in ("", "memory"):
            continue
        top = mounted / controllers
        group = top / name.lstrip("/")
        limit, used = (
            ("memory.limit_in_bytes", "memory.usage_in_bytes")
            if controllers
            else ("memory.max", "memory.current")
        )
        # A group is bound by those above it; in a container its own may be at the top.
        for folder in (group, *(above for above in group.parents if above.is_relative_to(top))):
            with suppress(OSError, ValueError):  # "max" is no limit
                most = int((folder / limit).read_text())
                # Files that are cached give way.
                stats = dict(part.split() for part in (folder / "memory.stat").read_text().splitlines())
                cached = int(stats.get("inactive_file", 0))
                left.append(max(0, most - int((folder / used).read_text()) + cached))
    return left


def _read_sizes(path: str | Path) -> dict[str, int]:
    """Return the lines ``Name: 12 kB`` of a file as bytes."""
    with open(path) as file:
        parts = [line.split() for line in file]
    return {part[0].rstrip(":"): 1024 * int(part[1]) for part in parts if part[2:] == ["kB"]}
