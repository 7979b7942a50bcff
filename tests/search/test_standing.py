"""What a search tells while it runs."""

from mnistffn.progress import Progress
from mnistffn.search.fit import Fit, FitError, Outcome
from mnistffn.search.standing import Standing


class Messages(Progress):
    """Keeps what steps tell."""

    def __init__(self) -> None:
        self.told: list[tuple[int, str]] = []

    def step(self, done: int, total: int, message: str = "", trend: object = ()) -> None:
        self.told.append((done, message))


def fit(size: int, fold: int, n_images: int | None = None) -> Fit:
    return Fit({"hidden": [size, 50], "dropout": 0.125}, fold, n_images)


def outcome(accuracy: float) -> Outcome:
    return Outcome(accuracy, False, 1, 1.0, 1.0, 0.1, 0)


def test_a_line_is_told_for_every_finished_candidate_and_names_the_best() -> None:
    messages = Messages()
    standing = Standing(messages, 6, 2, 0)
    standing(1, fit(100, 0), outcome(0.9))
    standing(2, fit(200, 0), outcome(0.99))
    standing(3, fit(100, 1), outcome(0.9))
    standing(4, fit(200, 1), outcome(0.95))
    standing(5, fit(300, 0), outcome(0.5))
    standing(6, fit(300, 1), FitError("of the test's making"))
    best = "fits, best of 2 candidates: 0.9700, 200-50, dropout 0.12"
    assert messages.told == [
        (0, "fits under way"),
        (1, ""),
        (2, ""),
        (3, "fits, best of 1 candidate: 0.9000, 100-50, dropout 0.12"),
        (4, best),
        (5, ""),
        (6, best),
    ]


def test_candidates_of_a_later_round_are_not_compared_with_those_of_an_earlier_one() -> None:
    messages = Messages()
    standing = Standing(messages, 3, 1, 0)
    standing(1, fit(100, 0, 250), outcome(0.9))
    standing(2, fit(200, 0, 250), outcome(0.95))
    standing(3, fit(100, 0, 1000), outcome(0.93))
    assert messages.told[-1] == (
        3,
        "fits, best of 1 candidate on 1,000 images: 0.9300, 100-50, dropout 0.12",
    )


def test_what_an_earlier_search_has_finished_is_told_at_once() -> None:
    messages = Messages()
    standing = Standing(messages, 6, 2, 3)
    for done, (size, fold) in enumerate(((100, 0), (100, 1), (200, 0), (200, 1)), start=1):
        standing(done, fit(size, fold), outcome(0.9))
    told = [(done, message.partition(":")[0]) for done, message in messages.told]
    assert told == [
        (3, "fits under way"),
        (3, "fits, best of 1 candidate"),
        (4, "fits, best of 2 candidates"),
    ]
