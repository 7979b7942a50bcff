import os
from pathlib import Path

import pytest

from mnistffn.machine import CoreWatch, read_free_memory, read_memory, wait_passively


@pytest.mark.parametrize(
    ("idle", "own", "threads"),
    [
        (0.1, 1.9, 2),  # all ours, but for what runs on every machine
        (1.0, 1.0, 2),  # one of ours, and a core that is idle
        (0.0, 1.3, 1),  # two of ours share two cores with another program
        (0.0, 0.4, 1),  # never none
    ],
)
def test_cores_that_are_idle_or_ours_are_free(
    monkeypatch: pytest.MonkeyPatch, idle: float, own: float, threads: int
) -> None:
    watch = CoreWatch()
    monkeypatch.setattr(watch, "n_allowed", 2)
    monkeypatch.setattr(watch, "_last", (100.0, 50.0, 7.0))
    monkeypatch.setattr(watch, "_read", lambda: (110.0, 50.0 + 10 * idle, 7.0 + 10 * own))
    assert watch.look(8) == threads
    assert watch.look(1) == 1


def test_a_look_that_follows_at_once_keeps_to_the_one_before(monkeypatch: pytest.MonkeyPatch) -> None:
    watch = CoreWatch()
    monkeypatch.setattr(watch, "_last", (100.0, 50.0, 7.0))
    monkeypatch.setattr(watch, "_read", lambda: (100.01, 50.0, 7.0))
    assert watch.look(10**6) == watch.n_allowed


def test_what_the_user_says_about_waiting_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME"):
        monkeypatch.delenv(name, raising=False)
    with monkeypatch.context() as patch:
        patch.setenv("GOMP_SPINCOUNT", "1000")
        wait_passively()
        assert "OMP_WAIT_POLICY" not in os.environ
    monkeypatch.setenv("OMP_WAIT_POLICY", "ACTIVE")
    wait_passively()
    assert os.environ["OMP_WAIT_POLICY"] == "ACTIVE"


def write_group(folder: Path, **files: object) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / f"memory.{name}").write_text(f"{content}\n")


def test_free_memory_is_what_the_container_leaves(tmp_path: Path) -> None:
    assert read_free_memory(tmp_path) is None
    proc = tmp_path / "proc"
    (proc / "self").mkdir(parents=True)
    (proc / "meminfo").write_text("MemTotal: 4000 kB\nMemAvailable:   3000 kB\nHugePages_Total: 0\n")
    assert read_free_memory(tmp_path) == 3000 * 1024
    (proc / "self" / "cgroup").write_text("0::/user/job\n")
    groups = tmp_path / "sys" / "fs" / "cgroup"
    stat = "anon 500\ninactive_file 1000"
    write_group(groups / "user" / "job", max="max", current=7000, stat=stat)
    assert read_free_memory(tmp_path) == 3000 * 1024
    write_group(groups / "user", max=1_000_000, current=600_000, stat=stat)
    assert read_free_memory(tmp_path) == 401_000
    write_group(groups, max=500_000, current=600_000, stat="inactive_file 0")
    assert read_free_memory(tmp_path) == 0
    (proc / "self" / "cgroup").write_text("5:memory:/docker\n4:cpu:/docker\n")
    write_group(groups / "memory", limit_in_bytes=90_000, usage_in_bytes=50_000, stat=stat)
    assert read_free_memory(tmp_path) == 41_000


def test_memory_is_that_of_this_process() -> None:
    before = read_memory(shared=False)
    block = b"x" * 200_000_000
    assert 150e6 < read_memory(shared=False) - before < 300e6
    assert len(block) == 200_000_000
