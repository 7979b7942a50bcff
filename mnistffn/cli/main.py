"""The command line: options in, one call of the core, results printed.

Nothing here imports torch before a command runs, so that ``--help`` answers at once.
"""

import gc
import os
import sys
import traceback
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup

from mnistffn.cli import (
    compare,
    data,
    evaluate,
    explain,
    export,
    fields,
    maximize,
    predict,
    search,
    train,
)
from mnistffn.cli.signals import Stopped, end
from mnistffn.errors import MnistffnError


class CommandGroup(TyperGroup):
    """Turns every error into one line on stderr and an exit code."""

    def main(self, *args: Any, **extra: Any) -> NoReturn:
        """Run the command line and exit with its code."""
        for name in ("stdout", "stderr"):
            if getattr(sys, name) is None:  # closed by the shell
                setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115
        try:
            code = super().main(*args, **extra | {"standalone_mode": False})
        except MnistffnError as error:
            code = _report(str(error), error.exit_code)
        except typer.TyperException as error:
            context = getattr(error, "ctx", None)
            hint = f" (see {context.command_path} --help)" if context else ""
            message = error.format_message()  # empty where the help was printed already
            code = _report(f"{message}{hint}", error.exit_code) if message else error.exit_code
        except Stopped as stopped:
            code = _report(str(stopped), stopped.code)
        except OSError as error:
            code = _report(f"the output cannot be written: {error}", MnistffnError.exit_code)
        except MemoryError as error:
            code = _report(f"out of memory: {error}", MnistffnError.exit_code)
        except Exception as error:
            message = f"{type(error).__name__}: {error}; set MNISTFFN_DEBUG=1 for the traceback"
            code = _report(f"unexpected {message}", MnistffnError.exit_code)
        gc.freeze()  # the last collection would look through all of torch: 0.2 s
        end(code or 0)


def _report(message: str, code: int) -> int:
    if os.environ.get("MNISTFFN_DEBUG"):
        traceback.print_exc()
    line = " ".join(message.split())
    sys.stderr.write(f"error: {line}\n")
    return code


app = typer.Typer(
    cls=CommandGroup,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(requested: bool) -> None:
    if requested:
        from mnistffn import __version__

        typer.echo(f"mnistffn {__version__}")
        raise typer.Exit


@app.callback()
def callback(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """Tune, train, test and look inside a feed-forward network on MNIST-like images.

    The commands share a run directory: first search, then train, then the others in any order.
    """


data.register(app)
search.register(app)
train.register(app)
evaluate.register(app)
fields.register(app)
maximize.register(app)
explain.register(app)
predict.register(app)
compare.register(app)
export.register(app)
