import os

import pytest

from mnistffn.machine import CoreWatch, wait_passively


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
