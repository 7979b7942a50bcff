"""What ``--show-recipe`` prints."""

import typer

from mnistffn.training.parameters import RECIPE_PARAMETERS
from mnistffn.training.recipes import RECIPES, get_recipe


def print_recipes(name: str | None, *, as_json: bool) -> None:
    """Print what one recipe sets, or all of them, a column each."""
    columns = RECIPES if name is None else {name: get_recipe(name)}
    if as_json:
        from mnistffn.run.files import to_json

        typer.echo(to_json({"command": "train --show-recipe", "recipes": columns}), nl=False)
        return
    rows = [["", *columns]]
    for parameter in (row.name for row in RECIPE_PARAMETERS):
        values = (_spell(parameter, recipe.get(parameter)) for recipe in columns.values())
        rows.append([parameter, *values])
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for first, *others in rows:
        cells = (f"{cell:>{width}}" for cell, width in zip(others, widths[1:], strict=True))
        typer.echo("  ".join([f"{first:<{widths[0]}}", *cells]))


def _spell(parameter: str, value: object) -> str:
    if value is None:
        return "n/50" if parameter == "batch_size" else "any"
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
