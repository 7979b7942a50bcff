"""What a shell completes, asked as bash asks it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from mnistffn.cli.main import app
from mnistffn.training.parameters import TUNABLE
from mnistffn.training.recipes import RECIPES


def ask(words: str) -> dict[str, str]:
    """Return what bash sets where the last of the words is to be completed."""
    place = str(words.count(" "))
    return {"_MNISTFFN_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": place}


def complete(words: str) -> list[str]:
    result = CliRunner().invoke(app, [], env=ask(words), prog_name="mnistffn")
    assert (result.exit_code, result.stderr) == (0, ""), result.output
    return result.stdout.split()


@pytest.fixture
def folder(trained_run: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a network 64-24-12-10 in ``run``, the run directory by default."""
    monkeypatch.chdir(trained_run.parent)
    return trained_run.parent


@pytest.mark.usefixtures("folder")
def test_layers_and_units_are_the_networks() -> None:
    assert complete("mnistffn fields --layer ") == ["1", "2", "3"]
    assert complete("mnistffn maximize -l 2 --units 1") == ["1", "10", "11"]
    assert complete("mnistffn fields -l 2 -u 9,10,") == [f"9,10,{unit}" for unit in (*range(9), 11)]
    assert complete("mnistffn fields -l 4 -u ") == []
    digits = [str(digit) for digit in range(10)]
    assert complete("mnistffn fields --units ") == digits, "the output layer's are the classes"
    assert complete("mnistffn maximize --objective ") == [*digits, "mean"]
    assert complete("mnistffn explain --image seven.png --label ") == digits


def test_names_are_those_of_the_program() -> None:
    for command in ("search", "train"):
        assert complete(f"mnistffn {command} --recipe ") == list(RECIPES)
    assert complete("mnistffn search --tune ") == [f"{name}=" for name in TUNABLE]
    assert complete("mnistffn train --device c") == ["cpu", "cuda"]
    assert "--layer" in complete("mnistffn fields --l")


def test_run_directories_are_found_in_folders_too(folder: Path) -> None:
    for name in ("runs/plain", "runs/robust", "runs/.hidden", "a/b/c", "a/b/too/deep"):
        (folder / name).mkdir(parents=True)
        (folder / name / "run.json").write_text("{}")
    (folder / "empty").mkdir()
    (folder / "file").touch()
    assert complete("mnistffn status -r ") == ["run", "runs/plain", "runs/robust", "a/b/c"]
    assert complete("mnistffn status --run-dir ru") == ["run", "runs/plain", "runs/robust"]
    assert complete("mnistffn compare run runs/p") == ["runs/plain"]
    assert complete("mnistffn status -r a/b/too/") == ["a/b/too/deep"]
    assert complete(f"mnistffn status -r {folder}/runs/r") == [f"{folder}/runs/robust"]
    assert complete("mnistffn status -r ~nobody-of-this-name/") == []


@pytest.mark.parametrize(
    "content",
    [
        "", "{", "[]", "[" * 100_000, '"text"',
        '{"stages": {"train": {}}}',
        '{"stages": {"train": {"options": {"hidden": 7}}}, "data": {"classes": [0]}}',
        '{"stages": {"train": {"options": {"hidden": ["a"]}}}, "data": {"classes": [0]}}',
        '{"stages": {"train": {"options": {"hidden": [4]}}}, "data": null}',
    ],
)  # fmt: skip
def test_a_broken_run_directory_completes_nothing_and_says_nothing(folder: Path, content: str) -> None:
    (folder / "run" / "run.json").write_text(content)
    assert complete("mnistffn fields --layer ") == complete("mnistffn fields --units 0,") == []


@pytest.mark.usefixtures("folder")
def test_the_run_directory_is_the_one_that_was_named(monkeypatch: pytest.MonkeyPatch) -> None:
    assert complete("mnistffn fields -r nowhere --layer ") == []
    monkeypatch.setenv("MNISTFFN_RUN_DIR", "nowhere")
    assert complete("mnistffn fields --layer ") == []
    assert complete("mnistffn fields -r run --layer ") == ["1", "2", "3"]


def test_a_shell_does_not_wait_for_numpy_or_torch(folder: Path) -> None:
    program = (
        "import sys, atexit; sys.argv = ['mnistffn']\n"
        "atexit.register(lambda: print(sorted({'numpy', 'torch', 'scipy'} & set(sys.modules))))\n"
        "from mnistffn.__main__ import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=folder,
        env=os.environ | ask("mnistffn fields --layer "),
    )  # fmt: skip
    assert (done.stdout, done.stderr) == ("1\n2\n3\n[]\n", "")
