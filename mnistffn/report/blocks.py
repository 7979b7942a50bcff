"""What the page is made of: plain text and numbers, which the template alone turns into HTML."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import isnan
from typing import Any

NOTHING = "-"  # a number that is not defined


@dataclass(frozen=True)
class Heading:
    """A heading within a section; ``id`` is what a link goes to."""

    id: str
    text: str
    kind: str = "heading"


@dataclass(frozen=True)
class Text:
    """A paragraph."""

    text: str
    kind: str = "text"


@dataclass(frozen=True)
class Note:
    """What is out of date or missing, and the command that mends it."""

    text: str
    command: str
    kind: str = "note"


@dataclass(frozen=True)
class Facts:
    """Names and what they stand for; ``title`` folds them away under it."""

    entries: Sequence[tuple[str, str]]
    title: str = ""
    kind: str = "facts"


@dataclass(frozen=True)
class Tiles:
    """The few numbers that count: value, what it is, and what goes with it."""

    tiles: Sequence[tuple[str, str, str]]
    kind: str = "tiles"


@dataclass(frozen=True)
class Table:
    """A table that scrolls in a box of its own.

    Attributes
    ----------
    caption : str
    columns : sequence of str
    rows : sequence of sequence of str
        The first cell of a row names it.
    folded : bool
        Whether it is shown only to who asks for it.
    """

    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    folded: bool = False
    kind: str = "table"


@dataclass(frozen=True)
class Picture:
    """A picture of the run directory, by its file's name."""

    file: str
    alt: str
    caption: str
    kind: str = "picture"


@dataclass(frozen=True)
class Unit:
    """A unit of a layer: its card is shown where a pointer or the keyboard is at its name.

    Attributes
    ----------
    id, name, hint : str
        Where it is on the page, what it is called, and what stands beside its name.
    groups : list of (title, entries)
        What its numbers are from, and the numbers.
    card : str
        Where the page shows its picture, if it does.
    """

    id: str
    name: str
    hint: str
    groups: list[tuple[str, list[tuple[str, str]]]] = field(default_factory=list)
    card: str = ""


@dataclass(frozen=True)
class Units:
    """The units of a layer about which something is known."""

    caption: str
    units: Sequence[Unit]
    kind: str = "units"


@dataclass(frozen=True)
class Commands:
    """Commands to type, each with what it does."""

    commands: Sequence[tuple[str, str]]
    kind: str = "commands"


Block = Heading | Text | Note | Facts | Tiles | Table | Picture | Units | Commands


@dataclass(frozen=True)
class Section:
    """A section of the page with its place in the table of contents."""

    id: str
    title: str
    blocks: Sequence[Block]

    @property
    def is_stale(self) -> bool:
        """Whether a part of it is out of date or missing."""
        return any(isinstance(block, Note) for block in self.blocks)


def spell(value: float | None, digits: int = 4) -> str:
    """Return a number with so many digits behind the point.

    Examples
    --------
    >>> spell(0.98765), spell(None)
    ('0.9877', '-')
    """
    return NOTHING if value is None or isnan(value) else f"{value:.{digits}f}"


def spell_part(value: float | None) -> str:
    """Return a part of 1 in percent."""
    return NOTHING if value is None else f"{value:.1%}"


def spell_short(value: float | None) -> str:
    """Return a number with three digits that count."""
    return NOTHING if value is None else f"{value:.3g}"


def spell_interval(interval: Sequence[float], digits: int = 4) -> str:
    """Return the ends of an interval."""
    low, high = interval
    return f"{low:.{digits}f} to {high:.{digits}f}"


def spell_option(value: Any) -> str:
    """Return an option's value as a person reads it.

    Examples
    --------
    >>> spell_option([360, 187]), spell_option(None), spell_option({"lr": 0.1})
    ('360, 187', 'none', 'lr: 0.1')
    """
    if value is None or value in ([], {}):
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {spell_option(part)}" for name, part in value.items())
    if isinstance(value, list):
        return ", ".join(map(spell_option, value))
    return f"{value:g}" if isinstance(value, float) else str(value)
