"""The one table of what can be set in training.

Recipes, checks, ``search --tune``, the help of ``train`` and the README's table read it. A new
parameter is a row here, a name in the signatures of the classifier and of ``train``, and the code that
uses it.
"""

import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from numbers import Integral
from typing import Any, Literal, get_args

from mnistffn.errors import ParameterError, UsageError, check_values

Schedule = Literal["one-cycle", "plateau", "constant"]
Activation = Literal["relu", "gelu", "tanh"]  # as the network wing has them, which would load torch
Optimizer = Literal["adam", "sgd"]
Norm = Literal["linf", "l2"]
Device = str  # auto, cpu, cuda, cuda:1, mps
Precision = Literal["float32", "tf32", "bf16"]

WIDEST = 100_000
LARGEST_STRENGTH: Mapping[Norm, float] = {"linf": 1.0, "l2": 1000.0}
NETWORK, EPOCHS, OPTIMIZATION = "Network", "Epochs", "Optimization"
ADVERSARIAL, DISTORTED = "Adversarial training", "Distorted images"


@dataclass(frozen=True)
class Parameter:
    """A row of the table.

    Attributes
    ----------
    name : str
        As :class:`~mnistffn.FeedForwardClassifier` has it.
    default : object
        Of the classifier.
    holds : callable
        Whether it may have a value.
    rule : str
        How a message says so, after "must be".
    help : str
        What it is, for ``train --help``.
    panel : str or None
        Where ``train --help`` has it; None for what is no parameter of a recipe.
    recipe_default : object
        Of the recipes, where it is another than the classifier's.
    tunable : bool
        Whether ``search --tune`` takes it.
    whole, logarithmic : bool
        Whether a search draws whole numbers, and whether uniformly in the logarithm, as is right for
        what spans decades.
    option, metavar : str or None
        How the command line calls it and its value, where that is not derived from its name and type.
    """

    name: str
    default: Any
    holds: Callable[[Any], bool]
    rule: str
    help: str = ""
    panel: str | None = None
    recipe_default: Any = None
    tunable: bool = True
    whole: bool = False
    logarithmic: bool = False
    option: str | None = None
    metavar: str | None = None

    @property
    def in_recipes(self) -> Any:
        """The value that a recipe has unless it says otherwise."""
        return self.default if self.recipe_default is None else self.recipe_default


def _is_part(value: float) -> bool:
    return 0 <= value < 1


def _is_whole(value: Any, low: int, high: float = math.inf) -> bool:
    is_whole = isinstance(value, Integral) and not isinstance(value, bool)  # NumPy's are Integral too
    return is_whole and bool(low <= value <= high)


def _is_bool(value: Any) -> bool:
    import numpy as np  # not loaded for --help

    return isinstance(value, bool | np.bool_)


def _are_whole(values: Iterable[Any], low: int, high: float = math.inf) -> bool:
    return not isinstance(values, str) and all(_is_whole(value, low, high) for value in values)


def _is_class_weight(value: Any) -> bool:
    if isinstance(value, Mapping):
        return all(weight >= 0 and weight < math.inf for weight in value.values())
    return value is None or value == "balanced"


def _one_of(kind: Any) -> tuple[Callable[[Any], bool], str]:
    choices = get_args(kind)
    return lambda v: v in choices, f"one of {', '.join(choices)}"


