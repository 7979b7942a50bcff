"""What explanations name matters more to the network than what they do not: the benchmark, in small."""

import importlib
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


def test_what_is_named_matters_more_than_what_is_bright_active_or_random(
    trained_run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(BENCHMARKS)
    found = importlib.import_module("explain").judge(trained_run, 60)
    deletion, insertion, flips = found["areas"]["deletion"], found["areas"]["insertion"], found["flips"]
    assert deletion["named"] < min(deletion["random"], deletion["brightest"]) - 0.1
    assert insertion["named"] > max(insertion["random"], insertion["brightest"]) + 0.1
    assert flips["named"] > flips["most active"]
    assert flips["named"] > flips["random active"] + 0.3
