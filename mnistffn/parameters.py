"""The ranges of the classifier's parameters."""

import math
from typing import TYPE_CHECKING, get_args

from mnistffn.adversarial import Norm
from mnistffn.augment import Strengths
from mnistffn.errors import UsageError
from mnistffn.net import Schedule

if TYPE_CHECKING:
    from mnistffn.classifier import FeedForwardClassifier

WIDEST = 100_000
NORMS, SCHEDULES = get_args(Norm), get_args(Schedule)
LARGEST_STRENGTH = {"linf": 1.0, "l2": 1000.0}


def check_parameters(classifier: "FeedForwardClassifier") -> None:
    """Raise UsageError for a parameter that is out of its range.

    Examples
    --------
    >>> from mnistffn import FeedForwardClassifier
    >>> check_parameters(FeedForwardClassifier(dropout=1.5))
    Traceback (most recent call last):
        ...
    mnistffn.errors.UsageError: dropout=1.5 must be in [0, 1)
    """
    c = classifier
    validates = 0 < c.validation_fraction < 1
    rules = {
        "hidden": (all(1 <= units <= WIDEST for units in c.hidden), f"layer sizes from 1 to {WIDEST}"),
        "dropout": (0 <= c.dropout < 1, "in [0, 1)"),
        "input_dropout": (0 <= c.input_dropout < 1, "in [0, 1)"),
        "lr": (0 < c.lr < math.inf, "above 0"),
        "schedule": (c.schedule in SCHEDULES, f"one of {', '.join(SCHEDULES)}"),
        "weight_decay": (0 <= c.weight_decay < math.inf, "0 or more"),
        "label_smoothing": (0 <= c.label_smoothing < 1, "in [0, 1)"),
        "ema_decay": (0 <= c.ema_decay < 1, "in [0, 1)"),
        "batch_size": (
            c.batch_size is None or c.batch_size >= 2,
            "at least 2, for batch normalisation",
        ),
        "max_epochs": (c.max_epochs >= 1, "at least 1"),
        "patience": (c.patience >= 0, "0 or more"),
        "validation_fraction": (c.validation_fraction == 0 or validates, "0 or in (0, 1)"),
        "adversarial_norm": (c.adversarial_norm in NORMS, f"one of {', '.join(NORMS)}"),
        "adversarial": (
            0 <= c.adversarial <= LARGEST_STRENGTH.get(c.adversarial_norm, 0),
            f"from 0 to {LARGEST_STRENGTH.get(c.adversarial_norm)}, for pixels in [0, 1]",
        ),
        "adversarial_steps": (1 <= c.adversarial_steps <= 1000, "from 1 to 1000"),
        "n_threads": (c.n_threads is None or 1 <= c.n_threads <= 1024, "from 1 to 1024"),
    }
    for name, (holds, rule) in rules.items():
        if not holds:
            msg = f"{name}={getattr(c, name)!r} must be {rule}"
            raise UsageError(msg)
    if not validates and (c.patience or c.schedule == "plateau"):
        name = "patience" if c.patience else "schedule"
        msg = f"{name}={getattr(c, name)!r} needs a validation part, but validation_fraction is 0"
        raise UsageError(msg)
    if c.patience and c.schedule == "one-cycle":
        msg = f"patience={c.patience} needs schedule plateau or constant: one-cycle is best at its end"
        raise UsageError(msg)
    get_strengths(c)


def get_strengths(classifier: "FeedForwardClassifier") -> Strengths:
    """Return the strengths of the distortions that a classifier trains with.

    Raises
    ------
    UsageError
        One of them is out of its range.
    """
    c = classifier
    return Strengths(c.rotation, c.scaling, c.shear, c.shift, c.elastic, c.elastic_width)
