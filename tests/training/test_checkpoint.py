import csv
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from helpers import SLOW, invoke

from mnistffn import FeedForwardClassifier
from mnistffn.data import builtin_digits
from mnistffn.errors import RunDirectoryError
from mnistffn.network.modelfile import read_model
from mnistffn.run.directory import RunDirectory
from mnistffn.run.options import DataOptions
from mnistffn.training import checkpoint as module
from mnistffn.training.checkpoint import Checkpoint
from mnistffn.training.net import Epoch
from mnistffn.training.options import TrainOptions
from mnistffn.training.train import run_train

digits = builtin_digits()
SMALL = {"hidden": (16, 8), "max_epochs": 8, "n_threads": 1, "random_state": 0}


@pytest.fixture(autouse=True)
def write_always(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FIRST", 0)
    monkeypatch.setattr(module, "SPARING", 0)


class Interruption(Exception):
    pass


def stop_after(epoch: int) -> object:
    def watch(ended: Epoch) -> None:
        if ended.epoch > epoch:
            raise Interruption

    return watch


@pytest.mark.parametrize(
    "parameters",
    [
        {"augment": True, "adversarial": 0.05, "dropout": 0.2},
        {"schedule": "plateau", "patience": 3, "lr": 0.03},
        {"ema_decay": 0.9, "weight_decay": 0.1, "label_smoothing": 0.1},
        {"schedule": "constant", "patience": 2, "lr": 0.3},
        {"validation_fraction": 0.0, "input_dropout": 0.1},
    ],
)
def test_a_training_that_was_stopped_twice_is_bit_equal_to_one_that_was_not(
    tmp_path: Path, parameters: dict[str, object]
) -> None:
    whole = FeedForwardClassifier(**SMALL | parameters).fit(digits.flat, digits.labels)
    parted = FeedForwardClassifier(**SMALL | parameters)
    for epoch in (2, 4):
        parted.set_params(on_epoch=stop_after(epoch))
        with pytest.raises(Interruption):
            parted.fit(digits.flat, digits.labels, checkpoint=Checkpoint(tmp_path / "c.pt", {}))
    told = []
    parted.set_params(on_epoch=lambda epoch: told.append(epoch.epoch))
    parted.fit(digits.flat, digits.labels, checkpoint=Checkpoint(tmp_path / "c.pt", {}))
    assert told[0] == 5
    # As texts, for NaN is not equal to itself; but for the seconds.
    assert [str(e._replace(seconds=0)) for e in parted.history_] == [
        str(e._replace(seconds=0)) for e in whole.history_
    ]
    assert parted.best_epoch_ == whole.best_epoch_
    for name, tensor in whole.module_.state_dict().items():
        assert torch.equal(parted.module_.state_dict()[name], tensor), name


def test_other_settings_are_refused_by_name_and_damage_counts_for_nothing(tmp_path: Path) -> None:
    path = tmp_path / ".train" / "c.pt"
    Checkpoint(path, {"lr": 0.1}).save(lambda: {"history": [[1]]})
    assert Checkpoint(path, {"lr": 0.1}).load() == {"history": [[1]]}
    with pytest.raises(RunDirectoryError, match=r"lr was 0\.1, and is 0\.2 now; .*--fresh"):
        Checkpoint(path, {"lr": 0.2}).load()
    whole = path.read_bytes()
    flipped = bytes([whole[0] ^ 1]) + whole[1:]
    for damaged in (whole[:-1], whole[:40], b"", flipped, whole[:-9] + bytes(9)):
        path.write_bytes(damaged)
        assert Checkpoint(path, {"lr": 0.1}).load() is None
    path.write_bytes(whole)
    assert Checkpoint(path, {"lr": 0.2}).load(fresh=True) is None
    assert not path.parent.exists()


def test_a_checkpoint_is_written_so_seldom_that_it_costs_little(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    now = [0.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    written = []
    checkpoint = Checkpoint(tmp_path / "c.pt", {})

    def make_state() -> dict[str, object]:
        written.append(now[0])
        now[0] += 0.5  # what it takes
        return {}

    while now[0] < 200:
        checkpoint.save(make_state)
        now[0] += 1
    assert written[0] >= module.FIRST
    assert 0.5 * len(written) <= 0.02 * 200
    assert len(written) >= 4


def read_run(path: Path) -> tuple[object, ...]:
    with (path / "history.csv").open() as file:
        rows = [[row[name] for name in row if name != "seconds"] for row in csv.DictReader(file)]
    model = read_model(path / "model.pt")
    return rows, {name: tensor.tolist() for name, tensor in model.network.state_dict().items()}


@pytest.mark.skipif(not SLOW, reason="tests/run/test_kills.py does much the same: SLOW=1 runs it")
def test_a_killed_train_command_goes_on_and_leaves_nothing(tmp_path: Path) -> None:
    options = ["--hidden", "16,8", "--recipe", "fast", "--epochs", "60", "--threads", "1"]
    assert invoke("train", *options, "-r", tmp_path / "whole").exit_code == 0
    run = tmp_path / "run"
    code = (
        "import mnistffn.training.checkpoint as c; c.FIRST = c.SPARING = 0\n"
        "from mnistffn.__main__ import main; main()"
    )
    command = [sys.executable, "-c", code, "train", *options, "-r", str(run)]
    process = subprocess.Popen(command)
    end = time.monotonic() + 300
    while _count(run) < 3 and process.poll() is None and time.monotonic() < end:
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert 3 <= _count(run) < 60
    other = invoke("train", *options, "--lr", "0.02", "-r", run)
    assert other.exit_code == 5
    assert "lr was 0.01, and is 0.02 now" in other.stderr
    result = invoke("train", *options, "-r", run)
    assert result.exit_code == 0
    assert "kept from before" in result.stderr
    assert read_run(run) == read_run(tmp_path / "whole")
    assert not (run / ".train").exists()
    assert not list(run.glob(".*.tmp"))


def _count(run: Path) -> int:
    """Return how many epochs are kept."""
    path = run / ".train" / "checkpoint.pt"
    if not path.exists():
        return 0
    return len(Checkpoint(path, {})._read()["state"]["history"])


def test_training_goes_on_without_space_for_checkpoints(tmp_path: Path, recorder) -> None:
    run = RunDirectory(tmp_path / "run")
    run.path.mkdir()
    (run.path / ".train").write_text("a file in its place")
    options = TrainOptions(parameters={"hidden": (8,), "max_epochs": 2})
    assert len(run_train(run, DataOptions(), options, recorder).classifier.history_) == 2
