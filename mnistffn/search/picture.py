"""What search.png is drawn from."""

import json

import numpy as np

from mnistffn.figures.search import Panel, SearchPicture
from mnistffn.search.axes import Axis
from mnistffn.search.report import describe_importance, describe_winner, spell_name
from mnistffn.search.result import SearchResult


def make_picture(result: SearchResult) -> SearchPicture:
    """Return what search.png is drawn from."""
    findings, candidates = result.findings, result.candidates
    numbers: dict[str, int] = {}
    for candidate in candidates:
        numbers.setdefault(json.dumps(candidate.parameters), len(numbers))
    edges = {edge.name: edge for edge in findings.edges}
    shares = findings.importance.shares
    panels = []
    for axis in [axis for axis in findings.axes if axis.is_searched] or findings.axes:
        edge = edges.get(axis.name)
        panels.append(
            Panel(
                _label(axis),
                spell_name(axis.name),
                axis.values,
                (axis.low, axis.high),
                _spell_value_of_best(axis),
                tuple(axis.spell(number) for number in range(len(axis.choices or ()))),
                axis.is_logarithmic,
                f"{edge.direction} {edge.bound}" if edge else "",
                shares.get(axis.name, np.nan),
            )
        )
    return SearchPicture(
        accuracies=np.array([candidate.accuracies for candidate in candidates]),
        candidates=np.array([numbers[json.dumps(c.parameters)] for c in candidates]),
        images=np.array([c.n_images or 0 for c in candidates]),
        panels=panels,
        smallest=next(i for i, c in enumerate(candidates) if c is findings.smallest),
        standard_error=findings.accuracy.standard_error,
        chance=findings.importance.chance,
        measured=(findings.importance.n_candidates, findings.importance.n_images or 0),
        lines=describe_winner(result),
        importance=describe_importance(findings),
    )


def _label(axis: Axis) -> str:
    if axis.parameter == "hidden":
        return f"units of hidden layer {axis.name.partition(' ')[2]}"
    return "hidden layers" if axis.name == "layers" else spell_name(axis.name)


def _spell_value_of_best(axis: Axis) -> str:
    return "none" if np.isnan(axis.values[0]) else axis.spell(axis.values[0])
