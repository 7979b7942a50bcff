"""What every command does beside its work: it remembers what was typed, and its errors name that."""

import shlex
from functools import partial
from typing import Any

import typer
from typer.core import TyperCommand

from mnistffn.errors import ParameterError, UsageError

TYPED = "mnistffn.typed"  # what was typed behind the command's name, in its context's ``meta``


class Command(TyperCommand):
    """A command whose errors name options where the core's name parameters.

    A parameter of a command is called as the core calls it, whatever its option is called.
    """

    def make_context(self, info_name: str | None, args: list[str], *others: Any, **extra: Any) -> Any:
        """Read the options, and keep them as they were typed."""
        typed = list(args)  # reading them uses them up
        context = super().make_context(info_name, args, *others, **extra)
        context.meta[TYPED] = typed
        return context

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except ParameterError as error:
            raise UsageError(error.spell(partial(_spell_parameter, ctx))) from error


def repeat_command(context: typer.Context, *leave_out: str) -> str:
    """Return the command that was typed, as a shell takes it, without --run-dir and some flags."""
    typed = iter(context.meta[TYPED])
    words = []
    for word in typed:
        if word in ("-r", "--run-dir"):
            next(typed)
        elif word not in leave_out and not word.startswith("--run-dir="):
            words.append(word)
    return shlex.join([str(context.info_name), *words])


def _spell_parameter(context: typer.Context, name: str, value: object) -> str:
    """Return a parameter as the option that was typed; by its name where it has none of its own."""
    option = next((p for p in context.command.params if p.name == name), None)
    if option is None:
        tune = "--tune " if "tune" in context.params else ""
        return f"{tune}{name}={_spell_value(value, ':')}"
    if isinstance(value, bool):
        return option.opts[0] if value else option.secondary_opts[0]
    typed = context.params[name]
    return f"{option.opts[0]} {_spell_value(value if typed is None or option.multiple else typed, ' ')}"


def _spell_value(value: object, between: str) -> str:
    if isinstance(value, tuple):
        return between.join(map(str, value))
    if isinstance(value, float) and value.is_integer():
        return f"{value:g}"
    return shlex.quote(value) if isinstance(value, str) and " " not in value.strip() else str(value)
