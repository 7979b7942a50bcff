"""The ranges of the classifier's parameters."""

import math
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, get_args

import numpy as np

from mnistffn.errors import UsageError, check_values
from mnistffn.training.adversarial import Norm
from mnistffn.training.augment import Strengths
from mnistffn.training.device import Device, Precision
from mnistffn.training.net import Schedule

if TYPE_CHECKING:
    from mnistffn.training.classifier import FeedForwardClassifier

WIDEST = 100_000
LARGEST_STRENGTH = {"linf": 1.0, "l2": 1000.0}
NORMS, SCHEDULES = get_args(Norm), get_args(Schedule)
DEVICES, PRECISIONS = get_args(Device), get_args(Precision)


def _is_part(value: float) -> bool:
    return 0 <= value < 1


def _is_whole(value: Any, low: int, high: float = math.inf) -> bool:
    is_whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    return is_whole and bool(low <= value <= high)


def _are_whole(values: Iterable[Any], low: int, high: float = math.inf) -> bool:
    return not isinstance(values, str) and all(_is_whole(value, low, high) for value in values)


RULES: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "hidden": (lambda v: _are_whole(v, 1, WIDEST), f"layer sizes from 1 to {WIDEST}"),
    "dropout": (_is_part, "in [0, 1)"),
    "input_dropout": (_is_part, "in [0, 1)"),
    "lr": (lambda v: 0 < v < math.inf, "above 0"),
    "schedule": (lambda v: v in SCHEDULES, f"one of {', '.join(SCHEDULES)}"),
    "weight_decay": (lambda v: 0 <= v < math.inf, "0 or more"),
    "label_smoothing": (_is_part, "in [0, 1)"),
    "ema_decay": (_is_part, "in [0, 1)"),
    "batch_size": (lambda v: v is None or _is_whole(v, 2), "at least 2, for batch normalisation"),
    "max_epochs": (lambda v: _is_whole(v, 1), "a whole number, at least 1"),
    "patience": (lambda v: _is_whole(v, 0), "a whole number, 0 or more"),
    "validation_fraction": (_is_part, "in [0, 1)"),
    "adversarial_norm": (lambda v: v in NORMS, f"one of {', '.join(NORMS)}"),
    "adversarial_steps": (lambda v: _is_whole(v, 1, 1000), "a whole number from 1 to 1000"),
    "augment": (lambda v: isinstance(v, bool | np.bool_), "true or false"),
    "image_shape": (
        lambda v: v is None or (len(v) == 2 and _are_whole(v, 1)),
        "None, or height and width",
    ),
    "precision": (lambda v: v in PRECISIONS, f"one of {', '.join(PRECISIONS)}"),
    "device": (lambda v: v in DEVICES, f"one of {', '.join(DEVICES)}"),
    "n_threads": (lambda v: v is None or _is_whole(v, 1, 1024), "from 1 to 1024"),
}


def check_parameters(classifier: "FeedForwardClassifier") -> None:
    """Raise UsageError for a parameter that is out of its range, or contradicts another.

    Examples
    --------
    >>> from mnistffn import FeedForwardClassifier
    >>> check_parameters(FeedForwardClassifier(dropout=1.5))
    Traceback (most recent call last):
        ...
    mnistffn.errors.UsageError: dropout=1.5 must be in [0, 1)
    """
    c = classifier
    check_values(c, RULES)
    most = LARGEST_STRENGTH[c.adversarial_norm]
    rule = (lambda v: 0 <= v <= most, f"from 0 to {most}, for pixels in [0, 1]")
    check_values(c, {"adversarial": rule})
    get_strengths(c)
    if not c.validation_fraction and (c.patience or c.schedule == "plateau"):
        name = "patience" if c.patience else "schedule"
        msg = f"{name}={getattr(c, name)!r} needs a validation part, but validation_fraction is 0"
        raise UsageError(msg)
    if c.patience and c.schedule == "one-cycle":
        msg = f"patience={c.patience} needs schedule plateau or constant: one-cycle is best at its end"
        raise UsageError(msg)


def get_strengths(classifier: "FeedForwardClassifier") -> Strengths:
    """Return the strengths of the distortions that a classifier trains with.

    Raises
    ------
    UsageError
        One of them is out of its range.
    """
    c = classifier
    return Strengths(c.rotation, c.scaling, c.shear, c.shift, c.elastic, c.elastic_width)
