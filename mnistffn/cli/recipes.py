"""What ``--show-recipe`` prints."""

import shutil
from math import ceil

import typer

from mnistffn.training.parameters import RECIPE_PARAMETERS
from mnistffn.training.recipes import RECIPES, get_recipe


def print_recipes(name: str | None, *, as_json: bool) -> None:
    """Print what one recipe sets, or all, a column each; in blocks where the terminal is narrow."""
    columns = RECIPES if name is None else {name: get_recipe(name)}
    if as_json:
        from mnistffn.run.files import to_json

        typer.echo(to_json({"command": "train --show-recipe", "recipes": columns}), nl=False)
        return
    names = ["", *(row.name for row in RECIPE_PARAMETERS)]
    table = [
        _align([title, *(_spell(parameter, recipe.get(parameter)) for parameter in names[1:])])
        for title, recipe in columns.items()
    ]
    longest = max(map(len, names))
    first = [name.ljust(longest) for name in names]
    widest = max(len(column[0]) for column in table)
    n_fitting = max(1, (shutil.get_terminal_size().columns - longest) // widest)
    n = ceil(len(table) / ceil(len(table) / n_fitting))  # so that all blocks are as wide
    blocks = [table[start : start + n] for start in range(0, len(table), n)]
    lines = ["\n".join(map("".join, zip(first, *block, strict=True))) for block in blocks]
    typer.echo("\n\n".join(lines))


def _align(cells: list[str]) -> list[str]:
    """Return the cells of a column, two spaces from the one before it."""
    width = 2 + max(map(len, cells))
    return [cell.rjust(width) for cell in cells]


def _spell(parameter: str, value: object) -> str:
    if value is None:
        return "n/50" if parameter == "batch_size" else "any"
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
