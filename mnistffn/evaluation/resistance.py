"""What earlier evaluations under attack say of runs that are compared, and what they leave out."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnistffn.evaluation.contender import Contender
from mnistffn.evaluation.robustness import PGD_STEPS
from mnistffn.run.manifest import DATA

USUAL = ("linf", PGD_STEPS, 1, 0.1)  # the attack to ask for where there was none


@dataclass(frozen=True, order=True)
class Conditions:
    """How images were attacked: networks are compared under the same conditions only."""

    norm: str
    n_steps: int
    n_restarts: int
    strength: float

    def spell(self, strengths: Sequence[float] = ()) -> str:
        """Return the command that attacks so, and with other strengths as well."""
        spelled = ",".join(f"{strength:g}" for strength in sorted({self.strength, *strengths}))
        norm = "" if self.norm == "linf" else f" --attack-norm {self.norm}"
        restarts = "" if self.n_restarts == 1 else f" --restarts {self.n_restarts}"
        return f"evaluate --attack {spelled}{norm}{restarts}"


@dataclass(frozen=True, eq=False)
class Resistance:
    """What was left of a network's accuracy under attack.

    Attributes
    ----------
    accuracies : mapping of Conditions to mapping
        The ``accuracy``, and its 95% ``interval``.
    norm : {"linf", "l2"}
    smallest : ndarray of shape (n,), float64
        The smallest strength found to fool it on each image; infinite where none was.
    """

    accuracies: dict[Conditions, dict[str, Any]]
    norm: str
    smallest: NDArray[np.float64]


def read_resistance(contender: Contender) -> Resistance | None:
    """Return what is known of a run's test part under attack; None where nothing up to date is."""
    stage = contender.run.find_current("attack", "robustness.json")
    if stage is None or DATA not in stage.inputs:
        return None
    if contender.run.find_current("attack", "robustness.npz") is None:
        return None
    content = contender.run.read_json("robustness.json")
    how = content["norm"], content["n_steps"], content["n_restarts"]
    accuracies = {
        Conditions(*how, row["strength"]): {key: row[key] for key in ("accuracy", "interval")}
        for row in content["accuracies"]
    }
    with np.load(contender.run.path / "robustness.npz") as arrays:
        return Resistance(accuracies, content["norm"], arrays["smallest_strength"])


def choose_conditions(resistances: Sequence[Resistance | None]) -> Conditions | None:
    """Return the conditions under which most networks were attacked, of those the strongest."""
    counts = Counter(how for found in resistances if found for how in found.accuracies)
    return max(counts, key=lambda how: (counts[how], how.strength, how), default=None)


def list_missing(
    contenders: Sequence[Contender],
    resistances: Sequence[Resistance | None],
    conditions: Conditions | None,
) -> list[str]:
    """Return a line for every network that was not attacked so, with the command that does it."""
    how = conditions or Conditions(*USUAL)
    lines = []
    for contender, found in zip(contenders, resistances, strict=True):
        if found and how in found.accuracies:
            continue
        # What is there already is measured again, since the command replaces it.
        strengths = [other.strength for other in found.accuracies] if found else []
        why = "was attacked otherwise" if found else "has no accuracy under attack that is up to date"
        command = contender.spell(how.spell(strengths if found and found.norm == how.norm else ()))
        if seen := contender.summarise_training()["validation_under_attack"]:
            told = f"{seen['accuracy']:.4f} of its validation images at {seen['strength']:g}"
            why += f" (its training found {told}, {seen['norm']})"
        lines.append(f"{contender.name} {why}: run {command}")
    return lines
