"""From blocks to HTML, by a template that escapes whatever it is given."""

from collections.abc import Mapping, Sequence

from jinja2 import Environment, PackageLoader, StrictUndefined

from mnistffn.report.blocks import Note, Section
from mnistffn.report.pictures import Encoded

TEMPLATE = "page.html.jinja"


def render(
    title: str, sections: Sequence[Section], pictures: Mapping[str, Encoded], notes: Sequence[Note]
) -> bytes:
    """Return the page in UTF-8.

    Parameters
    ----------
    title : str
    sections : sequence of Section
    pictures : mapping of str to Encoded
        By their files' names; others that the sections show are told to be unreadable.
    notes : sequence of Note
        What is out of date or missing, for the top of the page.
    """
    environment = Environment(
        loader=PackageLoader("mnistffn.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    template = environment.get_template(TEMPLATE)
    page = template.render(title=title, sections=sections, pictures=pictures, notes=notes)
    # A lone surrogate of a path that is no UTF-8 has no place in a page.
    return page.encode("utf-8", errors="replace")
