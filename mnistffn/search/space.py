"""What a random search draws its candidates from."""

import json
import math
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from numpy.random import RandomState
from scipy import stats
from sklearn.model_selection import ParameterSampler
from sklearn.utils import check_random_state

from mnistffn.errors import check_values
from mnistffn.training.parameters import PARAMETERS, WIDEST, check_tunable
from mnistffn.training.recipes import OTHER_DROPOUT_BOUNDS

DEEPEST = 100  # hidden layers
_BOUNDS = "bounds that it can be drawn between, the lower one first, or values with commas between them"
MISSES = 1000  # draws without a candidate that is new, until there is none


class LayerSizes:
    """Distribution of the sizes of all hidden layers: every layer half as wide as the one below.

    Their number is uniform. The first layer is uniform on ``low`` to ``high``, the second on
    ``low / 2`` to ``high / 2``, and so on, all independent and both ends included.

    Examples
    --------
    >>> sizes = LayerSizes(100, 500, n_layers=(2, 2)).rvs(random_state=0)
    >>> 100 <= sizes[0] <= 500, 50 <= sizes[1] <= 250
    (True, True)
    """

    def __init__(self, low: int, high: int, n_layers: tuple[int, int]) -> None:
        self.fewest, most = n_layers
        self.layers = [
            stats.randint(max(1, low >> depth), max(1, high >> depth) + 1) for depth in range(most)
        ]

    def rvs(self, random_state: RandomState | int | None = None) -> tuple[int, ...]:
        """Draw one size for every layer."""
        generator = check_random_state(random_state)
        depth = len(self.layers)
        if self.fewest < depth:
            depth = int(generator.randint(self.fewest, depth + 1))
        return tuple(int(layer.rvs(random_state=generator)) for layer in self.layers[:depth])


@dataclass(frozen=True)
class SearchSpace:
    """What is searched, and between which bounds.

    Attributes
    ----------
    hidden : (int, int)
        Bounds of the first hidden layer's size; uniform. Every further layer has half of them.
    n_layers : (int, int)
        Bounds of the number of hidden layers; uniform.
    dropout : (float, float)
        Uniform.
    further : mapping of str to tuple or list
        Other parameters of the recipes: a tuple of two numbers for bounds, both included, uniform (for
        learning rate and weight decay in the logarithm), or a list of values to choose from.
    """

    hidden: tuple[int, int] = (100, 600)
    n_layers: tuple[int, int] = (2, 2)
    dropout: tuple[float, float] = OTHER_DROPOUT_BOUNDS
    further: Mapping[str, tuple[float, float] | list[Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        rules: dict[str, tuple[Callable[[Any], bool], str]] = {
            "hidden": (
                lambda v: 1 <= v[0] <= v[1] <= WIDEST,
                f"two layer sizes from 1 to {WIDEST}, the smaller one first",
            ),
            "n_layers": (
                lambda v: 1 <= v[0] <= v[1] <= DEEPEST,
                f"one number or two from 1 to {DEEPEST}, the smaller one first",
            ),
            "dropout": (
                lambda v: 0 <= v[0] <= v[1] < 1,
                "two numbers in [0, 1), the smaller one first",
            ),
        }
        for name in self.further:
            check_tunable(name)
            rules[name] = (partial(_can_be_drawn, name), _BOUNDS)
        check_values(vars(self) | dict(self.further), rules)

    def distributions(self) -> dict[str, Any]:
        """Return the distribution of every parameter that is searched, by name."""
        low, high = self.dropout
        distributions: dict[str, Any] = {
            "hidden": LayerSizes(*self.hidden, self.n_layers),
            "dropout": stats.uniform(low, high - low),
        }
        return distributions | {name: _distribution(name, v) for name, v in self.further.items()}


def draw_candidates(space: SearchSpace, n: int, seed: int) -> list[dict[str, Any]]:
    """Draw ``n`` different candidates, fewer where the space has hardly any more.

    Parameters
    ----------
    space : SearchSpace
    n : int
    seed : int
        The same one draws the same first candidates, whatever their number.

    Returns
    -------
    list of dict
        The searched parameters of each.
    """
    found: dict[str, dict[str, Any]] = {}
    misses, distributions = 0, space.distributions()
    for values in ParameterSampler(distributions, sys.maxsize, random_state=seed):
        drawn = {name: values[name] for name in distributions}  # it sorts the names
        key = json.dumps(drawn, default=float)
        misses = misses + 1 if key in found else 0
        found.setdefault(key, drawn)
        if len(found) == n or misses > MISSES + 20 * len(found):
            break
    return list(found.values())


def _can_be_drawn(name: str, values: tuple[float, float] | list[Any]) -> bool:
    """Return whether a parameter can be drawn from a list, or between two values."""
    if isinstance(values, list):
        return True
    row = PARAMETERS[name]
    kinds = (int,) if row.whole else (int, float)
    if not (row.whole or type(row.default) is float) or any(type(v) not in kinds for v in values):
        return False
    low, high = values
    return 0 <= low <= high < math.inf and (low > 0 or not row.logarithmic)


def _distribution(name: str, values: tuple[float, float] | list[Any]) -> Any:
    """Return a list as it is, and for bounds the distribution of a parameter between them."""
    if isinstance(values, list):
        return values
    low, high = values
    row = PARAMETERS[name]
    if row.whole:
        return stats.randint(low, high + 1)
    if low == high:
        return [low]
    return stats.loguniform(low, high) if row.logarithmic else stats.uniform(low, high - low)
