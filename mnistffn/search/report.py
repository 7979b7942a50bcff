"""What a search found, in words and as JSON."""

from dataclasses import asdict
from typing import Any

from mnistffn.search.analysis import Findings, estimate_accuracy
from mnistffn.search.importance import FEWEST
from mnistffn.search.result import Candidate, SearchResult
from mnistffn.wording import count

SPECIAL_OPTIONS = ("hidden", "layers", "dropout")  # all other parameters are searched by --tune


def summarise(result: SearchResult) -> dict[str, Any]:
    """Return what params.json holds: the parameters of the candidate that was selected."""
    return result.parameters | {"cv_accuracy": _summarise_accuracy(result.selected)}


def list_findings(result: SearchResult) -> dict[str, Any]:
    """Return what ``--json`` tells of a search, beside its candidates."""
    findings = result.findings
    importance = asdict(findings.importance)
    if not findings.importance.shares:
        importance["chance"] = None  # JSON has no NaN
    return {
        "best": _list_candidate(result, result.best, findings.n_parameters[0]),
        "smallest": _list_candidate(result, findings.smallest, findings.n_parameters[1]),
        "select": result.select,
        "n_within_one_standard_error": findings.n_within,
        "n_compared": findings.n_compared,
        "importance": importance,
        "edges": [asdict(edge) for edge in findings.edges],
    }


def _list_candidate(result: SearchResult, candidate: Candidate, n_parameters: int) -> dict[str, Any]:
    parameters = {"recipe": result.recipe} | candidate.parameters | result.fixed
    return {
        "parameters": parameters,
        "n_parameters": n_parameters,
        "n_images": candidate.n_images,
    } | _summarise_accuracy(candidate)


def _summarise_accuracy(candidate: Candidate) -> dict[str, Any]:
    found = estimate_accuracy(candidate.accuracies)
    return {
        "mean": candidate.mean,
        "std": candidate.std,
        "standard_error": found.standard_error,
        "interval": [found.low, found.high],
        "accuracies": list(candidate.accuracies),
    }


def describe_winner(result: SearchResult) -> list[str]:
    """Return lines on the best candidate, on the smallest that is as good, and on how sure that is."""
    findings, best = result.findings, result.best
    images = "" if best.n_images is None else f", trained on {count(best.n_images, 'image')}"
    found, n_folds = findings.accuracy, count(len(best.accuracies), "fold")
    lines = [
        f"best: {spell_parameters(best)}",
        f"accuracy {found.mean:.4f}, 95% interval {found.low:.4f} to {found.high:.4f} over {n_folds}, "
        f"{count(findings.n_parameters[0], 'parameter')}{images}",
    ]
    if findings.n_compared == 1:
        alone = "it was compared with no other candidate"
        return [*lines, f"{alone} on as many images" if best.n_images else alone]
    last = "" if best.n_images is None else " of the last round"
    if findings.n_within == 1:
        others = f"none of the {findings.n_compared - 1} others{last} is"
    else:
        others = f"{findings.n_within} of {findings.n_compared} candidates{last} are"
    lines.append(f"{others} within one standard error ({found.standard_error:.4f}) of the best")
    if findings.smallest is not best:
        lines.append(
            f"the smallest of them: {spell_parameters(findings.smallest)} "
            f"({findings.n_parameters[1]:,} parameters): accuracy {findings.smallest.mean:.4f}"
        )
    elif findings.n_within > 1:
        lines.append("the best is also the smallest of them")
    return lines


def describe_result(result: SearchResult) -> list[str]:
    """Return all lines that the terminal tells beside the table."""
    name = "the best" if result.selected is result.best else "the smallest of them"
    handed_on = f"params.json has {name} (--select {result.select})"
    return [*describe_winner(result), handed_on, describe_importance(result.findings)]


def describe_edges(findings: Findings) -> list[str]:
    """Return a line for every bound at which the best candidates lie: what to search next."""
    lines = []
    for edge in findings.edges:
        name = edge.name.partition(" ")[0]
        option = f"--{name}" if name in SPECIAL_OPTIONS else f"--tune {name}"
        end = "upper" if edge.direction == "above" else "lower"
        who = "the best candidate lies" if findings.n_within == 1 else "the best candidates lie"
        lines.append(
            f"{who} at the {end} bound of {spell_name(edge.name)}, {edge.bound}, "
            f"and accuracy rises towards it: search {edge.direction} it too ({option})"
        )
    return lines


def describe_importance(findings: Findings) -> str:
    """Return a line that says which parameters mattered, or that this cannot be told."""
    importance = findings.importance
    if not importance.shares:
        return (
            f"too few candidates to tell which parameters mattered: {importance.n_candidates}, "
            f"and it takes {FEWEST} at least"
        )
    if not importance.clear:
        return f"{count(importance.n_candidates, 'candidate')} cannot tell which parameters mattered"
    return f"what mattered beyond chance: {', '.join(map(spell_name, importance.clear))}"


def spell_parameters(candidate: Candidate) -> str:
    """Return a candidate's parameters as a person reads them."""
    return ", ".join(
        f"{spell_name(name)} {spell_value(value)}" for name, value in candidate.parameters.items()
    )


def spell_name(name: str) -> str:
    """Return the name of a parameter or an axis as a person reads it."""
    return {"lr": "learning rate"}.get(name, name.replace("_", " "))


def spell_value(value: Any) -> str:
    """Return the value of a parameter as a person reads it."""
    if isinstance(value, list):
        return "-".join(map(str, value))
    if value is None:
        return "none"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
