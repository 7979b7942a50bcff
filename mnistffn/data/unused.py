"""Variables of a file that nothing was read from, and what they may have been for."""

import re
from collections.abc import Mapping, Sequence

from mnistffn.data import names
from mnistffn.data.formats.variable import Variable
from mnistffn.data.pair import WHOLE, Pair, may_be_images


def question_unused(variables: Sequence[Variable], pairs: Sequence[Pair]) -> list[str]:
    """Return what to say of variables that were not read, but may be images, parts or labels."""
    told = []
    n_pixels = pairs[0].pixels[0].size
    unused = list_unused(variables, pairs)
    counts = {len(pair.pixels) for pair in pairs} | {sum(len(pair.pixels) for pair in pairs)}
    for variable in variables:
        if variable.name not in unused or variable.kind != "numbers":
            continue
        rest = [n for n in variable.shape if variable.size == n * n_pixels and n > 1]
        part = names.find_part(variable.name)[0]
        if rest and may_be_images(variable):
            told.append(f"{variable} may be images too, and is not read")
        elif names.says(variable.name, names.DIVISIONS) and variable.size in counts:
            told.append(f"{variable} may say which images are for testing, and is not read")
        elif part and len(pairs) == 1 and variable.size > 1 and pairs[0].part == WHOLE:
            told.append(f"{variable} may say which images are for {part}, and is not read")
    return told


def list_unused(variables: Sequence[Variable], pairs: Sequence[Pair]) -> Mapping[str, str]:
    """Return the variables that nothing was read from, with their shapes."""
    used = " ".join(f"{pair.images} {pair.labels}" for pair in pairs)

    def is_used(name: str) -> bool:
        return re.search(rf"(?<![\w.]){re.escape(name)}(?![\w.])", used) is not None

    return {v.name: str(v.shape) for v in variables if not is_used(v.name)}
