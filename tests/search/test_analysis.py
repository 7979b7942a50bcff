"""Hand-made candidates, of which the answer is known."""

import numpy as np
import pytest
from scipy import stats

from mnistffn.network.network import FeedForwardNetwork, count_parameters
from mnistffn.search.analysis import Findings, analyse, estimate_accuracy
from mnistffn.search.importance import measure_importance
from mnistffn.search.picture import make_picture
from mnistffn.search.report import describe_edges, describe_result, list_findings, summarise
from mnistffn.search.result import Candidate, SearchResult
from mnistffn.search.space import SearchSpace

SPREAD = np.array([-0.001, 0.0, 0.001])  # over three folds: a standard error of 0.00058


def candidate(mean: float, hidden=(100,), spread=SPREAD, n_images=None, diverged=0.0, **parameters):
    given = {"hidden": list(hidden), "dropout": 0.1} | parameters
    accuracies = tuple(float(accuracy) for accuracy in mean + np.asarray(spread))
    return Candidate(given, accuracies, diverged, 5.0, 1.0, n_images)


def rank(candidates):
    return sorted(candidates, key=lambda c: (-(c.n_images or 0), -c.mean))


def find(candidates, space=None, **further) -> Findings:
    space = space or SearchSpace((50, 150), (1, 1), (0.0, 0.3), further)
    return analyse(rank(candidates), space.distributions(), 64, 10)


def result_of(candidates, select="best", **further) -> SearchResult:
    return SearchResult(rank(candidates), 0, "fast", {}, find(candidates, **further), [], select)


def along(name: str, values, accuracies) -> list[Candidate]:
    return [candidate(a, **{name: v}) for v, a in zip(values, accuracies, strict=True)]


def test_the_interval_is_students_with_the_variance_of_nadeau_and_bengio() -> None:
    folds = [0.90, 0.93, 0.92, 0.95, 0.91]
    found = estimate_accuracy(folds)
    low, high = stats.t.interval(
        0.95, 4, np.mean(folds), np.std(folds, ddof=1) * (1 / 5 + 1 / 4) ** 0.5
    )
    assert (found.low, found.high) == pytest.approx((low, high))
    assert found.standard_error == pytest.approx(stats.sem(folds))


def test_two_folds_know_little_and_an_accuracy_is_between_0_and_1() -> None:
    found = estimate_accuracy([0.97, 0.99])
    assert (found.low, found.high) == (pytest.approx(0.98 - 12.706 * 0.01 * 3**0.5, abs=1e-4), 1.0)
    assert estimate_accuracy([0.97, 0.97]).low == pytest.approx(0.97)


def test_parameters_are_counted_as_the_network_has_them() -> None:
    network = FeedForwardNetwork(64, (9, 5), 10)
    assert count_parameters(64, (9, 5), 10) == sum(p.numel() for p in network.parameters())


def test_the_smallest_network_within_one_standard_error_is_found() -> None:
    best, near, small = candidate(0.98, (150,)), candidate(0.9795, (90,)), candidate(0.979, (60,))
    found = find([best, near, small])
    assert found.smallest is near
    assert (found.n_within, found.n_compared) == (2, 3)
    assert found.n_parameters == tuple(
        count_parameters(64, c.parameters["hidden"], 10) for c in (best, near)
    )


def test_of_equal_candidates_the_smaller_is_taken_and_of_equal_sizes_the_better() -> None:
    large, small = candidate(0.98, (150,), (0, 0, 0)), candidate(0.98, (60,), (0, 0, 0))
    found = find([large, small])
    assert found.smallest is small
    assert found.n_within == 2
    assert find([candidate(0.98), candidate(0.9797)]).smallest.mean == pytest.approx(0.98)


def test_a_network_that_diverged_on_a_fold_is_not_the_smallest() -> None:
    assert find([candidate(0.98, (150,)), candidate(0.98, (60,), diverged=0.3)]).n_parameters[1] > 5000


