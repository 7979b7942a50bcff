"""From what a user writes about layers and units to indices."""

from collections.abc import Sequence
from typing import Any

from mnistffn.errors import UsageError


def check_layer(layer: int, n_layers: int) -> None:
    """Raise UsageError unless ``layer`` is one of 1 to ``n_layers``."""
    if not 1 <= layer <= n_layers:
        msg = f"there is no layer {layer}: the network has 1 to {n_layers}, the last is the output"
        raise UsageError(msg)


def parse_units(text: str | None, n_units: int) -> list[int]:
    """Return the units that ``text`` names, in its order.

    Parameters
    ----------
    text : str or None
        Indices from 0 and ranges, both ends included; None for all units.
    n_units : int
        Units of the layer.

    Raises
    ------
    UsageError
        It cannot be read, or names a unit that the layer does not have.

    Examples
    --------
    >>> parse_units("0,3,5-7", 10)
    [0, 3, 5, 6, 7]
    """
    if text is None or text == "all":
        return list(range(n_units))
    units = [unit for part in text.split(",") for unit in _parse_part(part.strip(), text)]
    if outside := [unit for unit in units if unit >= n_units]:
        msg = f"there is no unit {outside[0]}: the layer has units 0 to {n_units - 1}"
        raise UsageError(msg)
    return list(dict.fromkeys(units))


def _parse_part(part: str, text: str) -> range:
    first, dash, last = part.partition("-")
    if not first.isdecimal() or (dash and not last.isdecimal()) or (dash and int(last) < int(first)):
        msg = f"units {text!r} cannot be read: write indices and ranges such as 0,3,5-9"
        raise UsageError(msg)
    # A range that starts beyond any layer must not be spelled out: 0-999999999999 is a typing error.
    return range(int(first), min(int(last or first), int(first) + 10**6) + 1)


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


def name_units(
    units: Sequence[int], layer: int, widths: Sequence[int], classes: Sequence[Any]
) -> list[str]:
    """Return how a picture calls units: output units by their class, all others by their index."""
    if layer < len(widths) - 1:
        return [str(unit) for unit in units]
    return [str(classes[unit]) for unit in units]
