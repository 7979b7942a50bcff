"""Reading a trained network together with what it was trained with."""

from os import PathLike

from mnistffn.errors import RunDirectoryError, UsageError
from mnistffn.network.modelfile import Model, read_model
from mnistffn.training.parameters import PARAMETERS, check_parameters


def read_trained(path: str | PathLike[str]) -> Model:
    """Read a model whose parameters are all those of a classifier, within their ranges.

    Raises
    ------
    RunDirectoryError
        There is no such file, or it is not a model of this program.
    """
    model = read_model(path)
    try:
        if set(model.parameters) != {*PARAMETERS, "random_state"}:
            msg = "its parameters are not those of a classifier"
            raise UsageError(msg)
        check_parameters(model.parameters)
    except (TypeError, UsageError) as error:
        msg = f"{path} is damaged ({error}): run mnistffn train again"
        raise RunDirectoryError(msg) from error
    return model
