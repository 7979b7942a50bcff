"""How the package is laid out: which wing imports which, and what one table says in several places."""

import ast
import inspect
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest

import mnistffn
from mnistffn import FeedForwardClassifier
from mnistffn.cli import data, options
from mnistffn.cli.train import train
from mnistffn.data.labels import MEANINGS, LabelsMean
from mnistffn.data.originals import ORIGINALS
from mnistffn.data.pixels import Polarity
from mnistffn.run.download import DownloadPart
from mnistffn.training.parameters import PARAMETERS, RECIPE_PARAMETERS, check_ranges

PACKAGE = Path(mnistffn.__file__).parent
README = PACKAGE.parent / "README.md"

# What each wing may import beside itself and the standard library. A wing never imports one above it.
BASE = {"errors", "progress", "wording"}
WINGS = {
    "errors": set(),
    "progress": set(),
    "machine": set(),
    "wording": set(),
    "figures": {"matplotlib", "numpy", "PIL", "errors", "wording"},
    "data": {"numpy", "scipy", "sklearn", "h5py", "PIL", "pooch", "requests"} | BASE,
    "run": {"numpy", "data", "figures"} | BASE,
    "network": {"numpy", "torch"} | BASE,
    "training": {
        "numpy", "torch", "skorch", "sklearn", "joblib", "machine", "network", "run", "data", "figures",
    } | BASE,
    "inside": {"numpy", "torch", "network", "run", "data", "figures"} | BASE,
    "evaluation": {
        "numpy", "torch", "scipy", "sklearn", "inside", "training", "network", "run", "data", "figures",
    } | BASE,
    "explanation": {
        "numpy", "torch", "prediction", "evaluation", "inside", "training", "network", "run", "data",
        "figures",
    } | BASE,
    "prediction": {"numpy", "torch", "inside", "network", "run", "data", "figures"} | BASE,
    "export": {"numpy", "onnx", "network", "run", "__version__"} | BASE,
    "search": {
        "machine", "distributed",
        "numpy", "torch", "scipy", "sklearn", "joblib", "training", "network", "run", "data", "figures",
    } | BASE,
    "report": {"jinja2", "PIL", "inside", "training", "run"} | BASE,
    "cli": {
        "typer", "rich", "machine", "report", "search", "export", "prediction", "explanation",
        "evaluation", "inside", "training", "network", "run", "data",
    } | BASE,
}  # fmt: skip


def find_imports(path: Path) -> Iterator[str]:
    """Yield the modules that a file imports, also inside its functions and for types only."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: imports are absolute"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def name_place(module: str) -> str:
    """Return the wing of a module of the package, or the name of another package."""
    package, _, rest = module.partition(".")
    return rest.partition(".")[0] if package == "mnistffn" else package


def test_every_folder_is_a_wing() -> None:
    found = {path.name for path in PACKAGE.iterdir() if not path.name.startswith("__")}
    marker = {"py.typed"}  # has type checkers read the annotations
    assert found == {wing if (PACKAGE / wing).is_dir() else f"{wing}.py" for wing in WINGS} | marker


@pytest.mark.parametrize("wing", WINGS)
def test_imports_run_downwards(wing: str) -> None:
    place = PACKAGE / wing
    files = list(place.rglob("*.py")) if place.is_dir() else [place.with_suffix(".py")]
    assert files
    for path in files:
        places = {name_place(module) for module in find_imports(path)}
        beyond = places - WINGS[wing] - {wing, "__version__"} - sys.stdlib_module_names
        assert not beyond, f"{path.relative_to(PACKAGE)} imports {beyond}"


def test_the_signatures_of_classifier_and_train_are_the_tables() -> None:
    parameters = inspect.signature(FeedForwardClassifier).parameters
    assert set(parameters) - {"random_state", "on_epoch"} == set(PARAMETERS)
    for name, row in PARAMETERS.items():
        assert parameters[name].default == row.default, name
    faces = inspect.signature(train).parameters
    for row in RECIPE_PARAMETERS:
        assert faces[row.name].default is None, "what is not given is the recipe's"
        assert faces[row.name].annotation.__metadata__[0].help == row.help


def test_the_choices_of_the_command_line_are_those_of_the_data_wing() -> None:
    assert get_args(options.Polarity) == get_args(Polarity)
    assert get_args(options.LabelsMean) == get_args(LabelsMean) == ("auto", *MEANINGS)
    assert get_args(data.DownloadName) == tuple(ORIGINALS)
    assert get_args(data.DownloadPart) == get_args(DownloadPart)


def test_every_default_is_within_its_range() -> None:
    check_ranges({row.name: row.default for row in PARAMETERS.values()})
    check_ranges({row.name: row.in_recipes for row in PARAMETERS.values()})


def test_the_readme_has_the_table_of_the_parameters() -> None:
    table = README.read_text().partition("<!-- parameters: begin -->\n")[2]
    table = table.partition("<!-- parameters: end -->")[0]
    rows = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in table.splitlines()[2:]]
    assert [row[0].strip("` ") for row in rows] == [row.name for row in RECIPE_PARAMETERS]
    for (_, default, rule, meaning), row in zip(rows, RECIPE_PARAMETERS, strict=True):
        value = ", ".join(map(str, row.default)) if isinstance(row.default, tuple) else row.default
        in_recipes = "" if row.recipe_default is None else f" (recipes: {row.recipe_default})"
        assert default.replace("`", "") == f"{value}{in_recipes}"
        assert rule == row.rule
        assert meaning == row.help


def test_files_are_short() -> None:
    lengths = {path: len(path.read_text().splitlines()) for path in PACKAGE.rglob("*.py")}
    long = {path.name: length for path, length in lengths.items() if length > 300}
    assert set(long) <= {"classifier.py"}, "most of the classifier is its docstring"
