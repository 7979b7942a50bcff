"""The exceptions of mnistffn, each with the exit code that a shell sees."""


class MnistffnError(Exception):
    """Something went wrong that a message of one line explains."""

    exit_code = 1


class UsageError(MnistffnError, ValueError):
    """An option or a parameter has a value that makes no sense."""

    exit_code = 2


class GateError(MnistffnError):
    """A threshold that the caller set, such as ``--fail-under``, was not reached."""

    exit_code = 3


class DataError(MnistffnError):
    """A data file cannot be read, or does not hold labelled images."""

    exit_code = 4


class RunDirectoryError(MnistffnError):
    """The run directory lacks what a command needs, or contradicts it."""

    exit_code = 5
