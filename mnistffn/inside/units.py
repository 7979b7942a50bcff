"""From what a user writes about layers and units to indices."""

import re
from collections.abc import Sequence
from typing import Any

from mnistffn.errors import UsageError

MEAN = "mean"
# As many digits as any sensible number has: Python refuses to read thousands.
NUMBER = re.compile(r"[0-9]{1,18}")
TERM = re.compile(r"([+-]?)(?:([0-9]{0,9}\.?[0-9]{1,9})\*)?([0-9]{1,9})")
NAMED_TERM = re.compile(r"([+-]?)(?:([0-9]{0,9}\.?[0-9]{1,9})\*)?(\w+)")  # of classes with names


def check_layer(layer: int, n_layers: int) -> None:
    """Raise UsageError unless ``layer`` is one of 1 to ``n_layers``."""
    if not 1 <= layer <= n_layers:
        msg = f"there is no layer {layer}: the network has 1 to {n_layers}, the last is the output"
        raise UsageError(msg)


def parse_units(text: str | None, names: Sequence[str]) -> list[int]:
    """Return the units that ``text`` names, in its order, as indices from 0.

    Parameters
    ----------
    text : str or None
        Names and ranges, both ends included; None for all units.
    names : sequence of str
        Of the layer's units, see :func:`name_units`.

    Raises
    ------
    UsageError
        It cannot be read, or names a unit that the layer does not have.

    Examples
    --------
    >>> parse_units("0,3,5-7", [str(unit) for unit in range(10)])
    [0, 3, 5, 6, 7]
    """
    if text is None or text == "all":
        return list(range(len(names)))
    parts = [part.strip() for part in text.split(",")]
    found = [n for part in parts for n in ([part] if part in names else _parse_part(part, text))]
    return list(dict.fromkeys(_find(name, names) for name in found))


def _parse_part(part: str, text: str) -> list[str]:
    first, dash, last = part.partition("-")
    numbers = [first, last] if dash else [first]
    if not all(NUMBER.fullmatch(number) for number in numbers) or int(numbers[-1]) < int(first):
        msg = f"units {text!r} cannot be read: write indices and ranges such as 0,3,5-9"
        raise UsageError(msg)
    # A range that starts beyond any layer must not be spelled out: 0-999999999999 is a typing error.
    return [str(n) for n in range(int(first), min(int(last or first), int(first) + 10**6) + 1)]


def parse_objective(text: str, names: Sequence[str]) -> list[float]:
    """Return the direction in a layer that ``text`` describes: a weight for every unit.

    Parameters
    ----------
    text : str
        Units with their weights, such as ``17``, ``4-9`` or ``0.5*3+2*7``; or ``mean``.
    names : sequence of str
        Of the layer's units, see :func:`name_units`.

    Raises
    ------
    UsageError
        It cannot be read, names a unit that the layer does not have, or weighs nothing.

    Examples
    --------
    >>> parse_objective("2-0.5*0", ["0", "1", "2"])
    [-0.5, 0.0, 1.0]
    >>> parse_objective("mean", ["0", "1"])
    [0.5, 0.5]
    """
    compact = re.sub(r"\s*([+*-])\s*", r"\1", text.strip())
    if compact == MEAN:
        return [1 / len(names)] * len(names)
    term = TERM if all(name.isdecimal() for name in names) else NAMED_TERM
    terms = [("", "", compact)] if compact in names else term.findall(compact)
    objective = rf"{term.pattern}(?:(?=[+-]){term.pattern})*"
    if compact not in names and not re.fullmatch(objective, compact):
        msg = f"objective {text!r} cannot be read: write {MEAN} or a sum such as 4-9 or 0.5*3+7"
        raise UsageError(msg)
    weights = [0.0] * len(names)
    for sign, weight, name in terms:
        weights[_find(name, names)] += float(f"{sign}{weight or 1}")
    if not any(weights):
        msg = f"objective {text!r} weighs nothing"
        raise UsageError(msg)
    return weights


def _find(name: str, names: Sequence[str]) -> int:
    plain = str(int(name)) if name.isdecimal() else name  # 03 is 3
    if plain in names:
        return names.index(plain)
    are_numbers = names[0].isdecimal() and names[-1].isdecimal()
    is_range = are_numbers and int(names[-1]) - int(names[0]) == len(names) - 1
    shown = f"{names[0]} to {names[-1]}" if is_range else ", ".join(names)
    msg = f"there is no unit {name}: the layer has units {shown}"
    raise UsageError(msg)


def describe_layer(layer: int, widths: Sequence[int]) -> str:
    """Return how a picture calls a layer of a network with these widths, the input's first.

    Examples
    --------
    >>> describe_layer(1, [784, 360, 187, 10])
    'layer 1 of 784-360-187-10'
    >>> describe_layer(3, [784, 360, 187, 10])
    'layer 3 (output) of 784-360-187-10'
    """
    output = " (output)" if layer == len(widths) - 1 else ""
    return f"layer {layer}{output} of {'-'.join(map(str, widths))}"


def name_units(widths: Sequence[int], classes: Sequence[Any]) -> list[list[str]]:
    """Return how pictures and users call the units of every layer, the first layer first.

    Those of the output layer by their class, all others by their index from 0.

    Examples
    --------
    >>> name_units([64, 3, 2], [7, 9])
    [['0', '1', '2'], ['7', '9']]
    """
    hidden = [[str(unit) for unit in range(width)] for width in widths[1:-1]]
    return [*hidden, [str(label) for label in classes]]
