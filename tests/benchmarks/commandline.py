"""What the benchmarks share: running the program as a user does, and writing tables into the README."""

import json
import subprocess
import sys
from pathlib import Path
from statistics import mean, stdev
from typing import Any


def run(*arguments: str) -> dict[str, Any]:
    """Run a command and return its result."""
    command = [sys.executable, "-m", "mnistffn", *arguments, "--json", "--quiet"]
    content: dict[str, Any] = json.loads(
        subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
    )
    return content


def spell(values: list[float], digits: int = 4) -> str:
    """Return mean, standard deviation and the values."""
    spread = f" ± {stdev(values):.{digits}f}" if len(values) > 1 else ""
    every = ", ".join(f"{value:.{digits}f}" for value in values)
    return f"{mean(values):.{digits}f}{spread} ({every})"


def write_table(table: str, readme: Path, name: str) -> None:
    """Put the table between its marks in the README."""
    begin, end = f"<!-- {name}: begin -->\n", f"<!-- {name}: end -->\n"
    before, _, rest = readme.read_text().partition(begin)
    _, _, after = rest.partition(end)
    readme.write_text(before + begin + table + end + after)
