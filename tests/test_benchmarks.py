import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parent / "benchmarks"


def test_the_recipes_are_measured_and_the_table_is_written_between_its_marks(tmp_path: Path) -> None:
    readme, output = tmp_path / "README.md", tmp_path / "recipes.json"
    readme.write_text("before\n<!-- recipes: begin -->\nold\n<!-- recipes: end -->\nafter\n")
    options = ["--rows", "fast", "--seeds", "0", "--readme", readme, "--output", output]
    subprocess.run([sys.executable, BENCHMARKS / "recipes.py", *options], check=True)
    results = json.loads(output.read_text())
    assert list(results) == ["document", "fast"]
    assert results["document"][0]["training_ratio"] == 1
    assert results["fast"][0]["accuracy"] > 0.9 > results["fast"][0]["pgd_accuracy"]
    first, *table, last = readme.read_text().splitlines()
    assert (first, last) == ("before", "after")
    assert table[0] == "<!-- recipes: begin -->"
    assert table[-1] == "<!-- recipes: end -->"
    assert [row.split("|")[1].strip() for row in table[3:-1]] == [
        "`--hidden 360,187 --recipe document`", "`--hidden 360,187 --recipe fast`",
    ]  # fmt: skip


def test_what_pictures_are_worth_is_measured(tmp_path: Path) -> None:
    readme, output = tmp_path / "README.md", tmp_path / "inside.json"
    readme.write_text("<!-- inside: begin -->\n<!-- inside: end -->\n")
    options = ["--seeds", "0", "--hidden", "24,12", "--epochs", "20", "--repeats", "0"]
    options += ["--readme", readme, "--output", output]
    subprocess.run([sys.executable, BENCHMARKS / "inside.py", *options], check=True)
    results = json.loads(output.read_text())
    assert min(results["judges"].values()) > 0.9
    for recipe in ("document", "robust"):
        [found] = results["recipes"][recipe]
        assert found["maximizing"]["convolutional"] >= 5
        assert found["pattern"]["svm"] >= 7
    assert readme.read_text().count("`robust`") == 2


def test_an_epochs_cost_is_measured_beside_others(tmp_path: Path) -> None:
    readme, output = tmp_path / "README.md", tmp_path / "speed.json"
    readme.write_text("<!-- speed: begin -->\n<!-- speed: end -->\n")
    options = ["--rounds", "1", "--epochs", "1", "--readme", readme, "--output", output]
    subprocess.run([sys.executable, BENCHMARKS / "speed.py", *options], check=True)
    seconds = json.loads(output.read_text())["seconds"]
    assert set(seconds) >= {"floor", "mnistffn", "plain loop", "skorch", "MLPClassifier"}
    assert all(len(found) == 1 and found[0] > 0 for found in seconds.values())
    assert "| floor | " in readme.read_text()


def test_a_searchs_cost_is_measured_beside_scikit_learns(tmp_path: Path) -> None:
    readme, output = tmp_path / "README.md", tmp_path / "search.json"
    readme.write_text("<!-- search: begin -->\n<!-- search: end -->\n")
    options = ["--seeds", "1", "--stock-seeds", "1", "--trials", "3", "--jobs", "1"]
    options += ["--readme", readme, "--output", output]
    subprocess.run([sys.executable, BENCHMARKS / "search.py", *options], check=True)
    rows = {row["program"]: row for row in json.loads(output.read_text())}
    assert set(rows) >= {"stock", "random", "halving"}
    assert rows["random"]["rank"] == 1
    assert all(1 <= row["rank"] <= 3 and row["seconds"] > 0 for row in rows.values())
    assert readme.read_text().count("\n| halving") >= 1


@pytest.mark.skipif(sys.platform != "linux", reason="reads memory as Linux tells it")
def test_growth_is_measured_and_drawn(tmp_path: Path) -> None:
    readme, output, figure = (tmp_path / name for name in ("README.md", "growth.json", "growth.png"))
    readme.write_text("<!-- growth: begin -->\n<!-- growth: end -->\n")
    options = [
        "--smallest",
        "1",
        "--trials",
        "2",
        "--readme",
        readme,
        "--output",
        output,
        "--figure",
        figure,
    ]
    subprocess.run([sys.executable, BENCHMARKS / "growth.py", *options], check=True)
    found = json.loads(output.read_text())
    assert list(found) == ["images", "width", "depth", "candidates", "jobs"]
    assert all(rows[0]["megabytes"] > 100 for rows in found.values())
    assert "| images | 5,000 |" in readme.read_text()
    assert figure.stat().st_size > 20_000
