import pytest

from mnistffn.errors import UsageError
from mnistffn.inside.units import check_layer, name_units, parse_objective, parse_units

TEN = [str(unit) for unit in range(10)]


def test_all_units_is_the_default() -> None:
    assert parse_units(None, TEN[:3]) == parse_units("all", TEN[:3]) == [0, 1, 2]


def test_units_keep_their_order_and_come_once() -> None:
    assert parse_units("5, 1-3,2", TEN) == [5, 1, 2, 3]


@pytest.mark.parametrize("text", ["", "a", "1,", "-1", "3-1", "1-", "1.5", "²", "٣", "1" * 5000])
def test_what_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        parse_units(text, TEN)


def test_a_unit_or_layer_that_is_not_there_is_refused() -> None:
    with pytest.raises(UsageError, match="no unit 10: the layer has units 0 to 9"):
        parse_units("10", TEN)
    with pytest.raises(UsageError, match="no unit"):
        parse_units("0-99999999999999", TEN)
    for layer in (0, -1, 4):
        with pytest.raises(UsageError, match=f"no layer {layer}: the network has 1 to 3"):
            check_layer(layer, 3)


def test_output_units_are_called_by_their_class_also_by_the_user() -> None:
    hidden, output = name_units([64, 4, 3], [3, 5, 8])
    assert hidden == ["0", "1", "2", "3"]
    assert parse_units("8,3-5", ["3", "4", "5", "8"]) == [3, 0, 1, 2]
    assert parse_objective("8-3", output) == [-1, 0, 1]
    with pytest.raises(UsageError, match="no unit 0: the layer has units 3, 5, 8"):
        parse_units("0", output)


@pytest.mark.parametrize(
    ("text", "weights"),
    [
        ("2", [0, 0, 1]),
        ("2-0", [-1, 0, 1]),
        ("0 + 1", [1, 1, 0]),
        ("-1", [0, -1, 0]),
        ("0.5*0+2*1-1.5*2", [0.5, 2, -1.5]),
        ("1+1", [0, 2, 0]),
        ("mean", [1 / 3] * 3),
    ],
)
def test_an_objective_is_a_weighted_sum(text: str, weights: list[float]) -> None:
    assert parse_objective(text, TEN[:3]) == pytest.approx(weights)


@pytest.mark.parametrize(
    "text",
    ["", "a", "1+", "1--2", "1*", "*1", "1.5", "1 2.", "1 2", "1,2", "mean+1", "2*-1", "٣", "1" * 5000],
)
def test_an_objective_that_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        parse_objective(text, TEN)


def test_an_objective_must_weigh_something_that_is_there() -> None:
    with pytest.raises(UsageError, match="weighs nothing"):
        parse_objective("3-3", TEN)
    with pytest.raises(UsageError, match="no unit 12"):
        parse_objective("4-12", TEN)


def test_labels_may_be_negative_or_have_gaps() -> None:
    names = ["-1", "1"]
    assert parse_units("-1", names) == parse_units("-1, -1", names) == [0]
    assert parse_units("1,-1", names) == [1, 0]
    assert parse_objective("-1", names) == [1, 0], "a class of this name comes before minus class 1"
    assert parse_objective(" - 1", ["0", "1"]) == [0, -1]
    with pytest.raises(UsageError, match="the layer has units 3, 7, 9"):
        parse_units("5", ["3", "7", "9"])


def test_classes_with_names_are_found_by_them() -> None:
    names = ["A", "B", "ten"]
    assert parse_units("ten,A", names) == [2, 0]
    assert parse_objective("A-0.5*ten", names) == [1, 0, -0.5]
    for text in ("C", "3"):
        with pytest.raises(UsageError, match="the layer has units A, B, ten|cannot be read"):
            parse_units(text, names)
    with pytest.raises(UsageError, match="no unit C: the layer has units A, B, ten"):
        parse_objective("A-C", names)
