import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers import SLOW

BENCHMARKS = Path(__file__).parent / "benchmarks"
takes_long = pytest.mark.skipif(not SLOW, reason="takes a minute: SLOW=1 runs it")
OPTIONS = {
    "record": ["--seeds", "0", "1", "--train=--epochs 2"],
    "recipes": ["--rows", "fast", "--seeds", "0"],
    "inside": ["--seeds", "0", "--hidden", "24,12", "--epochs", "20", "--repeats", "0"],
    "explain": ["--hidden", "24,12", "--images", "60"],
    "speed": ["--rounds", "1", "--epochs", "1"],
    "search": ["--seeds", "1", "--stock-seeds", "1", "--trials", "3", "--jobs", "1"],
    "growth": ["--smallest", "1", "--trials", "2"],
    "race": ["--quick", "--only", "fast,sklearn,skorch,pytorch"],
    "tuning": ["--quick", "--only", "halving,sklearn"],
}


def measure(name: str, folder: Path) -> tuple[str, dict]:
    """Run a benchmark; return the README that it has written into, and what it has measured."""
    readme, output = folder / f"{name}.md", folder / f"{name}.json"
    readme.write_text(f"before\n<!-- {name}: begin -->\nold\n<!-- {name}: end -->\nafter\n")
    options = [*OPTIONS[name], "--readme", readme, "--output", output]
    options += ["--figure", folder / f"{name}.png"] if name in ("growth", "race", "tuning") else []
    environment = os.environ | {"OMP_NUM_THREADS": "1"}  # other tests run beside it
    subprocess.run([sys.executable, BENCHMARKS / f"{name}.py", *options], check=True, env=environment)
    return readme.read_text(), json.loads(output.read_text())


@pytest.fixture
def measured(tmp_path: Path) -> Callable[[str], tuple[str, dict]]:
    return lambda name: measure(name, tmp_path)


@takes_long
def test_the_recipes_are_measured_and_the_table_is_written_between_its_marks(measured) -> None:
    readme, results = measured("recipes")
    assert list(results) == ["document", "fast"]
    assert results["document"][0]["training_ratio"] == 1
    assert results["fast"][0]["accuracy"] > 0.9 > results["fast"][0]["pgd_accuracy"]
    first, *table, last = readme.splitlines()
    assert (first, last) == ("before", "after")
    assert table[0] == "<!-- recipes: begin -->"
    assert table[-1] == "<!-- recipes: end -->"
    assert [row.split("|")[1].strip() for row in table[3:-1]] == [
        "`--hidden 360,187 --recipe document`", "`--hidden 360,187 --recipe fast`",
    ]  # fmt: skip


@takes_long
def test_the_record_is_measured_over_splits(measured) -> None:
    readme, results = measured("record")
    found = {(row["contestant"], row["seed"]): row["accuracy"] for row in results["rows"]}
    assert list(found) == [("best", 0), ("record", 0), ("best", 1), ("record", 1)]
    assert len(set(found.values())) > 1
    assert min(found.values()) > 0.8
    assert readme.count(" of 360 | ") == 2


@takes_long
def test_what_pictures_are_worth_is_measured(measured) -> None:
    readme, results = measured("inside")
    assert min(results["judges"].values()) > 0.9
    for recipe in ("document", "robust"):
        [found] = results["recipes"][recipe]
        assert found["maximizing"]["convolutional"] >= 5
        assert found["pattern"]["svm"] >= 7
    assert readme.count("`robust`") == 2


@takes_long
def test_what_explanations_name_is_judged(measured) -> None:
    readme, results = measured("explain")
    assert list(results) == ["document", "robust"]
    assert all(found["n"] == 60 for found in results.values())
    assert readme.count("| `--recipe robust --epochs 5` |") == 4


def test_an_epochs_cost_is_measured_beside_others(measured) -> None:
    readme, results = measured("speed")
    seconds = results["seconds"]
    assert set(seconds) >= {"floor", "mnistffn", "plain loop", "skorch", "MLPClassifier"}
    assert all(len(found) == 1 and found[0] > 0 for found in seconds.values())
    assert "| floor | " in readme


@takes_long
def test_a_searchs_cost_is_measured_beside_scikit_learns(measured) -> None:
    readme, results = measured("search")
    rows = {row["program"]: row for row in results}
    assert set(rows) >= {"stock", "random", "halving"}
    assert rows["random"]["rank"] == 1
    assert all(1 <= row["rank"] <= 3 and row["seconds"] > 0 for row in rows.values())
    assert readme.count("\n| halving") >= 1


@takes_long
@pytest.mark.skipif(sys.platform != "linux", reason="reads memory as Linux tells it")
def test_growth_is_measured_and_drawn(measured, tmp_path: Path) -> None:
    readme, found = measured("growth")
    assert list(found) == ["images", "width", "depth", "candidates", "jobs"]
    assert all(rows[0]["megabytes"] > 100 for rows in found.values())
    assert "| images | 5,000 |" in readme
    assert (tmp_path / "growth.png").stat().st_size > 20_000


@takes_long
def test_a_race_to_an_accuracy_is_measured_and_drawn(measured, tmp_path: Path) -> None:
    readme, found = measured("race")
    rows = {row["contestant"]: row for row in found["rows"]}
    assert list(rows) == ["fast", "sklearn", "skorch", "pytorch"]
    for row in rows.values():
        seconds, accuracies = zip(*row["points"], strict=True)
        assert list(seconds) == sorted(seconds)
        assert seconds[-1] == pytest.approx(row["seconds"], abs=0.01)
        assert all(0.1 < accuracy <= 1 for accuracy in accuracies)
    fast = rows["fast"]
    assert fast["plain_accuracy"] == fast["points"][-1][1], (
        "the same images are held out, nothing else differs"
    )
    assert "| `mnistffn train --recipe fast` |" in readme
    assert (tmp_path / "race.png").stat().st_size > 20_000
    assert measured("race")[1] == found, "what is finished is kept"


@takes_long
def test_a_race_to_a_good_candidate_is_measured_and_drawn(measured, tmp_path: Path) -> None:
    readme, found = measured("tuning")
    rows = {row["contestant"]: row for row in found["rows"] if "contestant" in row}
    assert list(rows) == ["halving", "sklearn"]
    scored = [row["candidate"] for row in found["rows"] if "accuracies" in row]
    for row in rows.values():
        assert 0 < row["incumbents"][-1][0] < row["seconds"] + 0.01
        assert all(candidate in scored for _, candidate in row["incumbents"])
    assert "| `mnistffn search --strategy halving` |" in readme
    assert (tmp_path / "tuning.png").stat().st_size > 20_000
