"""How the values of options are read."""

import re
from pathlib import Path

import typer

UNITS = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}


def read_seed(text: str | int) -> int:
    """Return a seed that NumPy and torch take."""
    try:
        seed = int(text)
    except ValueError:
        seed = -1
    if not 0 <= seed < 2**32:
        msg = f"{text!r} is no seed: give a whole number from 0 to {2**32 - 1}"
        raise typer.BadParameter(msg)
    return seed


def read_run_dir(text: str | Path) -> Path:
    """Return the path of a run directory; the empty path would be the current folder."""
    if not str(text).strip():
        msg = "the run directory has no name: give one, such as run, or . for the current folder"
        raise typer.BadParameter(msg)
    return Path(text)


def read_shape(text: str) -> tuple[int, int]:
    """Return height and width from text such as ``20x16``."""
    height, _, width = text.lower().partition("x")
    if not (height.isdecimal() and width.isdecimal() and int(height) > 1 and int(width) > 1):
        msg = f"{text!r} is no height and width such as 20x16"
        raise typer.BadParameter(msg, param_hint="--image-shape")
    return int(height), int(width)


def read_size(text: str) -> int:
    """Return bytes from text such as ``4GB`` or ``500MB``."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMGT]?B)", text.strip().upper())
    if not found or not (size := int(float(found[1]) * UNITS[found[2]])):
        msg = f"{text!r} is no size such as 4GB"
        raise typer.BadParameter(msg, param_hint="--max-size")
    return size


def read_strength(text: str | float) -> float:
    """Return a number from text such as ``0.03`` or ``8/255``."""
    over, _, under = str(text).partition("/")
    try:
        return float(over) / float(under or 1)
    except (ValueError, ZeroDivisionError) as error:
        msg = f"{text!r} is no strength such as 0.03 or 8/255"
        raise typer.BadParameter(msg) from error


def read_sizes(text: str) -> tuple[int, ...]:
    """Return layer sizes from text such as ``360,187``."""
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError as error:
        msg = f"{text!r} is no list of layer sizes such as 360,187"
        raise typer.BadParameter(msg) from error