_ROWS = [
    Parameter(
        "hidden", (360, 187), lambda v: _are_whole(v, 1, WIDEST), f"layer sizes from 1 to {WIDEST}",
        "Sizes of the hidden layers, as in 360,187.", NETWORK, tunable=False,
    ),
    Parameter(
        "dropout", 0.0, _is_part, "in [0, 1)",
        "Dropout after every hidden layer.", NETWORK, tunable=False,  # a search has an option for it
    ),
    Parameter("input_dropout", 0.0, _is_part, "in [0, 1)", "Dropout of the pixels.", NETWORK),
    Parameter(
        "activation", "relu", *_one_of(Activation),
        f"Of the hidden units: {', '.join(get_args(Activation))}.", NETWORK, metavar="NAME",
    ),
    Parameter(
        "optimizer", "adam", *_one_of(Optimizer),
        "adam, or sgd with Nesterov momentum 0.9.", OPTIMIZATION, metavar="NAME",
    ),
    Parameter(
        "lr", 1e-2, lambda v: 0 < v < math.inf, "above 0",
        "Learning rate, the highest of the schedule.", OPTIMIZATION, logarithmic=True,
    ),
    Parameter(
        "schedule", "one-cycle", *_one_of(Schedule),
        f"How it changes: {', '.join(get_args(Schedule)[:-1])} or {get_args(Schedule)[-1]}.",
        OPTIMIZATION, metavar="HOW",
    ),
    Parameter(
        "weight_decay", 0.0, lambda v: 0 <= v < math.inf, "0 or more",
        "Weight decay: decoupled with adam, an L2 penalty with sgd.", OPTIMIZATION, logarithmic=True,
    ),
    Parameter(
        "label_smoothing", 0.0, _is_part, "in [0, 1)",
        "Part of the target spread over all classes.", OPTIMIZATION,
    ),
    Parameter(
        "ema_decay", 0.0, _is_part, "in [0, 1)",
        "Decay at each step of the average of the weights; 0: no average.", OPTIMIZATION,
    ),
    Parameter(
        "batch_size", None, lambda v: v is None or _is_whole(v, 2),
        "at least 2, for batch normalisation",
        "Images of one step; n/50 is a fiftieth of all, 32 to 512.", OPTIMIZATION, whole=True,
    ),
    Parameter(
        "max_epochs", 20, lambda v: _is_whole(v, 1), "a whole number, at least 1",
        "Epochs at the most.", EPOCHS, tunable=False, option="--epochs",
    ),
    Parameter(
        "patience", 0, lambda v: _is_whole(v, 0), "a whole number, 0 or more",
        "Epochs without a lower validation loss that end it; 0: never.", EPOCHS, tunable=False,
    ),
    Parameter(
        "min_delta", 0.0, lambda v: 0 <= v < math.inf, "0 or more",
        "What the loss must fall by for patience to see it.", EPOCHS, tunable=False,
    ),
    Parameter(
        "class_weight", None, _is_class_weight, "balanced, or in Python a weight for every class",
        "balanced: rare classes are trained on as often as others.", OPTIMIZATION, metavar="HOW",
    ),
    # 0.1, as in scikit-learn, but half as much in the recipes: these were chosen for MNIST, where 2,700
    # images are enough to measure on, and the others better trained on.
    Parameter(
        "validation_fraction", 0.1, _is_part, "in [0, 1)",
        "Part of the training images that only measures progress; 0: none.", EPOCHS,
        recipe_default=0.05, tunable=False,
    ),
    Parameter(
        "adversarial", 0.0, lambda v: v >= 0, "0 or more",  # check_parameters knows the upper bound
        "Train on adversarial images that differ by EPS; 0: not.", ADVERSARIAL, metavar="EPS",
    ),
    Parameter(
        "adversarial_norm", "linf", *_one_of(Norm),
        "What EPS bounds: each pixel, or their norm.", ADVERSARIAL, metavar="|".join(get_args(Norm)),
    ),
    Parameter(
        "adversarial_steps", 1, lambda v: _is_whole(v, 1, 1000), "a whole number from 1 to 1000",
        "Gradient steps to an adversarial image.", ADVERSARIAL, whole=True, metavar="K",
    ),
    Parameter(
        "augment", False, _is_bool, "true or false",
        "Distort every image at random.", DISTORTED, option="--augment/--no-augment",
    ),
    Parameter(
        "rotation", 10.0, lambda v: 0 <= v <= 180, "an angle in degrees from 0 to 180",
        "Largest rotation, in degrees.", DISTORTED,
    ),
    Parameter("scaling", 0.11, _is_part, "in [0, 1)", "Largest change of width and height.", DISTORTED),
    Parameter("shear", 0.11, lambda v: 0 <= v <= 1, "from 0 to 1", "Largest shear.", DISTORTED),
    Parameter(
        "shift", 0.03, lambda v: 0 <= v <= 1, "from 0 to 1",
        "Largest shift, as a part of the image's side.", DISTORTED,
    ),
    Parameter(
        "elastic", 0.025, lambda v: 0 <= v <= 1, "from 0 to 1",
        "Standard deviation of the elastic displacement, as a part of the side.", DISTORTED,
    ),
    Parameter(
        "elastic_width", 0.14, lambda v: 0.02 <= v <= 1, "from 0.02 to 1",
        "Width of its bumps, as a part of the side.", DISTORTED,
    ),
    # What says on which machine and which images, and nothing of the network: no recipe has it.
    Parameter(
        "image_shape", None, lambda v: v is None or (len(v) == 2 and _are_whole(v, 1)),
        "None, or height and width", tunable=False,
    ),
    Parameter("precision", "float32", *_one_of(Precision), tunable=False),
    Parameter(
        "device", "cpu", lambda v: re.fullmatch(r"auto|cpu|mps|cuda(:\d{1,3})?", v) is not None,
        "auto, cpu, cuda, cuda:1 or mps", tunable=False,
    ),
    Parameter(
        "n_threads", None, lambda v: v is None or _is_whole(v, 1, 1024), "from 1 to 1024",
        tunable=False,
    ),
]  # fmt: skip
PARAMETERS: Mapping[str, Parameter] = {row.name: row for row in _ROWS}
RECIPE_PARAMETERS = tuple(row for row in _ROWS if row.panel)
TUNABLE = tuple(row.name for row in _ROWS if row.tunable)
LOGARITHMIC = tuple(row.name for row in _ROWS if row.logarithmic)
DISTORTIONS = ("rotation", "scaling", "shear", "shift", "elastic", "elastic_width")


