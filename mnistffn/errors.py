"""The exceptions of mnistffn, each with the exit code that a shell sees."""

from collections.abc import Callable, Mapping
from typing import Any

# What the program exits with. A signal ends it with 128 and the number of the signal.
EXIT_CODES = {
    0: "done",
    1: "failed",
    2: "wrong usage",
    3: "a gate such as --fail-under not reached",
    4: "bad data file",
    5: "run directory lacks or contradicts what is needed",
    129: "hung up",
    130: "interrupted",
    143: "terminated",
}


class MnistffnError(Exception):
    """Something went wrong that a message of one line explains."""

    exit_code = 1


class UsageError(MnistffnError, ValueError):
    """An option or a parameter has a value that makes no sense."""

    exit_code = 2


class ParameterError(UsageError):
    """Parameters have values that make no sense.

    In Python it reads ``n_trials=0 must be at least 1``, on the command line ``--trials 0 must be …``.

    Parameters
    ----------
    problem : str
        What is wrong with them; it stands behind their names and values.
    **given : object
        The parameters.
    """

    def __init__(self, problem: str, **given: object) -> None:
        super().__init__(problem)
        self.given = given

    def __str__(self) -> str:
        return self.spell(lambda name, value: f"{name}={value!r}")

    def spell(self, spell_one: Callable[[str, object], str]) -> str:
        """Return the message, the parameters in it as ``spell_one`` has them."""
        named = " with ".join(spell_one(name, value) for name, value in self.given.items())
        return f"{named} {self.args[0]}"


class GateError(MnistffnError):
    """A threshold that the caller set, such as ``--fail-under``, was not reached."""

    exit_code = 3


class DataError(MnistffnError):
    """Data cannot be read, or hold no labelled images."""

    exit_code = 4


class RunDirectoryError(MnistffnError):
    """The run directory lacks what a command needs, or contradicts it."""

    exit_code = 5


def check_values(
    values: Mapping[str, Any], rules: Mapping[str, tuple[Callable[[Any], bool], str]]
) -> None:
    """Raise ParameterError for the first value that breaks its rule or is of a wrong type.

    Parameters
    ----------
    values : mapping of str to object
        All that the rules name.
    rules : mapping of str to (callable, str)
        What must hold of each, and how a message says so.
    """
    for name, (holds, rule) in rules.items():
        value = values[name]
        try:
            kept = holds(value)
        except TypeError:
            kept = False
        if not kept:
            problem = f"must be {rule}"
            raise ParameterError(problem, **{name: value})
