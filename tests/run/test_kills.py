"""SIGKILL at random moments: what is kept is whole, and the same command goes on to the same result."""

import csv
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from helpers import SLOW

from mnistffn.network.modelfile import read_model
from mnistffn.run.journal import Journal

KILLS = 50 if SLOW else 3  # of each command
COMMANDS = {
    "search": ("search", "-n", "4", "-k", "2", "-j", "1", "--tune", "batch_size=512", "--epochs", "2"),
    "train": ("train", "--hidden", "16,8", "--threads", "1", "--batch-size", "512", "--epochs", "6"),
}
# Imports all once (torch some of it at its first step), and runs each command in a process of its own.
# Checkpoints are not written sparingly, and pictures are bytes of no meaning, but written all the same.
SERVER = """
import os, sys
import mnistffn.search.search, mnistffn.training.train, mnistffn.figures.search, mnistffn.figures.train
import mnistffn.figures.render, mnistffn.training.checkpoint as checkpoint
from mnistffn.__main__ import main
from mnistffn.search.fit import warm_up
warm_up()
mnistffn.figures.render.render = lambda draw: bytes(20000)
checkpoint.FIRST = checkpoint.SPARING = 0
answers = os.fdopen(os.dup(1), "w")
os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
for line in sys.stdin:
    pid = os.fork()
    if not pid:
        sys.argv = ["mnistffn", *line.split()]
        code = 1
        try:
            main()
        except SystemExit as ended:
            code = ended.code or 0
        finally:
            os._exit(code)
    print(pid, file=answers, flush=True)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    print(code, file=answers, flush=True)
"""


class Server:
    """Starts commands without the seconds that they take to import torch."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", SERVER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
        )

    def run(self, command: tuple[str, ...], kill_after: float | None = None) -> int:
        """Run a command, and return its exit code."""
        self.process.stdin.write(" ".join(command) + "\n")
        self.process.stdin.flush()
        pid = int(self.process.stdout.readline())
        if kill_after is not None:
            time.sleep(kill_after)
            with suppress(ProcessLookupError):  # it was faster
                os.kill(pid, signal.SIGKILL)
        return int(self.process.stdout.readline())

    def close(self) -> None:
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()


def read_results(run: Path) -> dict[str, object]:
    """Return all that a run holds but times; reading fails where a file is not whole."""
    results: dict[str, object] = {}
    for path in run.glob("*.json"):
        if path.name != "run.json":
            results[path.name] = json.loads(path.read_text())
    for path in run.glob("*.csv"):
        with path.open() as file:
            rows = list(csv.DictReader(file))
        results[path.name] = [{k: v for k, v in row.items() if k != "seconds"} for row in rows]
    if (run / "model.pt").exists():
        state = read_model(run / "model.pt").network.state_dict()
        results["model.pt"] = {name: tensor.tolist() for name, tensor in state.items()}
    if (run / "run.json").exists():
        stages = json.loads((run / "run.json").read_text())["stages"]
        results["outputs"] = {name: sorted(stage["outputs"]) for name, stage in stages.items()}
    return results


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
@pytest.mark.parametrize("name", COMMANDS)
def test_killed_at_random_moments_a_command_ends_as_if_it_had_not_been(
    tmp_path: Path, server: Server, name: str
) -> None:
    command, generator = (*COMMANDS[name], "--recipe", "fast"), random.Random(0)
    server.run((*command, "-q", "-r", str(tmp_path / "warm")))
    start = time.monotonic()
    assert server.run((*command, "-q", "-r", str(tmp_path / "whole"))) == 0
    duration = time.monotonic() - start
    whole = read_results(tmp_path / "whole")
    run = tmp_path / "run"
    on_run = (*command, "-q", "-r", str(run))
    kills = ends = kept = 0
    while (kills < KILLS or not ends) and kills < 20 * KILLS:
        code = server.run(on_run, generator.uniform(0, 1.2 * duration))
        assert code in (0, -signal.SIGKILL)
        read_results(run)
        fits = list(Journal(run / ".search" / "fits.jsonl").read())
        assert len(fits) >= kept
        kept = len(fits)
        if code == 0:
            assert read_results(run) == whole
            shutil.rmtree(run)
            ends, kept = ends + 1, 0
        else:
            kills += 1
    assert server.run(on_run) == 0
    assert read_results(run) == whole
    assert not [*run.rglob("*.tmp"), *run.rglob("*.npy"), *run.glob(".train"), *run.glob(".ren*")]
    assert ends, "it gets on although it is killed again and again"
