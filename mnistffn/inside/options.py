"""What a user says about fields, and the lists that it is chosen from."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from mnistffn.errors import UsageError

Kind = Literal["filter", "gradient", "average", "pattern"]
KINDS: tuple[Kind, ...] = get_args(Kind)
MEANINGS: Mapping[Kind, str] = {
    "filter": "weights, as if without activations",
    "gradient": "mean gradient by the pixels",
    "average": "mean of what turns it on",
    "pattern": "what goes with its activation",
}
# Orders of the units, and what the help adds to their names. A kind stands for its R².
SORTS: Mapping[str, str] = {
    "unit": "",
    "class": "that it prefers",
    "selectivity": "",
    "on": "how often",
    "outgoing": "strongest weight",
    "effect": "of silencing it on the predictions",
    "ablation": "what accuracy loses by that: mostly noise",
} | dict.fromkeys(KINDS, "")


@dataclass(frozen=True)
class FieldsOptions:
    """Which fields to draw.

    Attributes
    ----------
    layer : int or None
        None for the output layer.
    units : str or None
        What :func:`~mnistffn.inside.units.parse_units` reads; None for all.
    kinds : tuple of {"filter", "gradient", "average", "pattern"}
    sort : str or None
        Order of the units, one of :data:`SORTS`; a kind stands for its R². None for that in which they
        are named, or where ``top`` is given by ``effect``, in the output layer by ``ablation``.
    top : int or None
        Only so many of the units, the first ones in this order.
    """

    layer: int | None = None
    units: str | None = None
    kinds: tuple[str, ...] = KINDS
    sort: str | None = None
    top: int | None = None

    def __post_init__(self) -> None:
        if unknown := [kind for kind in self.kinds if kind not in KINDS]:
            msg = f"kind={unknown[0]!r} must be one of {', '.join(KINDS)}"
            raise UsageError(msg)
        if self.sort is not None and self.sort not in SORTS:
            msg = f"sort={self.sort!r} must be one of {', '.join(SORTS)}"
            raise UsageError(msg)
        if self.sort in KINDS and self.sort not in self.kinds:
            msg = f"sort={self.sort!r} asks for a kind that is not drawn: add --kind {self.sort}"
            raise UsageError(msg)
        if self.top is not None and self.top < 1:
            msg = f"top={self.top} must be at least 1"
            raise UsageError(msg)