def test_select_decides_what_is_handed_to_the_training_and_both_are_told() -> None:
    candidates = [candidate(0.98, (150,)), candidate(0.9797, (60,)), candidate(0.95, (50,))]
    for select, size in (("best", 150), ("one-se", 60)):
        result = result_of(candidates, select)
        assert summarise(result)["hidden"] == [size]
        chosen = result.selected
        assert summarise(result)["cv_accuracy"]["accuracies"] == list(chosen.accuracies)
        assert summarise(result)["cv_accuracy"]["interval"][0] < chosen.mean
        told = list_findings(result)
        assert told["best"]["parameters"]["hidden"] == [150]
        assert told["smallest"]["parameters"]["hidden"] == [60]
        text = "\n".join(describe_result(result))
        assert "hidden 150" in text
        assert "smallest of them: hidden 60" in text
        assert "2 of 3 candidates are within one standard error (0.0006) of the best" in text


@pytest.mark.parametrize(
    ("accuracies", "edge"),
    [
        (np.linspace(0.90, 0.98, 8), ("dropout", "0.3", "above")),
        (0.98 - (np.linspace(-1, 1, 8)) ** 2 / 10, None),
        (np.linspace(0.98, 0.90, 8), None),  # best without dropout, and there is none below 0
        ([0.9, 0.97, 0.91, 0.96, 0.92, 0.95, 0.9, 0.98], None),  # no trend: the last is lucky
        ([0.90, 0.92, 0.93, 0.94, 0.95, 0.98, 0.97, 0.9799], None),  # as good further in
    ],
)
def test_an_edge_is_where_the_best_lie_and_accuracy_rises_towards_it(accuracies, edge) -> None:
    found = find(along("dropout", np.linspace(0.0, 0.3, 8), accuracies)).edges
    assert [(e.name, e.bound, e.direction) for e in found] == ([edge] if edge else [])


def test_an_edge_in_the_logarithm_is_a_tenth_of_the_decades() -> None:
    rates = np.geomspace(1e-4, 1e-1, 12)
    [edge] = find(along("lr", rates, np.linspace(0.98, 0.9, 12)), lr=(1e-4, 1e-1)).edges
    assert (edge.name, edge.bound, edge.direction) == ("lr", "0.0001", "below")
    # 0.0003 is in the lowest hundredth of the range, but not in the lowest tenth of the decades.
    assert not find(along("lr", rates[2:], np.linspace(0.98, 0.9, 10)), lr=(1e-4, 1e-1)).edges


def test_every_layer_has_bounds_of_its_own() -> None:
    sizes = np.linspace(100, 200, 8).astype(int)
    candidates = [
        candidate(a, (300, size)) for size, a in zip(sizes, np.linspace(0.9, 0.98, 8), strict=True)
    ]
    found = find(candidates, SearchSpace((200, 400), (2, 2)))
    assert [(e.name, e.bound, e.direction) for e in found.edges] == [("hidden 2", "200", "above")]
    [line] = describe_edges(found)
    assert "upper bound of hidden 2, 200" in line
    assert line.endswith("search above it too (--hidden)")


def test_a_list_of_numbers_has_ends_and_one_of_names_has_none() -> None:
    accuracies = np.linspace(0.9, 0.98, 9)
    [edge] = find(
        along("batch_size", np.repeat([32, 64, 128], 3).tolist(), accuracies), batch_size=[128, 32, 64]
    ).edges
    assert (edge.name, edge.bound, edge.direction) == ("batch_size", "128", "above")
    names = ["one-cycle", "plateau", "constant"]
    assert not find(along("schedule", np.repeat(names, 3).tolist(), accuracies), schedule=names).edges
    flags = [False] * 5 + [True] * 4
    assert not find(along("augment", flags, accuracies), augment=[False, True]).edges


@pytest.mark.parametrize("n", [1, 2])
def test_one_or_two_candidates_tell_neither_edges_nor_importance(n: int) -> None:
    candidates = along("dropout", [0.3, 0.1][:n], [0.98, 0.9][:n])
    found = find(candidates)
    assert not found.edges
    assert not found.importance.shares
    assert (found.n_within, found.n_compared) == (1, n)
    text = "\n".join(describe_result(result_of(candidates)))
    assert f"too few candidates to tell which parameters mattered: {n}" in text
    assert ("no other candidate" if n == 1 else "none of the 1 others") in text
    assert list_findings(result_of(candidates))["importance"]["chance"] is None


