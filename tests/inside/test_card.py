from pathlib import Path

import numpy as np
import pytest

from mnistffn.errors import UsageError
from mnistffn.inside.card import run_cards
from mnistffn.inside.fields import run_fields
from mnistffn.inside.layer import open_layer
from mnistffn.inside.maximize import run_maximize
from mnistffn.inside.options import FieldsOptions, MaximizeOptions
from mnistffn.progress import Progress
from mnistffn.run.directory import RunDirectory


@pytest.mark.parametrize(("layer", "unit"), [(2, 7), (3, 4)])
@pytest.mark.usefixtures("pictures")
def test_a_card_holds_what_fields_and_maximize_find(trained_run: Path, layer: int, unit: int) -> None:
    run, options = RunDirectory(trained_run), MaximizeOptions(layer=layer, units=str(unit), steps=40)
    cards = run_cards(run, options, Progress())
    assert cards.stages == [f"card-layer{layer}-unit{unit}"]
    content = run.read_json(f"card-layer{layer}-unit{unit}.json")
    fields = run_fields(run, FieldsOptions(layer=layer, units=str(unit)), Progress())
    found = run_maximize(run, options, Progress())
    assert content["score"]["activation"] == pytest.approx(found.scores[0].activation)
    assert content["score"]["most_real"][:3] == found.scores[0].most_real
    assert content["ablation"] == fields.statistics[0].ablation
    assert content["r2"]["pattern"] == pytest.approx(fields.r2["pattern"][0])
    with np.load(trained_run / f"card-layer{layer}-unit{unit}.npz") as arrays:
        np.testing.assert_allclose(arrays["pattern"], fields.fields["pattern"][0])
        np.testing.assert_allclose(arrays["maximizing"], found.images[0])
        assert arrays["most_real"].shape == (8, 8, 8)
    assert (trained_run / f"card-layer{layer}-unit{unit}.png").stat().st_size > 20000


def test_every_unit_gets_a_page_and_what_other_commands_wrote_stays(trained_run: Path) -> None:
    run = RunDirectory(trained_run)
    run_maximize(run, MaximizeOptions(layer=1, steps=2), Progress())
    before = (trained_run / "maximize-layer1.npz").read_bytes()
    cards = run_cards(run, MaximizeOptions(layer=1, units="2,20", steps=2), Progress())
    assert cards.stages == ["card-layer1-unit2", "card-layer1-unit20"]
    assert [score.unit for score in cards.scores] == [2, 20]
    assert (trained_run / "maximize-layer1.npz").read_bytes() == before
    assert set(cards.stages) < set(run.manifest().stages)
    fields = run_fields(run, FieldsOptions(layer=1, units="2,20"), Progress())
    for row, stage in enumerate(cards.stages):
        content = run.read_json(f"{stage}.json")
        assert content["unit"] == (2, 20)[row]
        assert content["class_means"] == fields.statistics[row].class_means
        assert content["score"]["most_real"] == cards.scores[row].most_real
        with np.load(trained_run / f"{stage}.npz") as arrays:
            np.testing.assert_allclose(arrays["filter"], fields.fields["filter"][row])
            images = open_layer(run, 1, Progress()).run_data.dataset.images
            np.testing.assert_allclose(arrays["most_real"], images[cards.scores[row].most_real] / 255)


def test_no_more_than_fifty_pages_are_written(trained_run: Path, monkeypatch) -> None:
    monkeypatch.setattr("mnistffn.inside.card.MOST_CARDS", 3)
    with pytest.raises(UsageError, match="24 units are too many for a page each"):
        run_cards(RunDirectory(trained_run), MaximizeOptions(layer=1, units="all"), Progress())
