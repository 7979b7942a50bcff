from pathlib import Path

import numpy as np
import pytest

from mnistffn.errors import DataError, RunDirectoryError, UsageError
from mnistffn.inside.fields import FieldsResult, run_fields, sort_units
from mnistffn.inside.options import KINDS, SORTS, FieldsOptions
from mnistffn.progress import Progress
from mnistffn.run.directory import RunDirectory


def draw(run: Path, **options: object) -> FieldsResult:
    return run_fields(RunDirectory(run), FieldsOptions(**options), Progress())


@pytest.mark.parametrize(("layer", "units"), [(1, 24), (2, 12), (3, 10)])
def test_a_run_draws_every_unit_of_a_layer(trained_run: Path, layer: int, units: int) -> None:
    result = draw(trained_run, layer=layer)
    with np.load(trained_run / f"fields-layer{layer}.npz") as arrays:
        assert arrays["units"].tolist() == list(range(units))
        assert set(arrays) == {"units", "varying", *KINDS, "pattern_image"}
        for kind in (*KINDS, "pattern_image"):
            assert arrays[kind].shape == (units, 8, 8)
            assert arrays[kind].dtype == np.float32
            np.testing.assert_array_equal(arrays[kind], result.fields[kind])
        assert not arrays["filter"][:, ~arrays["varying"]].any()
        assert 0 < (~arrays["varying"]).sum() < 16, "the digits' corners are never lit"
    content = RunDirectory(trained_run).read_json(f"fields-layer{layer}.json")
    assert [unit["unit"] for unit in content["units"]] == list(range(units))
    assert [unit["ablation"] for unit in content["units"]] == [s.ablation for s in result.statistics]
    assert content["units"][0]["r2"] == {kind: result.r2[kind][0] for kind in KINDS}
    assert (trained_run / f"fields-layer{layer}.png").exists()


def test_the_first_layers_filter_explains_everything_and_deeper_ones_less(trained_run: Path) -> None:
    first, last = draw(trained_run, layer=1), draw(trained_run, layer=3)
    assert first.r2["filter"].min() > 0.999
    assert (last.r2["filter"] < 0.99).all()
    assert last.r2["pattern"].mean() > 0.3


def test_every_output_prefers_its_class_and_costs_it_when_silenced(trained_run: Path) -> None:
    result = draw(trained_run)
    assert [unit.prefers for unit in result.statistics] == [[digit] for digit in range(10)]
    assert all(0.05 < unit.ablation < 0.15 for unit in result.statistics)
    assert min(unit.selectivity for unit in result.statistics) > 0.9


def test_only_the_units_and_kinds_asked_for_are_drawn(trained_run: Path) -> None:
    whole = draw(trained_run)
    some = draw(trained_run, units="7,0-2", kinds=("gradient",))
    assert some.units.tolist() == [7, 0, 1, 2]
    np.testing.assert_allclose(
        some.fields["gradient"], whole.fields["gradient"][[7, 0, 1, 2]], rtol=1e-5
    )
    with np.load(trained_run / "fields-layer3.npz") as arrays:
        assert set(arrays) == {"units", "varying", "gradient"}
    assert some.statistics == [whole.statistics[unit] for unit in (7, 0, 1, 2)]


@pytest.mark.parametrize("key", SORTS)
def test_units_are_sorted_by_what_is_asked(trained_run: Path, key: str) -> None:
    whole = draw(trained_run, layer=2)
    some = draw(trained_run, layer=2, sort=key, top=5)
    assert some.units.tolist() == whole.units[sort_units(whole, key)[:5]].tolist()
    values = {
        "unit": [-unit for unit in some.units],
        "class": [-unit.prefers[0] for unit in some.statistics],
        "selectivity": [unit.selectivity for unit in some.statistics],
        "on": [unit.on for unit in some.statistics],
        "outgoing": [abs(unit.outgoing[0][1]) for unit in some.statistics],
        "ablation": [unit.ablation for unit in some.statistics],
        "effect": [unit.effect for unit in some.statistics],
    } | dict(some.r2)
    assert list(values[key]) == sorted(values[key], reverse=True)


def test_the_top_without_an_order_are_those_that_matter_most(trained_run: Path) -> None:
    for layer, key in ((1, "effect"), (3, "ablation")):
        by_default, by_key = (draw(trained_run, layer=layer, top=3, sort=sort) for sort in (None, key))
        assert by_default.units.tolist() == by_key.units.tolist()
    assert draw(trained_run, layer=1, top=99).units.size == 24


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kinds": ("weights",)}, "kinds='weights' must be one of filter"),
        ({"sort": "size"}, "sort='size' must be one of unit"),
        ({"kinds": ("filter",), "sort": "pattern"}, "add pattern"),
        ({"top": 0}, "top=0"),
    ],
)
def test_options_that_make_no_sense_are_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        FieldsOptions(**options)


def test_an_order_that_is_noise_is_told(trained_run: Path) -> None:
    told: list[str] = []
    progress = Progress()
    progress.note = told.append
    run, options = RunDirectory(trained_run), FieldsOptions(layer=1, sort="ablation")
    units = run_fields(run, options, progress).statistics
    n_noise = sum(abs(unit.ablation) <= 2 * unit.ablation_se for unit in units)
    assert n_noise > 0, "of 24 units on 180 images most cost nothing"
    assert [f"{n_noise} of 24 units" in line for line in told if "noise" in line] == [True]
    told.clear()
    run_fields(run, FieldsOptions(layer=1, sort="effect"), progress)
    assert not [line for line in told if "noise" in line]
    with pytest.raises(UsageError, match="take ablation"):
        draw(trained_run, layer=3, sort="effect")


def test_a_filter_that_is_the_gradient_too_has_one_name(trained_run: Path) -> None:
    first, second = (draw(trained_run, layer=layer).kind_names for layer in (1, 2))
    assert list(first.values()) == ["filter = gradient", "average", "pattern"]
    assert list(second) == list(KINDS)


def test_layers_units_and_models_that_are_not_there_are_refused(trained_run: Path) -> None:
    with pytest.raises(UsageError, match="no layer 4"):
        draw(trained_run, layer=4)
    with pytest.raises(UsageError, match="no unit 12"):
        draw(trained_run, layer=2, units="12")
    (trained_run / "model.pt").unlink()
    with pytest.raises(RunDirectoryError, match="no model"):
        draw(trained_run, layer=1)


def test_data_that_are_gone_are_told(trained_run: Path) -> None:
    manifest = trained_run / "run.json"
    manifest.write_text(manifest.read_text().replace('"path": null', '"path": "/gone/MNIST.mat"'))
    with pytest.raises(
        DataError, match=r"/gone/MNIST.mat, the run's data file, does not exist: give it as DATA"
    ):
        draw(trained_run)