def test_only_the_last_rounds_candidates_can_be_best_and_the_first_round_shows_the_space() -> None:
    first = [
        candidate(a, n_images=100, dropout=d)
        for d, a in zip(np.linspace(0.0, 0.3, 9), np.linspace(0.8, 0.99, 9), strict=True)
    ]
    last = [
        candidate(0.95, n_images=400, dropout=first[-1].parameters["dropout"]),
        candidate(0.9, n_images=400, dropout=first[-2].parameters["dropout"]),
    ]
    result = result_of(first + last)
    assert result.best is last[0]
    assert result.findings.n_compared == 2
    assert (result.findings.importance.n_candidates, result.findings.importance.n_images) == (9, 100)
    assert [edge.name for edge in result.findings.edges] == ["dropout"]
    picture = make_picture(result)
    assert picture.rounds == [400, 100]
    assert (picture.candidates[0], picture.candidates[1]) == tuple(picture.candidates[2:4])


def test_what_matters_is_found_also_where_the_best_lies_in_the_middle() -> None:
    generator = np.random.default_rng(0)
    dropout, lr = generator.permutation(np.linspace(0, 0.3, 16)), np.geomspace(1e-3, 1e-1, 16)
    schedule = np.tile(["one-cycle", "constant", "constant", "one-cycle"], 4)
    for accuracies, name in (
        (0.98 - (dropout - 0.15) ** 2, "dropout"),
        (0.98 + 0.001 * np.log(lr), "lr"),
        (0.98 + 0.01 * (schedule == "constant") + 1e-4 * generator.random(16), "schedule"),
    ):
        candidates = [
            candidate(a, dropout=d, lr=r, schedule=str(s))
            for a, d, r, s in zip(accuracies, dropout, lr, schedule, strict=True)
        ]
        found = find(candidates, lr=(1e-3, 1e-1), schedule=["one-cycle", "constant"]).importance
        assert found.clear == [name]
        assert found.shares[name] > found.chance > max(s for n, s in found.shares.items() if n != name)


def test_chance_alone_is_seldom_taken_for_importance_or_an_edge() -> None:
    generator = np.random.default_rng(0)
    mattered = edges = 0
    for _ in range(100):
        candidates = [
            candidate(0.97 + 0.01 * generator.random(), (int(generator.integers(50, 151)),),
                      dropout=generator.uniform(0, 0.3), lr=10 ** generator.uniform(-3, -1))
            for _ in range(12)
        ]  # fmt: skip
        found = find(candidates, lr=(1e-3, 1e-1))
        mattered += bool(found.importance.clear)
        edges += bool(found.edges)
    assert mattered <= 10
    assert edges <= 10


def test_many_names_explain_no_more_by_chance_than_few() -> None:
    generator = np.random.default_rng(0)
    names = list("abcdef")
    shares = [
        find(
            along("schedule", names * 2, generator.random(12) / 50 + 0.9), schedule=names
        ).importance.shares["schedule"]
        for _ in range(30)
    ]
    assert np.mean(shares) < 0.25, "5 / 11 unless the degrees of freedom are allowed for"


def test_equal_accuracies_make_nothing_important() -> None:
    found = find(along("dropout", np.linspace(0, 0.3, 9), [0.9] * 9))
    assert found.importance.shares == {"hidden 1": 0.0, "dropout": 0.0}
    assert not found.importance.clear
    assert found.n_within == 9
    assert not found.edges


def test_networks_of_different_depth_have_no_size_where_they_have_no_layer() -> None:
    hidden = [(100,), (120, 60), (110, 50), (90,), (130, 70), (140, 40), (80,), (70, 30), (60, 55)]
    candidates = [candidate(0.9 + 0.01 * len(h), h) for h in hidden]
    found = find(candidates, SearchSpace((50, 150), (1, 2)))
    axes = {axis.name: axis for axis in found.axes}
    assert list(axes) == ["layers", "hidden 1", "hidden 2", "dropout"]
    assert np.isnan(axes["hidden 2"].values).sum() == 3
    assert found.importance.clear == ["layers"]
    assert measure_importance(found.axes, np.arange(9.0), np.ones(9, bool)).shares["hidden 2"] == 0
    shown = make_picture(SearchResult(rank(candidates), 0, "fast", {}, found)).panels
    assert [panel.label for panel in shown][:2] == ["hidden layers", "units of hidden layer 1"]
