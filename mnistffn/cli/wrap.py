"""Messages in lines of which none breaks inside a word."""

import textwrap

TOGETHER = "\xa0"  # in place of a space at which no line may end


def wrap(message: str, width: int | None) -> str:
    """Return a message in lines of some width, None for a single one; a longer word stays whole.

    Examples
    --------
    >>> print(wrap("next: mnistffn\\xa0search --dry-run", 20))
    next:
    mnistffn search
    --dry-run
    """
    if width is not None:
        message = textwrap.fill(message, width, break_long_words=False, break_on_hyphens=False)
    return message.replace(TOGETHER, " ")
