import pytest

from mnistffn.errors import UsageError
from mnistffn.units import check_layer, name_units, parse_units


def test_all_units_is_the_default() -> None:
    assert parse_units(None, 3) == parse_units("all", 3) == [0, 1, 2]


def test_units_keep_their_order_and_come_once() -> None:
    assert parse_units("5, 1-3,2", 10) == [5, 1, 2, 3]


@pytest.mark.parametrize("text", ["", "a", "1,", "-1", "3-1", "1-", "1.5", "²"])
def test_what_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        parse_units(text, 10)


def test_a_unit_or_layer_that_is_not_there_is_refused() -> None:
    with pytest.raises(UsageError, match="no unit 10: the layer has units 0 to 9"):
        parse_units("10", 10)
    with pytest.raises(UsageError, match="no unit"):
        parse_units("0-99999999999999", 10)
    for layer in (0, -1, 4):
        with pytest.raises(UsageError, match=f"no layer {layer}: the network has 1 to 3"):
            check_layer(layer, 3)


def test_output_units_are_called_by_their_class() -> None:
    assert name_units([0, 2], 1, [64, 8, 3], ["a", "b", "c"]) == ["0", "2"]
    assert name_units([0, 2], 2, [64, 8, 3], ["a", "b", "c"]) == ["a", "c"]
