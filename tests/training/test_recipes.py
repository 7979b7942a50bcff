from pathlib import Path

import pytest
import torch
from helpers import invoke
from sklearn.base import clone

from mnistffn import FeedForwardClassifier
from mnistffn.data import builtin_digits
from mnistffn.data.split import split_dataset
from mnistffn.errors import UsageError
from mnistffn.training.augment import Strengths
from mnistffn.training.parameters import TUNABLE, check_parameters
from mnistffn.training.recipes import PLAIN, RECIPES, combine, get_recipe


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_sets_the_same_parameters_of_the_classifier(name: str) -> None:
    recipe = get_recipe(name)
    assert set(recipe) - {"hidden"} == set(PLAIN)
    assert set(recipe) <= set(FeedForwardClassifier().get_params())
    check_parameters(FeedForwardClassifier(**recipe).get_params())


def test_recipes_set_all_that_a_search_can_tune_and_how_far_it_lasts() -> None:
    assert set(PLAIN) - set(TUNABLE) == {
        "dropout", "max_epochs", "patience", "min_delta", "validation_fraction",
    }  # fmt: skip


def test_the_documents_recipe_is_the_documents() -> None:
    expected = {
        "dropout": 0.5782, "lr": 1e-3, "schedule": "constant", "max_epochs": 200, "patience": 10,
        "augment": False, "adversarial": 0.0, "ema_decay": 0.0, "weight_decay": 0.0,
    }  # fmt: skip
    recipe = get_recipe("document")
    assert {name: recipe[name] for name in expected} == expected


def test_the_recipes_strengths_are_those_of_the_distortion() -> None:
    for name in Strengths.__dataclass_fields__:
        assert PLAIN[name] == getattr(Strengths(), name)


def test_a_recipe_cannot_be_changed_through_what_is_handed_out() -> None:
    get_recipe("fast")["lr"] = 5
    assert get_recipe("fast")["lr"] != 5


def test_patience_brings_its_schedule_unless_one_is_given() -> None:
    assert combine(RECIPES["fast"], {"patience": 3})["schedule"] == "plateau"
    assert combine(RECIPES["fast"], {"patience": 3, "schedule": "constant"})["schedule"] == "constant"
    assert combine(RECIPES["fast"], {"patience": 0})["schedule"] == "one-cycle"
    assert combine(RECIPES["document"], {"patience": 3})["schedule"] == "constant"
    assert combine(RECIPES["document"], {"schedule": "one-cycle"})["patience"] == 0


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(UsageError, match="recipe='slow' must be one of default, document"):
        get_recipe("slow")


@pytest.mark.parametrize("name", RECIPES)
def test_a_classifier_from_a_recipe_has_its_parameters_and_can_be_cloned(name: str) -> None:
    classifier = FeedForwardClassifier.from_recipe(name, lr=0.5, random_state=3)
    expected = FeedForwardClassifier().get_params() | RECIPES[name] | {"lr": 0.5, "random_state": 3}
    assert classifier.get_params() == expected
    assert clone(classifier).get_params() == expected


def test_a_classifier_from_a_recipe_takes_what_is_given_as_the_command_does() -> None:
    assert FeedForwardClassifier.from_recipe().get_params() == (
        FeedForwardClassifier.from_recipe("default").get_params()
    )
    assert FeedForwardClassifier.from_recipe("fast", patience=3).schedule == "plateau"
    with pytest.raises(UsageError, match="recipe='slow' must be one of default, document"):
        FeedForwardClassifier.from_recipe("slow")
    with pytest.raises(ValueError, match="Invalid parameter 'epochs'.*'max_epochs'"):
        FeedForwardClassifier.from_recipe("fast", epochs=3)


def test_a_classifier_from_a_recipe_becomes_the_network_of_the_command(tmp_path: Path) -> None:
    # fmt: off
    result = invoke(
        "train", "--recipe", "robust", "--hidden", "32,16", "--epochs", 2, "--seed", 4, "--threads", 1,
        "--run-dir", tmp_path,
    )
    # fmt: on
    assert result.exit_code == 0, result.output
    digits = builtin_digits()
    rows = split_dataset(digits, "stratified", 0.1, seed=4).train
    classifier = FeedForwardClassifier.from_recipe(
        "robust", hidden=(32, 16), max_epochs=2, random_state=4, n_threads=1
    )
    classifier.fit(digits.flat[rows], digits.labels[rows])
    trained = FeedForwardClassifier.load(tmp_path / "model.pt").module_.state_dict()
    for weights, value in classifier.module_.state_dict().items():
        assert torch.equal(value, trained[weights]), weights
