"""How the core tells how far it is, without knowing who listens."""

from collections.abc import Sequence


class Progress:
    """A listener that ignores everything; the command line has one that prints."""

    def note(self, message: str) -> None:
        """Take a line about what was found or decided."""

    def step(self, done: int, total: int, message: str = "", trend: Sequence[float] = ()) -> None:
        """Take the news that ``done`` of ``total`` parts of the work are finished.

        Without a ``message``, nothing else is new. ``trend`` is how what is measured has changed,
        the latest last.
        """
