"""Named ways to train. How their values were chosen is told in the README, under "Recipes"."""

from collections.abc import Mapping
from typing import Any

from mnistffn.errors import UsageError

DEFAULT_RECIPE = "default"

PLAIN: dict[str, Any] = {
    "dropout": 0.0,
    "input_dropout": 0.0,
    "lr": 1e-2,
    "schedule": "one-cycle",
    "weight_decay": 0.0,
    "label_smoothing": 0.0,
    "ema_decay": 0.0,
    "batch_size": None,
    "max_epochs": 20,
    "patience": 0,
    "validation_fraction": 0.05,
    "adversarial": 0.0,
    "adversarial_norm": "linf",
    "adversarial_steps": 1,
    "augment": False,
    "rotation": 10.0,
    "scaling": 0.11,
    "shear": 0.11,
    "shift": 0.03,
    "elastic": 0.025,
    "elastic_width": 0.14,
}

# What a search tunes with --tune, and which of it are whole numbers. Dropout has an option of its own.
LEFT_ALONE = ("dropout", "max_epochs", "patience", "validation_fraction")
TUNABLE = tuple(name for name in PLAIN if name not in LEFT_ALONE)
WHOLE = ("batch_size", "adversarial_steps")

# Bounds between which a search by the recipe draws the dropout: images that change from epoch to epoch
# leave little for dropout to do.
DROPOUT_BOUNDS = {"document": (0.1, 0.7)}
OTHER_DROPOUT_BOUNDS = (0.0, 0.3)

# Every recipe sets the same parameters, so that one can be read beside another; `best` the layers too.
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
    "best": PLAIN
    | {
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
    },
}


def get_recipe(name: str) -> dict[str, Any]:
    """Return the parameters that a recipe sets.

    Raises
    ------
    UsageError
        There is none of this name.
    """
    if name not in RECIPES:
        msg = f"recipe={name!r} must be one of {', '.join(RECIPES)}"
        raise UsageError(msg)
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
