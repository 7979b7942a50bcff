"""What a user says about a search, and the rounds that come of it."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import floor, inf, log
from typing import Any, Literal, get_args

from mnistffn.errors import check_values
from mnistffn.training.parameters import Device, Precision, check_ranges, check_tunable
from mnistffn.training.recipes import DEFAULT_RECIPE, get_recipe

Strategy = Literal["random", "halving"]
STRATEGIES = get_args(Strategy)
Select = Literal["best", "one-se"]
SELECTIONS = get_args(Select)
FACTOR = 4  # of halving: a quarter of the candidates goes on, with four times as many images
FEWEST_IMAGES = 100
SCHEDULER = re.compile(r"local:[1-9]\d{0,3}|(tcp|tls|ws|wss)://(\[[\da-fA-F:.]+\]|[\w.-]+):\d{1,5}")
MAX_EPOCHS = 5


@dataclass(frozen=True)
class SearchOptions:
    """How the search goes about it.

    Attributes
    ----------
    n_trials, n_folds : int
        Candidates, and folds of the cross-validation of each.
    max_epochs : int
        Epochs of one fit, at the most.
    recipe : str
        One of :data:`~mnistffn.training.recipes.RECIPES`: sets what is not searched.
    strategy : {"random", "halving"}
        See :func:`random_search`.
    time_limit : float or None
        Seconds after which no fit goes on; None for no limit.
    parameters : mapping of str to object
        Parameters of :class:`~mnistffn.FeedForwardClassifier` that differ from the recipe's. With
        patience, a fit is stopped early on a validation part inside its training fold; like the
        number of epochs, it is not handed on to the training.
    precision : {"float32", "tf32", "bf16"}
    device : {"auto", "cpu", "cuda", "mps"}
        In which numbers and where the candidates are trained; not handed on either.
    n_jobs : int or None
        Fits side by side, each in a process of its own with one thread; None for one a core.
    seed : int or None
        None for the seed of the run's split, or 0.
    select : {"best", "one-se"}
        Which candidate is handed on: the one with the highest mean accuracy, or the smallest network
        within one standard error of it (Breiman and others, 1984).
    scheduler : str or None
        Address of a Dask scheduler whose workers carry out the fits, such as ``tcp://host:8786``, or
        ``local:4`` for a cluster of four workers on this machine; None for none. ``n_jobs`` is then by
        default one for each thread of the workers.
    """

    n_trials: int = 12
    n_folds: int = 3
    max_epochs: int = MAX_EPOCHS
    recipe: str = DEFAULT_RECIPE
    strategy: Strategy = "random"
    time_limit: float | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    precision: Precision = "float32"
    device: Device = "cpu"
    n_jobs: int | None = None
    seed: int | None = None
    select: Select = "best"
    scheduler: str | None = None

    def __post_init__(self) -> None:
        get_recipe(self.recipe)
        for name in set(self.parameters) - {"patience"}:
            check_tunable(name)
        check_values(vars(self), _RULES)
        check_ranges({name: getattr(self, name) for name in ("max_epochs", "precision", "device")})


_RULES: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "strategy": (lambda v: v in STRATEGIES, f"one of {', '.join(STRATEGIES)}"),
    "select": (lambda v: v in SELECTIONS, f"one of {', '.join(SELECTIONS)}"),
    "time_limit": (lambda v: v is None or 0 < v < inf, "above 0 and finite"),
    "scheduler": (
        lambda v: v is None or SCHEDULER.fullmatch(v) is not None,
        "like tcp://HOST:PORT or local:WORKERS",
    ),
    "n_trials": (lambda v: v >= 1, "at least 1"),
    "n_folds": (lambda v: v >= 2, "at least 2"),
    "n_jobs": (lambda v: v is None or v >= 1, "at least 1"),
}


def plan_rounds(options: SearchOptions, n: int) -> list[tuple[int, int | None]]:
    """Return how many candidates every round of a search tries, and on how many images of each fold.

    Parameters
    ----------
    options : SearchOptions
    n : int
        Images of all folds.

    Returns
    -------
    list of (int, int or None)
        None for all images of the folds that are trained on.

    Examples
    --------
    >>> plan_rounds(SearchOptions(n_trials=12), 54000)
    [(12, None)]
    >>> plan_rounds(SearchOptions(n_trials=12, strategy="halving"), 54000)
    [(12, 2250), (3, 9000)]
    """
    if options.strategy == "random":
        return [(options.n_trials, None)]
    # Counted as scikit-learn does. The last round has a quarter of the images: that is enough to tell
    # candidates apart, and all of them would double the time.
    most = n - -(-n // options.n_folds)
    n_rounds = 1 + floor(log(options.n_trials, FACTOR))
    fewest = min(most, max(FEWEST_IMAGES, most // FACTOR**n_rounds))
    n_rounds = min(n_rounds, 1 + floor(log(most // fewest, FACTOR)))
    rounds, n_candidates = [], options.n_trials
    for round_ in range(n_rounds):
        rounds.append((n_candidates, fewest * FACTOR**round_))
        n_candidates = -(-n_candidates // FACTOR)
    return rounds