def check_ranges(values: Mapping[str, Any]) -> None:
    """Raise ParameterError for the first of some parameters that is out of its range."""
    check_values(values, {name: (PARAMETERS[name].holds, PARAMETERS[name].rule) for name in values})


def check_parameters(parameters: Mapping[str, Any]) -> None:
    """Raise ParameterError for a parameter that is out of its range, or contradicts another.

    Parameters
    ----------
    parameters : mapping of str to object
        All that the table has; names that it has not are left alone.

    Examples
    --------
    >>> from mnistffn import FeedForwardClassifier
    >>> check_parameters(FeedForwardClassifier(dropout=1.5).get_params())
    Traceback (most recent call last):
        ...
    mnistffn.errors.ParameterError: dropout=1.5 must be in [0, 1)
    """
    check_ranges({name: parameters[name] for name in PARAMETERS if name != "adversarial"})
    most = LARGEST_STRENGTH[parameters["adversarial_norm"]]
    check_strength = (lambda v: 0 <= v <= most, f"from 0 to {most}, for pixels in [0, 1]")
    check_values(parameters, {"adversarial": check_strength})
    patience, schedule = parameters["patience"], parameters["schedule"]
    if not parameters["validation_fraction"] and (patience or schedule == "plateau"):
        name = "patience" if patience else "schedule"
        found = {key: parameters[key] for key in (name, "validation_fraction")}
        problem = "has no validation images to watch: hold some out, as with 0.1"
        raise ParameterError(problem, **found)
    if patience and schedule == "one-cycle":
        problem = "stops before one-cycle is at its best, its end: take schedule plateau or constant"
        raise ParameterError(problem, patience=patience, schedule=schedule)


def spell_parameter(name: str, value: Any) -> list[str]:
    """Return the words of ``train``'s command line that set a parameter.

    Examples
    --------
    >>> spell_parameter("max_epochs", 20), spell_parameter("hidden", (360, 187))
    (['--epochs', '20'], ['--hidden', '360,187'])
    """
    spelled = PARAMETERS[name].option or f"--{name.replace('_', '-')}"
    option, _, off = spelled.partition("/")
    if isinstance(value, bool):
        return [option if value else off]
    if isinstance(value, list | tuple):
        return [option, ",".join(map(str, value))]
    return [option, repr(value) if isinstance(value, float) else str(value)]


def check_tunable(name: str) -> None:
    """Raise UsageError unless a parameter can be searched beside sizes and dropout."""
    if name not in TUNABLE:
        own = {"hidden": "--hidden and --layers", "dropout": "--dropout"}.get(name)
        msg = f"{name} cannot be tuned like this, only {', '.join(TUNABLE)}"
        msg += f"; the bounds of {name} are those of {own}" if own else ""
        raise UsageError(msg)
