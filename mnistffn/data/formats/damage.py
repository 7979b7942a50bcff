"""What can be wrong with a file as such, and how much of it may be read."""

from dataclasses import dataclass

MOST_ELEMENTS = 2_000_000


class DamagedFileError(Exception):
    """A file contradicts itself; the message says where."""


class TooLargeError(Exception):
    """A file would need more memory than was allowed."""


@dataclass
class Budget:
    """What reading a file may still cost.

    Attributes
    ----------
    n_bytes : int
        Bytes that may be unpacked.
    n_elements : int
        Elements of the file that may be visited.
    """

    n_bytes: int
    n_elements: int = MOST_ELEMENTS

    def unpack(self, n_bytes: int) -> None:
        """Take some bytes out of the budget.

        Raises
        ------
        TooLargeError
            So many are not left.
        """
        if n_bytes > self.n_bytes:
            raise TooLargeError(n_bytes)
        self.n_bytes -= n_bytes

    def visit(self) -> None:
        """Take an element out of the budget.

        Raises
        ------
        DamagedFileError
            None is left: no data file has so many.
        """
        self.n_elements -= 1
        if self.n_elements < 0:
            msg = f"more than {MOST_ELEMENTS:,} cells, fields and arrays"
            raise DamagedFileError(msg)
