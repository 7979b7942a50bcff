"""In one sentence: whether networks differ by more than chance."""

from collections.abc import Sequence

from mnistffn.evaluation.mcnemar import PairedTest


def describe_pairs(names: Sequence[str], pairs: Sequence[PairedTest], n: int) -> str:
    """Return what McNemar's tests say of networks.

    Parameters
    ----------
    names : sequence of str
    pairs : sequence of PairedTest
        All of them.
    n : int
        Images.
    """
    return _describe_two(names, pairs[0], n) if len(pairs) == 1 else _describe_many(names, pairs)


def spell_p(p: float) -> str:
    """Return a p value as a sentence has it.

    Examples
    --------
    >>> spell_p(0.0213), spell_p(1e-9)
    ('p = 0.021', 'p < 0.0001')
    """
    return "p < 0.0001" if p < 1e-4 else f"p = {p:.2g}"


def _describe_two(names: Sequence[str], pair: PairedTest, n: int) -> str:
    first, second = names[pair.first], names[pair.second]
    if not pair.only_first + pair.only_second:
        return (
            f"{first} and {second} read the same of the {n:,} images right: nothing tells them apart."
        )
    found = (
        f"{first} reads {pair.only_first:,} of {n:,} images right that {second} does not, "
        f"{second} {pair.only_second:,} that {first} does not: {spell_p(pair.p)}"
    )
    if pair.is_beyond_chance:
        return f"{found}, so {_name_better(names, pair)} is better by more than chance."
    return f"{found}, which may be chance."


def _describe_many(names: Sequence[str], pairs: Sequence[PairedTest]) -> str:
    beyond = [pair for pair in pairs if pair.is_beyond_chance]
    if not beyond:
        return f"None of the {len(pairs)} pairs differs by more than chance, after Holm's correction."
    told = "; ".join(
        f"{_name_better(names, pair)} is better than {_name_better(names, pair, worse=True)} "
        f"({spell_p(pair.p_corrected)})"
        for pair in beyond
    )
    rest = len(pairs) - len(beyond)
    others = f" What the other {rest} differ by may be chance." if rest > 1 else ""
    others = " What the other pair differs by may be chance." if rest == 1 else others
    return f"By more than chance, after Holm's correction: {told}.{others}"


def _name_better(names: Sequence[str], pair: PairedTest, *, worse: bool = False) -> str:
    return names[pair.first if (pair.only_first > pair.only_second) != worse else pair.second]
