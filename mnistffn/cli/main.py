"""The command line: options in, one call of the core, results printed.

Nothing here imports torch before a command runs, so that ``--help`` answers at once.
"""

import codecs
import gc
import io
import os
import re
import shutil
import sys
import traceback
import unicodedata
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperCommand, TyperGroup

from mnistffn.cli import (
    compare,
    data,
    evaluate,
    explain,
    export,
    fields,
    maximize,
    predict,
    report,
    search,
    status,
    train,
)
from mnistffn.cli.command import Command
from mnistffn.cli.signals import Stopped, end
from mnistffn.cli.wrap import TOGETHER, wrap
from mnistffn.errors import EXIT_CODES, MnistffnError

PLAIN = {"±": "+-", "–": "-", "—": "-", "−": "-", "→": "->", "×": "x", "…": "...", "’": "'"}  # noqa: RUF001


class CommandGroup(TyperGroup):
    """Turns every error into one line on stderr and an exit code."""

    def main(self, *args: Any, **extra: Any) -> NoReturn:
        """Run the command line and exit with its code."""
        codecs.register_error("readable", _spell_in_ascii)
        for name in ("stdout", "stderr"):
            if getattr(sys, name) is None:  # closed by the shell
                setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115
            if isinstance(stream := getattr(sys, name), io.TextIOWrapper):
                stream.reconfigure(errors="readable")
        if not {"FORCE_COLOR", "PY_COLORS"} & os.environ.keys():
            # Typer's help would take the log of a GitHub action for a terminal.
            os.environ.pop("GITHUB_ACTIONS", None)
        try:
            code = super().main(*args, **extra | {"standalone_mode": False})
        except MnistffnError as error:
            code = _report(str(error), error.exit_code)
        except typer.TyperException as error:
            context = getattr(error, "ctx", None)
            see = f"{context.command_path} --help".replace(" ", TOGETHER) if context else ""
            hint = f" (see {see})" if see else ""
            # Empty where the help was printed already; pydantic says that it is of a value.
            message = error.format_message().replace(": Value error, ", ": ")
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


def _spell_in_ascii(error: UnicodeError) -> tuple[str, int]:
    """Return something readable for what a terminal's encoding does not have."""
    assert isinstance(error, UnicodeEncodeError)
    text = error.object[error.start : error.end]
    for character, plain in PLAIN.items():
        text = text.replace(character, plain)
    known = unicodedata.normalize("NFKD", text).encode("ascii", "replace")
    return known.decode(), error.end


def _report(message: str, code: int) -> int:
    if os.environ.get("MNISTFFN_DEBUG"):
        traceback.print_exc()
    line = re.sub(r"[ \t\r\n]+", " ", f"error: {message}")
    width = shutil.get_terminal_size().columns if sys.stderr.isatty() else None
    sys.stderr.write(f"{wrap(line, width)}\n")
    return code


app = typer.Typer(
    cls=CommandGroup,
    invoke_without_command=True,
    epilog=f"Exit codes: {', '.join(f'{code} {meaning}' for code, meaning in EXIT_CODES.items())}.",
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
    context: typer.Context,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """Tune, train, test and look inside a feed-forward network on MNIST-like images.

    The commands share a run directory: first search, then train, then the others in any order.
    """
    if context.invoked_subcommand is None:
        status.show_pipeline()


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
report.register(app)
status.register(app)

for registered in app.registered_commands:
    if registered.cls is TyperCommand:
        registered.cls = Command
