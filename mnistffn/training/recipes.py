"""Named ways to train. How their values were chosen is told in the README, under "Recipes"."""

from collections.abc import Mapping
from typing import Any

from mnistffn.errors import ParameterError
from mnistffn.training.parameters import RECIPE_PARAMETERS

DEFAULT_RECIPE = "default"

PLAIN: dict[str, Any] = {row.name: row.in_recipes for row in RECIPE_PARAMETERS if row.name != "hidden"}

# Bounds between which a search by the recipe draws the dropout: images that change from epoch to epoch
# leave little for dropout to do.
DROPOUT_BOUNDS = {"document": (0.1, 0.7)}
OTHER_DROPOUT_BOUNDS = (0.0, 0.3)

BEST: dict[str, Any] = PLAIN | {
    "hidden": (1200, 600, 300),
    "augment": True,
    "adversarial": 0.04,
    "max_epochs": 120,
    "validation_fraction": 0.02,
    # Many epochs can learn from larger distortions.
    "rotation": 12.0,
    "scaling": 0.15,
    "shear": 0.15,
    "shift": 0.04,
    "elastic": 0.03,
}

# Every recipe sets the same parameters, so that one can be read beside another; the two of the largest
# network set the layers too.
RECIPES: dict[str, dict[str, Any]] = {
    "default": PLAIN | {"augment": True, "adversarial": 0.05, "max_epochs": 40},
    "document": PLAIN
    | {
        "dropout": 0.5782,
        "lr": 1e-3,
        "schedule": "constant",
        "max_epochs": 200,
        "patience": 10,
        "validation_fraction": 0.1,
    },
    "fast": PLAIN | {"augment": True, "max_epochs": 12},
    "robust": PLAIN | {"augment": True, "adversarial": 0.08, "max_epochs": 15},
    "best": BEST,
    "record": BEST | {"max_epochs": 480},
}


def get_dropout_bounds(recipe: str) -> tuple[float, float]:
    """Return the bounds between which a search by a recipe draws the dropout."""
    return DROPOUT_BOUNDS.get(recipe, OTHER_DROPOUT_BOUNDS)


def get_recipe(name: str) -> dict[str, Any]:
    """Return the parameters that a recipe sets.

    Raises
    ------
    ParameterError
        There is none of this name.
    """
    if name not in RECIPES:
        problem = f"must be one of {', '.join(RECIPES)}"
        raise ParameterError(problem, recipe=name)
    return dict(RECIPES[name])


def combine(recipe: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return a recipe's parameters with those that a user gives over them.

    One-cycle is at its best at its end and must not be cut short: who gives a patience but no schedule
    gets ``plateau`` in its place, and who asks for it without a patience gets none.

    Examples
    --------
    >>> combine({"schedule": "one-cycle", "patience": 0, "lr": 0.01}, {"patience": 10})
    {'schedule': 'plateau', 'patience': 10, 'lr': 0.01}
    """
    combined = dict(recipe) | dict(given)
    if combined["patience"] and combined["schedule"] == "one-cycle":
        if "schedule" not in given:
            combined["schedule"] = "plateau"
        elif "patience" not in given:
            combined["patience"] = 0
    return combined
