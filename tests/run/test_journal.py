from pathlib import Path

import pytest

from mnistffn.errors import RunDirectoryError
from mnistffn.run.journal import Journal, make_line, read_line


def test_a_line_that_is_cut_off_or_has_changed_counts_for_nothing() -> None:
    line = make_line({"accuracy": 0.25, "fold": 1}).encode()
    assert read_line(line) == {"accuracy": 0.25, "fold": 1}
    for n in range(len(line)):
        assert read_line(line[:n]) is None
        changed = bytearray(line)
        changed[n] ^= 1
        assert read_line(bytes(changed)) is None


def test_what_was_kept_is_there_after_a_kill_in_the_middle_of_a_line(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "fits.jsonl")
    assert journal.open({"folds": 2}, fresh=False) == 0
    journal.append({"fit": 1})
    with journal.path.open("a") as file:
        file.write(make_line({"fit": 2})[:9])
    assert journal.open({"folds": 2}, fresh=False) == 1
    journal.append({"fit": 3})
    assert list(journal.read()) == [{"fit": 1}, {"fit": 3}]
    with pytest.raises(RunDirectoryError, match="folds was 2, and is 3 now; .* --fresh"):
        journal.open({"folds": 3}, fresh=False)
    assert journal.open({"folds": 3}, fresh=True) == 0


def test_other_settings_take_the_place_of_finished_work(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "fits.jsonl")
    journal.open({"folds": 2}, fresh=False)
    journal.append({"fit": 1})
    journal.finish()
    assert journal.open({"folds": 2}, fresh=False) == 1
    journal.finish()
    assert journal.open({"folds": 3}, fresh=False) == 0


def test_settings_under_which_nothing_was_finished_bind_nobody(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "fits.jsonl")
    journal.open({"folds": 2}, fresh=False)
    assert journal.open({"folds": 3}, fresh=False) == 0
