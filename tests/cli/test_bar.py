"""Progress fits one line, and what matters most stays in it."""

import io

import pytest
from rich.console import Console

from mnistffn.cli import bar
from mnistffn.cli.bar import Bar, Pace

TRAINING = "accuracy 0.9753, loss 0.770, validation 0.112, PGD 0.864"
SEARCH = "fits, best of 11 candidates: 0.9264, 293-280, dropout 0.08"


def draw(width: int, done: int, total: int, message: str, trend: tuple[float, ...] = ()) -> str:
    console = Console(width=width, file=io.StringIO(), force_terminal=True, color_system=None)
    pace = Pace()
    shown = Bar(console, pace)
    pace.add(0, total)
    pace.add(done, total)
    shown.move(done, total, message, trend)
    shown.stop()
    console.file = io.StringIO()
    console.print(shown.bar.get_renderable())
    return console.file.getvalue().rstrip()


@pytest.mark.parametrize(
    ("width", "message", "kept"),
    [
        (80, TRAINING, "accuracy 0.9753, loss 0.770, validation 0.112"),
        (200, TRAINING, TRAINING),
        (60, TRAINING, "accuracy 0.9753, loss 0.770"),
        (80, SEARCH, "fits, best of 11 candidates: 0.9264, 293-280"),
        (200, SEARCH, SEARCH),
    ],
)
def test_a_line_of_progress_is_cut_between_its_parts(width: int, message: str, kept: str) -> None:
    trend = tuple(n / 10 for n in range(9)) if message == TRAINING else ()
    line = draw(width, 13, 40, message, trend)
    assert "\n" not in line
    assert len(line) <= width
    assert line.endswith(kept)
    assert " left " in line
    assert "13/40" in line


def test_the_time_left_is_that_of_the_pace_since_this_command_began(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = iter([100.0, 100.0, 160.0, 160.0, 170.0])
    monkeypatch.setattr(bar.time, "monotonic", lambda: next(clock))
    pace = Pace()
    pace.add(20, 40)  # by an earlier command
    assert str(pace) == "-:--"
    next(clock)
    pace.add(24, 40)
    assert str(pace) == "4:00"
    assert str(pace) == "3:50", "it counts down"
