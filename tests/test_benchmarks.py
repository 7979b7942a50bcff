import json
import subprocess
import sys
from pathlib import Path

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
