"""What a user says about training, and where each setting of a training comes from."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mnistffn.errors import RunDirectoryError, UsageError
from mnistffn.progress import Progress
from mnistffn.run.directory import RunDirectory
from mnistffn.run.options import DataOptions
from mnistffn.training.classifier import FeedForwardClassifier
from mnistffn.training.parameters import (
    Device,
    Precision,
    check_parameters,
    check_ranges,
    spell_parameter,
)
from mnistffn.training.recipes import DEFAULT_RECIPE, combine, get_recipe

# What has no effect unless another parameter is set.
NEEDED = {
    "augment": ("rotation", "scaling", "shear", "shift", "elastic", "elastic_width"),
    "adversarial": ("adversarial_norm", "adversarial_steps"),
    "patience": ("min_delta",),
}


@dataclass(frozen=True)
class TrainOptions:
    """What a user says about training.

    Attributes
    ----------
    recipe : str or None
        One of :data:`~mnistffn.training.recipes.RECIPES`; None for that of the search, or else the
        default.
    parameters : mapping of str to object
        Parameters of :class:`~mnistffn.FeedForwardClassifier` that differ from the recipe's.
    precision : {"float32", "tf32", "bf16"}
    device : {"auto", "cpu", "cuda", "mps"}
        In which numbers and where to train.
    n_threads : int or None
        Threads of torch; None for as many as are worth it and find a free core, looked at anew after
        every epoch.
    seed : int or None
        None for the seed of the run's split.
    """

    recipe: str | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    precision: Precision = "float32"
    device: Device = "cpu"
    n_threads: int | None = None
    seed: int | None = None

    def __post_init__(self) -> None:
        get_recipe(DEFAULT_RECIPE if self.recipe is None else self.recipe)
        check_ranges({name: getattr(self, name) for name in ("precision", "device", "n_threads")})

    def spell(self) -> str:
        """Return the command line that trains so, as a shell takes it."""
        words = ["train", *(["--recipe", self.recipe] if self.recipe else [])]
        for name, value in self.parameters.items():
            words += spell_parameter(name, value)
        for name in ("precision", "device", "n_threads", "seed"):
            if (value := getattr(self, name)) != TrainOptions.__dataclass_fields__[name].default:
                words += [f"--{name.removeprefix('n_')}", str(value)]
        return shlex.join(words)


def resolve(
    run: RunDirectory, data: DataOptions, options: TrainOptions, progress: Progress
) -> tuple[str, dict[str, Any], bool]:
    """Return the recipe's name, the classifier's parameters, and whether some come from the search.

    What was searched by one recipe is of no use to another, but for the sizes of the layers, and these
    not to one that has its own.

    Raises
    ------
    RunDirectoryError
        There is no params.json, and the options do not say how large the layers are.
    """
    given = dict(options.parameters)
    searched = _read_parameters(run) if (run.path / "params.json").exists() else {}
    searched_by = searched.pop("recipe", DEFAULT_RECIPE if searched else None)
    name = options.recipe or searched_by or DEFAULT_RECIPE
    recipe = get_recipe(name)
    if name != searched_by:
        searched = {"hidden": searched["hidden"]} if "hidden" in set(searched) - set(recipe) else {}
    if "hidden" not in recipe | searched | given:
        search = run.spell(shlex.join(["search", *data.spell()]))
        remedy = f"run {search} first, or give --hidden 360,187"
        msg = f"{run.path / 'params.json'} is missing: {remedy}"
        raise RunDirectoryError(msg)
    before = combine(recipe, searched)
    parameters = combine(before, given)
    taken = [key for key in searched if key not in given]
    for option, needed in find_idle(given, parameters):
        progress.note(f"warning: {option} has no effect without {needed}")
    progress.note(
        f"settings: {'; '.join(_describe(name, searched_by, taken, given, before, parameters))}"
    )
    return name, parameters | {"hidden": tuple(parameters["hidden"])}, bool(taken)


def find_idle(given: Mapping[str, Any], parameters: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the options that were given and have no effect, each with the one that it needs.

    Examples
    --------
    >>> parameters = {"augment": False, "adversarial": 0.05, "patience": 0}
    >>> find_idle({"rotation": 30.0, "adversarial_steps": 5}, parameters)
    [('--rotation', '--augment')]
    """
    return [
        (spell_parameter(name, given[name])[0], spell_parameter(needed, value=True)[0])
        for needed, names in NEEDED.items()
        for name in names
        if name in given and not parameters[needed]
    ]


def _describe(
    name: str,
    searched_by: str | None,
    taken: Sequence[str],
    given: Mapping[str, Any],
    before: Mapping[str, Any],
    parameters: Mapping[str, Any],
) -> list[str]:
    """Return what comes from where."""
    parts = [f"recipe {name}"]
    if searched_by is not None:
        by = "" if name == searched_by else f", which was by recipe {searched_by}"
        parts.append(f"{', '.join(taken) or 'nothing'} from the search{by}")
    if given:
        parts.append(f"{', '.join(spell_parameter(*item)[0] for item in given.items())} as given")
    # What combine changes beside what is given.
    if parameters["schedule"] != before["schedule"] and "schedule" not in given:
        parts.append("schedule plateau, for patience")
    if parameters["patience"] != before["patience"] and "patience" not in given:
        parts.append("no patience, for one-cycle")
    return parts


def _read_parameters(run: RunDirectory) -> dict[str, Any]:
    """Return the recipe and the parameters of params.json, which a user may have edited."""
    content = run.read_json("params.json")
    parameters = {
        name: value for name, value in content.items() if name not in ("schema", "cv_accuracy")
    }
    try:
        recipe = get_recipe(parameters.get("recipe", DEFAULT_RECIPE))
        tuned = {name: value for name, value in parameters.items() if name != "recipe"}
        check_parameters(FeedForwardClassifier(**combine(recipe, tuned)).get_params(deep=False))
    except (TypeError, UsageError) as error:
        msg = f"{run.path / 'params.json'} is damaged ({error}): run {run.spell('search')} again"
        raise RunDirectoryError(msg) from error
    return parameters
