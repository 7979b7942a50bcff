"""The searched parameters as axes along which the candidates lie."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnistffn.search.result import Candidate
from mnistffn.search.space import LayerSizes
from mnistffn.training.parameters import LOGARITHMIC, PARAMETERS


@dataclass(frozen=True, eq=False)
class Axis:
    """A searched parameter, its bounds, and where the candidates lie between them.

    Attributes
    ----------
    name : str
        The parameter's, or ``hidden 1`` and so on for the sizes of the layers, and ``layers``.
    values : ndarray of shape (candidates,), float64
        NaN where a candidate has no such layer; of a list, the number of the choice.
    low, high : float
        Bounds, both included.
    choices : tuple or None
        What ``values`` number, if the search chose from a list; numbers in ascending order.
    is_logarithmic : bool
        Whether it was drawn uniformly in the logarithm.
    """

    name: str
    values: NDArray[np.float64]
    low: float
    high: float
    choices: tuple[Any, ...] | None = None
    is_logarithmic: bool = False

    @property
    def is_searched(self) -> bool:
        """Whether there was anything to choose."""
        return self.low < self.high

    @property
    def is_ordered(self) -> bool:
        """Whether it has an upper and a lower end: names in a list have none."""
        return self.choices is None or _are_numbers(self.choices)

    @property
    def parameter(self) -> str:
        """The parameter of which this is a part."""
        return self.name.partition(" ")[0]

    def spell(self, value: float) -> str:
        """Return a value on the axis as a person reads it."""
        known = self.choices[int(value)] if self.choices else value
        if known is None:
            return "none"
        return f"{known:.4g}" if isinstance(known, float) and known < 1000 else f"{known}"

    def locate(self) -> NDArray[np.float64]:
        """Return where the candidates lie between the bounds, from 0 to 1."""
        scale = np.log if self.is_logarithmic else np.asarray
        low, high = scale(self.low), scale(self.high)
        return np.asarray((scale(self.values) - low) / (high - low), np.float64)

    def can_widen(self, *, upwards: bool) -> bool:
        """Return whether the parameter may have a value beyond its bound: no dropout is below 0."""
        bound = self.high if upwards else self.low
        if self.name == "layers":
            return upwards or bound > 1
        known = self.choices[int(bound)] if self.choices else bound
        if self.parameter == "hidden":
            return PARAMETERS["hidden"].holds([int(known) + (1 if upwards else -1)])
        row = PARAMETERS[self.parameter]
        if row.whole:
            return row.holds(int(known) + (1 if upwards else -1))
        return row.holds(known + (1e-6 if upwards else -1e-6))


def make_axes(candidates: Sequence[Candidate], distributions: Mapping[str, Any]) -> list[Axis]:
    """Return an axis for every parameter that is searched, and for every hidden layer.

    Parameters
    ----------
    candidates : sequence of Candidate
    distributions : mapping of str to object
        As :meth:`~mnistffn.search.space.SearchSpace.distributions` returns them.
    """
    sizes = [candidate.parameters["hidden"] for candidate in candidates]
    axes = _make_layer_axes(sizes, distributions["hidden"])
    for name, distribution in distributions.items():
        if name != "hidden":
            axes.append(_make_axis(name, [c.parameters[name] for c in candidates], distribution))
    return axes


def _make_layer_axes(hidden: Sequence[Sequence[int]], distribution: LayerSizes) -> list[Axis]:
    depths = np.array([len(sizes) for sizes in hidden], np.float64)
    fewest, most = distribution.fewest, len(distribution.layers)
    axes = [Axis("layers", depths, fewest, most)] if fewest < most else []
    for depth, layer in enumerate(distribution.layers[: int(depths.max())]):
        sizes = [row[depth] if depth < len(row) else np.nan for row in hidden]
        axes.append(Axis(f"hidden {depth + 1}", np.array(sizes, np.float64), *layer.support()))
    return axes


def _make_axis(name: str, values: Sequence[Any], distribution: Any) -> Axis:
    if not isinstance(distribution, list):
        low, high = distribution.support()
        return Axis(name, np.array(values, np.float64), low, high, None, name in LOGARITHMIC)
    distinct = list(dict.fromkeys(distribution))
    choices = tuple(sorted(distinct) if _are_numbers(distinct) else distinct)
    numbers = np.array([choices.index(value) for value in values], np.float64)
    return Axis(name, numbers, 0, len(choices) - 1, choices)


def _are_numbers(values: Sequence[Any]) -> bool:
    return all(type(value) in (int, float) for value in values)
