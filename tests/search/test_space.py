import numpy as np
import pytest
from sklearn.model_selection import ParameterSampler

from mnistffn.errors import UsageError
from mnistffn.search.space import LayerSizes, SearchSpace, draw_candidates
from mnistffn.training.recipes import DROPOUT_BOUNDS


def test_every_layer_is_uniform_between_half_the_bounds_of_the_one_below() -> None:
    draws = np.array(
        [LayerSizes(100, 600, (3, 3)).rvs(np.random.RandomState(seed)) for seed in range(2000)]
    )
    for depth in range(3):
        low, high = 100 / 2**depth, 600 / 2**depth
        assert low <= draws[:, depth].min() < low + 5
        assert high - 5 < draws[:, depth].max() <= high
        assert draws[:, depth].mean() == pytest.approx((low + high) / 2, rel=0.05)
    assert abs(np.corrcoef(draws.T)[0, 1]) < 0.1


def test_both_bounds_can_be_drawn_and_may_be_equal() -> None:
    sizes = LayerSizes(5, 6, (1, 1))
    assert {sizes.rvs(np.random.RandomState(seed)) for seed in range(50)} == {(5,), (6,)}
    assert LayerSizes(7, 7, (2, 2)).rvs(0) == (7, 3)
    assert LayerSizes(1, 1, (3, 3)).rvs(0) == (1, 1, 1)


def test_the_documents_winner_lies_inside_the_space_of_its_recipe() -> None:
    space = SearchSpace(dropout=DROPOUT_BOUNDS["document"])
    first, second = 360, 187
    assert space.n_layers == (2, 2)
    assert space.hidden[0] <= first <= space.hidden[1]
    assert space.hidden[0] / 2 <= second <= space.hidden[1] / 2
    assert space.dropout[0] <= 0.5782 <= space.dropout[1]


def test_other_parameters_are_searched_on_request() -> None:
    assert set(SearchSpace().distributions()) == {"hidden", "dropout"}
    further = {"lr": (1e-4, 1e-2), "weight_decay": (0.1, 0.1), "batch_size": (8, 9)}
    distributions = SearchSpace(further=further | {"schedule": ["plateau", "constant"]}).distributions()
    rates = distributions["lr"].rvs(2000, random_state=0)
    assert 1e-4 <= rates.min() < rates.max() <= 1e-2
    assert np.median(rates) == pytest.approx(1e-3, rel=0.15)
    assert distributions["weight_decay"] == [0.1]
    assert set(distributions["batch_size"].rvs(50, random_state=0)) == {8, 9}
    assert distributions["schedule"] == ["plateau", "constant"]


@pytest.mark.parametrize(
    "space",
    [
        {"hidden": (10, 5)},
        {"hidden": (0, 5)},
        {"dropout": (0.2, 1.0)},
        {"dropout": (-0.1, 0.5)},
        {"n_layers": (0, 2)},
        {"further": {"lr": (0.0, 1.0)}},
        {"further": {"elastic": (0.2, 0.1)}},
        {"further": {"max_epochs": (1, 2)}},
        {"further": {"augment": (0, 1)}},
        {"further": {"schedule": (1, 2)}},
        {"further": {"batch_size": (8, 16.5)}},
    ],
)
def test_bounds_that_make_no_sense_are_refused(space: dict[str, object]) -> None:
    name = next(iter(space.get("further", space)))
    with pytest.raises(UsageError, match=name):
        SearchSpace(**space)


def test_the_number_of_layers_is_uniform_between_its_bounds() -> None:
    sizes = LayerSizes(100, 600, (1, 3))
    generator = np.random.RandomState(0)
    depths = np.bincount([len(sizes.rvs(generator)) for _ in range(3000)], minlength=4)
    assert depths[0] == 0
    assert depths[1:] == pytest.approx(np.full(3, 1000), abs=100)


def test_candidates_differ_and_more_of_them_begin_with_the_same() -> None:
    space = SearchSpace((4, 5), (1, 2), (0.0, 0.0), {"batch_size": [32, 64], "augment": [True, False]})
    candidates = draw_candidates(space, 100, 0)
    # One layer of 4 or 5 units, or a second one of 2 on top: four times two times two.
    assert len({str(candidate) for candidate in candidates}) == len(candidates) == 16
    assert draw_candidates(space, 7, 0) == candidates[:7]
    many = draw_candidates(SearchSpace(), 50, 0)
    sampled = ParameterSampler(SearchSpace().distributions(), 50, random_state=0)
    assert many == list(sampled), "as scikit-learn draws them"
