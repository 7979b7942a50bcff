"""What a user says about fields and maximizing images, and the lists that it is chosen from."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from mnistffn.errors import ParameterError, check_values

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


PIXELS = ("sigmoid", "free")
STARTS = ("noise", "mean", "real")
LARGEST = 1_000_000  # of a number that an option may be
MOST_RESTARTS = 1000


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
            problem = f"must be one of {', '.join(KINDS)}"
            raise ParameterError(problem, kinds=unknown[0])
        if self.sort is not None and self.sort not in SORTS:
            problem = f"must be one of {', '.join(SORTS)}"
            raise ParameterError(problem, sort=self.sort)
        if self.sort in KINDS and self.sort not in self.kinds:
            problem = f"asks for a kind that is not drawn: add {self.sort}"
            raise ParameterError(problem, sort=self.sort, kinds=self.kinds)
        if self.top is not None and self.top < 1:
            problem = "must be at least 1"
            raise ParameterError(problem, top=self.top)


@dataclass(frozen=True)
class MaximizeOptions:
    """What to maximize, and how.

    Attributes
    ----------
    layer : int or None
        None for the output layer.
    units : str or None
        What :func:`~mnistffn.inside.units.parse_units` reads, an image for each; None for all, or for
        none where there are ``objectives``.
    objectives : tuple of str
        Directions that :func:`~mnistffn.inside.units.parse_objective` reads, an image for each.
    steps : int
        Steps of Adam.
    lr : float
        Its learning rate, on the free numbers behind the pixels.
    pixels : {"sigmoid", "free"}
        Whether pixels keep to [0, 1] or are bounded by the image's norm only.
    norm : float
        Euclidean norm of the image without such a frame, in parts of the training images' median.
    varying : float
        Pixels that differ from their usual value in a smaller part of the training images keep it: a
        dark border stays dark, a bright frame bright. Where the ascent may use them it feeds on the
        border, where training has had little say.
    total_variation : float
        Weight of the total variation against an activation in units of its spread over real images.
    jitter : int or None
        Largest random shift in pixels at every step; None for a fourteenth of the image's side.
    start : {"noise", "mean", "real"}
        Noise, the mean image or one of the real images that excite most, each with noise.
    restarts : int
        Starts of every objective, the best of which is kept.
    seed : int
        Of the noise and the shifts.
    """

    layer: int | None = None
    units: str | None = None
    objectives: tuple[str, ...] = ()
    steps: int = 256
    lr: float = 0.1
    pixels: str = "sigmoid"
    norm: float = 1.0
    varying: float = 0.05
    total_variation: float = 4.0
    jitter: int | None = None
    start: str = "noise"
    restarts: int = 3
    seed: int = 0

    def __post_init__(self) -> None:
        rules: dict[str, tuple[Callable[[Any], bool], str]] = {
            "steps": (lambda v: 1 <= v <= LARGEST, f"from 1 to {LARGEST:,}"),
            "lr": (lambda v: 0 < v <= LARGEST, f"above 0 and at most {LARGEST:,}"),
            "pixels": (lambda v: v in PIXELS, f"one of {', '.join(PIXELS)}"),
            "norm": (lambda v: 0 < v <= LARGEST, f"above 0 and at most {LARGEST:,}"),
            "varying": (lambda v: 0 <= v < 1, "in [0, 1)"),
            "total_variation": (lambda v: 0 <= v <= LARGEST, f"from 0 to {LARGEST:,}"),
            "jitter": (lambda v: v is None or 0 <= v <= LARGEST, f"from 0 to {LARGEST:,}"),
            "start": (lambda v: v in STARTS, f"one of {', '.join(STARTS)}"),
            "restarts": (lambda v: 1 <= v <= MOST_RESTARTS, f"from 1 to {MOST_RESTARTS}"),
        }
        check_values(vars(self), rules)
