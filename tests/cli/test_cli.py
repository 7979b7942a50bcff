"""The program as a shell sees it."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import typer
from helpers import call, invoke, measure_processor_time, takes_long
from PIL import Image
from typer.testing import CliRunner

from mnistffn import __version__
from mnistffn.cli.evaluate import read_strengths
from mnistffn.cli.main import app
from mnistffn.cli.values import read_strength
from mnistffn.data import builtin_digits
from mnistffn.run.directory import RunDirectory
from mnistffn.training.recipes import RECIPES

SMALL = ("--epochs", "3", "--hidden", "12,6", "--dropout", "0.1")
FILES = {
    "search": ["params.json", "search.csv", "search.png"],
    "train": ["model.pt", "history.csv", "curves.png", "augmented.png"],
    "evaluate": [
        "metrics.json",
        "predictions.npz",
        "examples.png",
        "confusion.png",
        "confused.png",
        "calibration.png",
        "labels.png",
    ],
    "fields": ["fields-layer3.npz", "fields-layer3.json", "fields-layer3.png"],
    "maximize": ["maximize-layer3.npz", "maximize-layer3.json", "maximize-layer3.png"],
}


@pytest.mark.usefixtures("pictures")
def test_the_five_commands_follow_one_another(tmp_path: Path) -> None:
    run = tmp_path / "run"
    search = (
        "--trials",
        "2",
        "--folds",
        "2",
        "--hidden",
        "8",
        "16",
        "--epochs",
        "3",
        "--jobs",
        "1",
    )
    options = {"search": search, "train": ("--epochs", "10")}
    for command, files in FILES.items():
        result = invoke(command, "-r", run, *options.get(command, ()))
        assert result.exit_code == 0, result.output
        assert result.stdout, "every command prints a result"
        for file in files:
            assert (run / file).stat().st_size > (5000 if file.endswith("png") else 0)
            assert str(run / file) in result.stderr
        if command != "maximize":
            assert "next: mnistffn" in result.stderr
    assert set(json.loads((run / "run.json").read_text())["stages"]) == {
        "search", "train", "evaluate", "fields-layer3", "maximize-layer3",
    }  # fmt: skip


@pytest.mark.parametrize("command", ["train", "evaluate", "fields", "maximize", "explain"])
def test_json_is_all_that_stdout_holds(trained_run: Path, command: str) -> None:
    options = {"train": SMALL, "explain": ("4",)}.get(command, ())
    result = invoke(command, "-r", trained_run, "--json", *options)
    assert result.exit_code == 0, result.output
    content = json.loads(result.stdout)
    assert content["schema"] == 1
    assert all(Path(file).is_file() for file in content["files"])


def test_a_dry_run_says_what_a_search_would_take_and_writes_nothing(tmp_path: Path) -> None:
    bounds = ("--hidden", "4", "8", "-n", "3", "-k", "2", "-j", "1")
    command = ("search", "-r", tmp_path, *bounds, "--dry-run")
    result = invoke(*command)
    assert result.exit_code == 0, result.output
    assert re.search(r"6 fits of 5 epochs.* at a time.* parameters: about 0 min \d\d s", result.stdout)
    assert "wrote" not in result.stderr
    forecast = json.loads(invoke(*command, "--json").stdout)["forecast"]
    assert forecast["n_fits"] == 6
    assert not (tmp_path / "params.json").exists()


def test_halving_fills_params_json_as_the_full_search_does(tmp_path: Path) -> None:
    bounds = ("--hidden", "4", "8", "-n", "4", "-k", "2", "--epochs", "3", "-j", "1")
    result = invoke("search", "-r", tmp_path, *bounds, "--strategy", "halving")
    assert result.exit_code == 0, result.output
    assert "images" in result.stdout
    assert invoke("train", "-r", tmp_path, "--epochs", "2").exit_code == 0


def test_a_space_of_few_candidates_has_each_tried_once(tmp_path: Path) -> None:
    fixed = ("--hidden", 8, 8, "--dropout", 0, 0, "-k", 2, "--epochs", 1, "-j", 1, "-r", tmp_path)
    tuned = ("--tune", "batch_size=32,64,none", "-n", 8, "--json")
    for strategy in ("random", "halving"):
        result = invoke("search", *fixed, *tuned, "--strategy", strategy, "--fresh")
        assert result.exit_code == 0, result.output
        assert "different candidates: 3, not 8" in result.stderr
        tried = [c["parameters"]["batch_size"] for c in json.loads(result.stdout)["candidates"]]
        assert set(tried) == {32, 64, None}
        assert len(tried) == 3 if strategy == "random" else len(tried) >= 3


def test_depth_activation_and_optimizer_can_be_searched_and_trained(tmp_path: Path) -> None:
    small = ("--hidden", 8, 12, "-n", 6, "-k", 2, "--epochs", 2, "-j", 1, "-r", tmp_path)
    tuned = ("--tune", "activation=relu,gelu,tanh", "--tune", "optimizer=adam,sgd")
    weighted = ("--class-weight", "balanced")
    result = invoke("search", "--layers", 1, 3, *small, *tuned, *weighted, "--json")
    assert result.exit_code == 0, result.output
    tried = [candidate["parameters"] for candidate in json.loads(result.stdout)["candidates"]]
    assert len({len(parameters["hidden"]) for parameters in tried}) > 1
    assert len({parameters["activation"] for parameters in tried}) > 1
    best = json.loads((tmp_path / "params.json").read_text())
    assert best["class_weight"] == "balanced"
    trained = json.loads(invoke("train", "-r", tmp_path, "--epochs", 2, "--json").stdout)["parameters"]
    for name in ("hidden", "activation", "optimizer", "class_weight"):
        assert trained[name] == best[name]
    for command in ("evaluate", "fields", "maximize"):
        assert invoke(command, "-r", tmp_path, "-q").exit_code == 0


def test_search_prints_json_too(tmp_path: Path) -> None:
    bounds = ("--trials", "1", "--folds", "2", "--hidden", "4", "8", "--epochs", "1", "-j", "1")
    content = json.loads(invoke("search", "-r", tmp_path, *bounds, "--json").stdout)
    assert content["best"]["parameters"]["hidden"] == content["candidates"][0]["parameters"]["hidden"]
    low, high = content["best"]["interval"]
    assert low <= content["best"]["mean"] <= high
    assert content["smallest"] == content["best"]
    assert (content["n_within_one_standard_error"], content["edges"]) == (1, [])
    assert content["importance"]["chance"] is None


def test_quiet_leaves_the_result_alone(trained_run: Path) -> None:
    result = invoke("evaluate", "-r", trained_run, "--quiet")
    assert result.stderr == ""
    assert result.stdout.startswith("accuracy 0.9")


def test_warnings_are_single_lines_and_survive_quiet(trained_run: Path) -> None:
    with (trained_run / "model.pt").open("ab") as file:
        file.write(b" ")
    result = invoke("fields", "-r", trained_run, "--quiet")
    assert result.stderr == "warning: model.pt has changed since train wrote it\n"


@pytest.mark.parametrize(("threshold", "code"), [("0.5", 0), ("0.9999", 3)])
def test_a_gate_sets_the_exit_code(trained_run: Path, threshold: str, code: int) -> None:
    result = invoke("evaluate", "-r", trained_run, "-q", "--fail-under", threshold)
    assert result.exit_code == code
    assert (trained_run / "metrics.json").is_file()
    assert ("is under 0.9999" in result.stderr) == (code == 3)


def write_text(path: Path) -> None:
    path.write_text("no MATLAB file")


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:3000])


def empty(path: Path) -> None:
    path.write_bytes(b"")


NAN = np.full((40, 64), np.nan)


@pytest.mark.parametrize(
    ("change", "variables", "message"),
    [
        (Path.unlink, {}, "does not exist"),
        (write_text, {}, "is a text file"),
        (truncate, {}, "damaged or not a MATLAB file"),
        (empty, {}, "is empty"),
        (None, {"input_images": np.ones((4, 5))}, "holds no images"),
        (None, {"output_labels": np.arange(7)}, "there are 7 labels"),
        (None, {"input_images": NAN}, "NaN"),
        (None, {"output_labels": np.ones(40)}, "single class 1"),
    ],
)
@pytest.mark.parametrize("command", ["search", "train"])
def test_bad_data_give_one_line_and_code_4(
    write_mat: Callable[..., Path], tmp_path: Path, command: str, change, variables, message: str
) -> None:
    path = write_mat(**variables)
    if change:
        change(path)
    options = SMALL if command == "train" else ()
    result = invoke(command, path, "-r", tmp_path / "run", "-q", *options)
    assert_one_line(result.stderr, message)
    assert result.exit_code == 4
    assert not (tmp_path / "run" / "run.json").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("fields", "--layer", "4"), 2, "no layer 4"),
        (("fields", "--layer", "x"), 2, "should be a valid integer"),
        (("fields", "--units", "10"), 2, "no unit 10"),
        (("fields", "--units", "1-"), 2, "cannot be read"),
        (("fields", "--kind", "weights"), 2, "--kind weights must be one of filter, gradient"),
        (("fields", "--sort", "size"), 2, "--sort size must be one of unit, class"),
        (
            ("fields", "--kind", "filter", "--sort", "average"),
            2,
            "that is not drawn: add average",
        ),
        (("fields", "--top", "0"), 2, "--top 0 must be at least 1"),
        (("maximize", "--layer", "0"), 2, "no layer 0"),
        (("maximize", "--units", "3,77"), 2, "no unit 77"),
        (("maximize", "--steps", "0"), 2, "--steps 0 must"),
        (("maximize", "--start", "black"), 2, "--start black must be one of noise, mean, real"),
        (("maximize", "--pixels", "any"), 2, "--pixels any must be one of sigmoid, free"),
        (("maximize", "--restarts", "0"), 2, "--restarts 0 must be from 1 to 1000"),
        (("maximize", "--norm", "nan"), 2, "--norm nan must be above 0"),
        (("maximize", "--objective", "4--9"), 2, "objective '4--9' cannot be read"),
        (("maximize", "--objective", "4-44"), 2, "no unit 44"),
        (("maximize", "--card"), 2, "--card needs --units"),
        (("maximize", "--card", "--units", "3", "--animate"), 2, "--card needs --units"),
        (
            ("maximize", "--varying", "0.9999"),
            2,
            "--varying 0.9999 is too much: no pixel",
        ),
        (("maximize", "--lr", "1e300"), 2, "--lr 1e+300 must be above 0 and at most 1,000,000"),
        (("maximize", "--restarts", "1000000000"), 2, "must be from 1 to 1000"),
        (("maximize", "--jitter", "9" * 23), 2, "must be from 0 to 1,000,000"),
        (("maximize", "-o", "9" * 400 + "*3"), 2, "cannot be read"),
        (("fields", "--units", "9" * 5000), 2, "cannot be read"),
        (("explain", "1797"), 2, "there is no image 1797: the data have images 0 to 1796"),
        (("explain", "3", "--", "-1"), 2, "there is no image -1"),
        (("explain", "seven"), 2, "should be a valid integer"),
        (("explain", *map(str, range(51))), 2, "51 images are too many for a page each"),
        (("train", "--hidden", "a,b"), 2, "'a,b' is no list of layer sizes"),
        (("train", "--hidden", "0"), 2, "--hidden 0 must be"),
        (("train", "--hidden", "5", "--dropout", "1"), 2, "--dropout 1 must be"),
        (("train", "--hidden", "5", "--test-size", "2"), 2, "--test-size 2 must be"),
        (("train", "--hidden", "5", "--seed", "-1"), 2, "no seed: give a whole number"),
        (("search", "--hidden", "9", "3"), 2, "--hidden 9 3 must be two"),
        (("search", "--layers", "3", "1"), 2, "--layers 3 1 must be"),
        (("search", "--layers", "two"), 2, "'two' is no number of layers such as 2"),
        (("search", "--trials", "0"), 2, "--trials 0 must"),
        (("search", "--folds", "1"), 2, "--folds 1 must"),
        (("search", "--folds", "170"), 4, "too few for 170 folds"),
        (("search", "--orientation", "upside-down"), 2, "upside-down"),
        (("search", "--epochs", "0"), 2, "--epochs 0 must"),
        (("search", "--tune", "lr"), 2, "'lr' is not of the form NAME=LOW:HIGH"),
        (("search", "--tune", "lr=a:b"), 2, "'lr=a:b' has bounds that are no numbers"),
        (("search", "--tune", "lr=0:1"), 2, "--tune lr=0:1 must be bounds"),
        (("search", "--tune", "epochs=1:9"), 2, "epochs cannot be tuned like this, only input_dropout"),
        (("search", "--tune", "label_smoothing=0:2"), 2, "--tune label_smoothing=2 must be in [0, 1)"),
        (("search", "--tune", "schedule=plateau,cosine"), 2, "--tune schedule=cosine must be one of"),
        (("search", "--tune", "schedule=cosine"), 2, "--tune schedule=cosine must be one of one-cycle"),
        (("search", "--tune", "augment=no"), 2, "--tune augment=no must be true or false"),
        (
            ("search", "--tune", "adversarial_steps=1.5"),
            2,
            "--tune adversarial_steps=1.5 must be a whole",
        ),
        (("search", "--tune", "lr=x"), 2, "--tune lr=x must be above 0"),
        (("search", "--time-limit", "0"), 2, "--time-limit 0 must be above 0"),
        (("search", "--strategy", "grid"), 2, "'grid' is not one of 'random', 'halving'"),
        (("search", "--precision", "tf32"), 2, "--precision tf32 needs a CUDA device"),
        (("train", "--hidden", "9", "--precision", "tf32"), 2, "--precision tf32 needs a CUDA device"),
        (("search", "--recipe", "slow"), 2, "--recipe slow must be one of default, document"),
        (("train",), 5, "params.json is missing"),
        (("train", "--hidden", "5", "--recipe", "slow"), 2, "--recipe slow must be one of"),
        (("train", "--show-recipe", "--recipe", "slow"), 2, "--recipe slow must be one of"),
        (("train", "--hidden", "5", "--adversarial", "2"), 2, "--adversarial 2 must be from 0 to 1.0"),
        (("train", "--hidden", "5", "--adversarial-norm", "l1"), 2, "l1"),
        (("train", "--hidden", "5", "--rotation", "200"), 2, "--rotation 200 must be an angle"),
        (
            ("train", "--hidden", "5", "--schedule", "one-cycle", "--patience", "3"),
            2,
            "--patience 3 with --schedule one-cycle stops",
        ),
        (("evaluate", "--restarts", "3"), 2, "of use with --attack only"),
        (("evaluate", "--attack", "x"), 2, "'x' is no list of strengths such as 0.05,8/255"),
        (("evaluate", "--attack", "0.1,2"), 2, "--attack 0.1,2 must be above 0 and at most 1,"),
        (("evaluate", "--attack", "0.1", "--restarts", "0"), 2, "--restarts 0 must"),
        (("evaluate", "--fail-under", "2"), 2, "is no accuracy from 0 to 1"),
        (("fields", "-r", ""), 2, "the run directory has no name"),
        (("unknown",), 2, "No such command 'unknown'"),
        (("fields", "--unknown"), 2, "No such option"),
    ],
)
def test_wrong_usage_gives_one_line_and_its_code(
    trained_run: Path, arguments: tuple[str, ...], code: int, message: str
) -> None:
    given = () if arguments[0] == "unknown" else ("-r", trained_run, "-q")
    result = invoke(arguments[0], *given, *arguments[1:])
    assert_one_line(result.stderr, message)
    assert result.exit_code == code


@pytest.mark.parametrize("command", ["evaluate", "fields", "maximize"])
@pytest.mark.parametrize("content", [None, b"", b"not a model"])
def test_a_model_that_is_missing_or_not_ours_gives_code_5(
    tmp_path: Path, command: str, content: bytes | None
) -> None:
    if content is not None:
        (tmp_path / "model.pt").write_bytes(content)
    result = invoke(command, "-r", tmp_path, "-q")
    assert_one_line(result.stderr, "run mnistffn train")
    assert result.exit_code == 5


def assert_one_line(stderr: str, message: str) -> None:
    lines = stderr.splitlines()
    assert len(lines) == 1, stderr
    assert lines[0].startswith("error: ")
    assert message in lines[0]


def test_an_error_has_a_traceback_on_request_only(tmp_path: Path) -> None:
    assert "Traceback" not in invoke("evaluate", "-r", tmp_path).stderr
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MNISTFFN_DEBUG", "1")
        assert "Traceback" in invoke("evaluate", "-r", tmp_path).stderr


def test_the_run_directory_can_come_from_the_environment(
    trained_run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MNISTFFN_RUN_DIR", str(trained_run))
    result = invoke("fields", "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["run_dir"] == str(trained_run)


def test_the_version_is_printed() -> None:
    assert invoke("--version").stdout == f"mnistffn {__version__}\n"


@pytest.mark.parametrize("command", [[], *([command] for command in FILES)])
def test_help_answers_without_the_heavy_packages(command: list[str]) -> None:
    code = (
        "import sys\n"
        "from mnistffn.cli.main import app\n"
        "try: app(sys.argv[1:] + ['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'torch', 'skorch', 'sklearn', 'scipy', 'numpy', 'matplotlib', 'h5py', 'jinja2'}\n"
        "assert heavy.isdisjoint(sys.modules), heavy & set(sys.modules)\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code, *command], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    assert "Usage:" in result.stdout
    if command:
        assert result.stdout.count("$ mnistffn") == 2, "help ends with two examples"


def test_looking_at_a_network_imports_nothing_that_trains_one(
    trained_run: Path, digits_mat: Path, tmp_path: Path
) -> None:
    other = shutil.copytree(trained_run, tmp_path / "other")
    picture = tmp_path / "five.png"
    Image.fromarray(builtin_digits().images[5]).save(picture)
    commands = [
        ["data", digits_mat],
        ["status"],
        ["predict", picture, "--as-is"],
        ["evaluate"],
        ["evaluate", digits_mat],
        ["fields"],
        ["explain", "5"],
        ["report"],
        ["compare", trained_run, other, "--output", tmp_path / "both"],
    ]
    code = (
        "import json, sys\n"
        "from mnistffn.cli.main import app\n"
        "import mnistffn.figures.render\n"
        "mnistffn.figures.render.render = lambda draw: bytes(20_000)\n"
        "needless = {'skorch', 'sklearn', 'joblib', 'scipy.stats', 'matplotlib.pyplot', 'sympy'}\n"
        "needless |= {'torch._dynamo', 'torch._inductor', 'torch.onnx'}\n"
        "for command in json.loads(sys.argv[1]):\n"
        "    try: app(command)\n"
        "    except SystemExit as ended: assert not ended.code, command\n"
        "    assert needless.isdisjoint(sys.modules), (command, needless & set(sys.modules))\n"
    )
    told = json.dumps([[str(word) for word in command] for command in commands])
    result = subprocess.run(
        [sys.executable, "-c", code, told], capture_output=True, text=True, check=False,
        env=os.environ | {"MNISTFFN_RUN_DIR": str(trained_run)},
    )  # fmt: skip
    assert result.returncode == 0, result.stderr


def test_every_example_of_the_helps_is_understood() -> None:
    """The options in the examples exist; ``--help`` behind them keeps them from running."""
    for command in FILES:
        for line in invoke(command, "--help").stdout.splitlines():
            if line.strip().startswith("$ mnistffn"):
                assert invoke(*line.split()[2:], "--help").exit_code == 0


def test_help_takes_at_most_three_times_as_long_as_importing_typer_and_rich() -> None:
    commands = {"help": ("-m", "mnistffn", "--help"), "imports": ("-c", "import typer, rich.console")}
    rounds = [
        {name: measure_processor_time(*command) for name, command in commands.items()} for _ in range(4)
    ]
    least = {name: min(seconds[name] for seconds in rounds) for name in commands}
    assert least["help"] < 3 * least["imports"]


@pytest.mark.parametrize("code", ["NO_COLOR", "FORCE_COLOR"])
def test_a_pipe_gets_no_animation_and_no_colour(
    trained_run: Path, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(code, "1")
    result = invoke("fields", "-r", trained_run, "--layer", "2")
    assert result.exit_code == 0, result.stderr
    assert "\r" not in result.stderr
    assert "\x1b[?25l" not in result.stderr, "no cursor is hidden"
    if code != "FORCE_COLOR":
        assert "\x1b" not in result.stderr + result.stdout
    assert re.search(r"\d+/12 silencing", result.stderr), "a line for progress"


@pytest.mark.parametrize(
    ("command", "number", "code"),
    [
        ("train", signal.SIGTERM, 143),
        ("search", signal.SIGINT, 130),
        pytest.param("search", signal.SIGTERM, 143, marks=takes_long),
        pytest.param("search", signal.SIGHUP, 129, marks=takes_long),
    ],
)
def test_a_signal_ends_the_work_with_its_code_and_leaves_the_run_as_it_was(
    trained_run: Path, command: str, number: int, code: int
) -> None:
    before = read_files(trained_run)
    options = {
        "train": ("--epochs", "100000", "--patience", "100000", "--hidden", "200,100"),
        "search": ("--trials", "500", "--epochs", "1000", "--patience", "1000"),
    }
    process = subprocess.Popen(
        [sys.executable, "-c", HEEDING, command, "-r", str(trained_run), *options[command]],
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stderr
    try:
        while "split:" not in process.stderr.readline():
            assert process.poll() is None
        time.sleep(3)  # until it trains, or its workers do
        os.kill(process.pid, number)
        os.kill(process.pid, number)  # a second one does no harm
        _, stderr = process.communicate(timeout=300)
    finally:
        process.kill()
    assert process.returncode == code, stderr
    assert "Traceback" not in stderr
    assert read_files(trained_run) == before
    assert wait_until_alone(process.pid), "worker processes must end too"


def test_a_command_that_has_to_wait_is_told_for_whom(trained_run: Path) -> None:
    with RunDirectory(trained_run).locked():
        result = invoke("evaluate", "-r", trained_run)
    assert result.exit_code == 5
    assert_one_line(result.stderr, f"process {os.getpid()} ")


def test_matplotlibs_configuration_costs_no_result(tmp_path: Path) -> None:
    configuration = tmp_path / "matplotlibrc"
    configuration.write_text("text.usetex: True\nfont.family: No Such Font\n")
    # As every notebook sets it, and it need not be installed here.
    backend = "module://matplotlib_inline.backend_inline"
    others = {"MPLBACKEND": backend, "MATPLOTLIBRC": str(configuration)}
    result = call("data", "-q", "-r", tmp_path / "run", **others)
    assert (result.returncode, result.stderr) == (0, "")
    assert (tmp_path / "run" / "data.png").stat().st_size > 5000


def test_a_configuration_that_matplotlib_cannot_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "matplotlibrc").write_bytes(b"font.family: caf\xe9")
    command = [sys.executable, "-P", "-c", "from mnistffn.__main__ import main; main()", "data", "-q"]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert_one_line(result.stderr, "remove or mend the matplotlibrc")
    assert result.returncode == 1


# The program, without what nohup or a shell's background has the tests ignore, and their children too.
HEEDING = (
    "import os, signal, sys\n"
    "for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):\n"
    "    signal.signal(number, signal.SIG_DFL)\n"
    "os.execv(sys.executable, [sys.executable, '-m', 'mnistffn', *sys.argv[1:]])\n"
)


def test_signals_that_the_caller_ignores_are_ignored(tmp_path: Path, digits_mat: Path) -> None:
    command = f"trap '' HUP; exec {sys.executable} -m mnistffn data /dev/stdin -q -r {tmp_path / 'run'}"
    process = subprocess.Popen(
        ["bash", "-c", command], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
    )
    time.sleep(1)  # until it waits for its data
    process.send_signal(signal.SIGHUP)
    process.communicate(digits_mat.read_bytes(), timeout=300)
    assert process.returncode == 0


def read_files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def wait_until_alone(group: int) -> bool:
    """Return whether the process group is empty within a minute."""
    for _ in range(600):
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.1)
    return False


def test_show_recipe_prints_what_each_sets_and_does_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    result = invoke("train", "--show-recipe", "-r", tmp_path / "run")
    assert result.exit_code == 0
    header, *rows = result.stdout.splitlines()
    assert header.split() == list(RECIPES)
    shown = {row.split()[0]: row.split()[1:] for row in rows}
    assert shown["dropout"][1] == "0.5782"
    assert shown["max_epochs"] == [str(recipe["max_epochs"]) for recipe in RECIPES.values()]
    assert not (tmp_path / "run").exists()
    monkeypatch.setenv("COLUMNS", "80")
    narrow = invoke("train", "--show-recipe").stdout
    assert max(map(len, narrow.splitlines())) <= 80
    assert narrow.split("\n\n")[1].split()[:3] == list(RECIPES)[3:]
    assert narrow.count("max_epochs") == 2
    one = invoke("train", "--recipe", "robust", "--show-recipe").stdout.splitlines()
    assert one[0].split() == ["robust"]
    as_json = json.loads(invoke("train", "--show-recipe", "--json").stdout)["recipes"]
    assert as_json["best"]["hidden"] == list(RECIPES["best"]["hidden"])


def test_the_documents_command_line_stops_early_on_a_plateau(tmp_path: Path) -> None:
    options = ("--hidden", "16", "--epochs", "200", "--patience", "3", "-r", tmp_path / "run", "--json")
    content = json.loads(invoke("train", *options).stdout)
    assert content["parameters"]["schedule"] == "plateau"
    assert content["epochs"] == content["best"]["epoch"] + 3 < 200
    rates = [line.split(",")[6] for line in (tmp_path / "run" / "history.csv").read_text().split()]
    assert rates[0] == "lr"
    assert float(rates[-1]) < float(rates[1])


def test_an_attack_is_told_with_its_steps_and_written_beside_the_metrics(trained_run: Path) -> None:
    result = invoke("evaluate", "-r", trained_run, "--attack", "0.1,0.02", "--restarts", "2")
    assert result.exit_code == 0, result.output
    assert "PGD, 20 steps, the worst of 2 random starts, linf" in result.stdout
    assert result.stdout.index("strength 0.02: accuracy 0.") < result.stdout.index("strength 0.1: ")
    assert str(trained_run / "robustness.json") in result.stderr
    content = json.loads(invoke("evaluate", "-r", trained_run, "--attack", "0.1", "--json").stdout)
    assert [row["strength"] for row in content["robustness"]["accuracies"]] == [0.1]
    assert "robustness" not in json.loads(invoke("evaluate", "-r", trained_run, "--json").stdout)


def test_what_is_searched_with_another_schedule_can_be_trained(tmp_path: Path) -> None:
    small = ("-n", 1, "-k", 2, "-j", 1, "--hidden", 4, 8, "--epochs", 1, "-r", tmp_path, "-q")
    for options, schedule in (
        (("--recipe", "document", "--tune", "schedule=one-cycle"), "one-cycle"),
        (("--patience", 3, "--tune", "lr=1e-3:1e-2"), "plateau"),
    ):
        assert invoke("search", *small, *options).exit_code == 0
        result = invoke("train", "-r", tmp_path, "--epochs", 2, "--json")
        assert result.exit_code == 0, result.output
        assert json.loads(result.stdout)["parameters"]["schedule"] == schedule


def test_fields_prints_a_table_of_the_units_asked_for_in_order(trained_run: Path) -> None:
    result = invoke("fields", "-r", trained_run, "--layer", 2, "--sort", "on", "--top", 4)
    assert result.exit_code == 0, result.output
    title, *headings = result.stdout.splitlines()[:-4]
    rows = result.stdout.splitlines()[-4:]
    assert title.startswith("layer 2; effect: nats; accuracy lost: points; fields: R²")
    assert headings[-1].split()[-4:] == ["filter", "gradient", "average", "pattern"]
    shares = [float(re.search(r"(\d+\.\d)%", row)[1]) for row in rows]
    assert len(shares) == 4
    assert shares == sorted(shares, reverse=True)
    content = json.loads(invoke("fields", "-r", trained_run, "--layer", 2, "--json").stdout)
    assert len(content["units"]) == 12
    assert {"name", "prefers", "selectivity", "on", "dead", "outgoing", "ablation", "r2"} < set(
        content["units"][0]
    )


def test_one_kind_can_be_drawn_alone(trained_run: Path) -> None:
    result = invoke("fields", "-r", trained_run, "--kind", "pattern", "--kind", "filter", "-q")
    assert result.stdout.splitlines()[1].split()[-2:] == ["pattern", "filter"]
    with np.load(trained_run / "fields-layer3.npz") as arrays:
        assert set(arrays) == {"units", "varying", "pattern", "pattern_image", "filter"}


def test_objectives_cards_and_animations_are_written_and_named(trained_run: Path) -> None:
    fast = ("--steps", 30, "-r", trained_run)
    result = invoke("maximize", "--objective", "4-9", "-o", "mean", "--animate", *fast)
    assert result.exit_code == 0, result.output
    assert [row.split()[0] for row in result.stdout.splitlines()[-2:]] == ["4-9", "mean"]
    assert str(trained_run / "maximize-layer3.gif") in result.stderr
    result = invoke("maximize", "--layer", 2, "--units", "7,3", "--card", *fast)
    assert result.exit_code == 0, result.output
    for unit in (7, 3):
        assert str(trained_run / f"card-layer2-unit{unit}.png") in result.stderr
    assert not (trained_run / "maximize-layer2.npz").exists()
    invoke("train", "-r", trained_run, *SMALL)
    stale = invoke("fields", "-r", trained_run).stderr
    assert "mnistffn maximize --layer 2 --units 7 --card" in stale, "the command to run again"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no device that is always full")
def test_an_output_that_cannot_be_written_is_told_in_one_line(tmp_path: Path) -> None:
    program = f"{sys.executable} -m mnistffn"
    status = f"{program} status -q -r {tmp_path / 'run'}"
    full = subprocess.run(
        f"{status} > /dev/full", shell=True, capture_output=True, text=True, check=False
    )
    assert full.returncode == 1
    assert_one_line(full.stderr, "the output cannot be written")
    closed = subprocess.run(f"{status} >&-", shell=True, capture_output=True, text=True, check=False)
    assert (closed.returncode, closed.stderr) == (0, "")
    limited = f"ulimit -f 1; {program} data -q -r {tmp_path / 'run'}"
    small = subprocess.run(["bash", "-c", limited], capture_output=True, text=True, check=False)
    assert small.returncode == 5
    assert_one_line(small.stderr, "cannot be written: File too large")


def test_an_ascii_terminal_gets_something_readable(trained_run: Path) -> None:
    command = ["fields", "-r", str(trained_run), "--top", "2", "-q"]
    result = CliRunner("ascii").invoke(app, command, catch_exceptions=False)
    assert result.exit_code == 0, result.stderr
    assert "fields: R2" in result.stdout
    assert "Error" not in result.stderr


def test_a_strength_may_be_a_fraction() -> None:
    assert read_strength("8/255") == 8 / 255
    assert read_strengths("0.05,16/255") == (0.05, 16 / 255)
    for wrong in ("8/0", "/", "x", "1/2/3"):
        with pytest.raises(typer.BadParameter, match="no strength such as"):
            read_strength(wrong)


def test_help_in_the_log_of_a_github_action_is_plain() -> None:
    environment = os.environ | {"GITHUB_ACTIONS": "true"}
    command = [sys.executable, "-m", "mnistffn", "train", "--help"]
    result = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    assert "--hidden" in result.stdout
    assert "\x1b" not in result.stdout


def test_windows_is_answered_in_one_line() -> None:
    code = "import os, mnistffn.__main__ as main; os.name = 'nt'; main.main()"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout) == (1, "")
    assert_one_line(result.stderr, "on Windows, use them in WSL")
