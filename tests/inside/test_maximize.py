import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from mnistffn import FeedForwardClassifier
from mnistffn.errors import UsageError
from mnistffn.inside.layer import OpenLayer, open_layer
from mnistffn.inside.maximize import MaximizeResult, maximize, run_maximize
from mnistffn.inside.objectives import Targets
from mnistffn.inside.options import STARTS, MaximizeOptions
from mnistffn.network.network import propagate
from mnistffn.progress import Progress
from mnistffn.run.directory import RunDirectory


def climb(run: Path, *, animate: bool = False, **options: object) -> MaximizeResult:
    return run_maximize(RunDirectory(run), MaximizeOptions(**options), Progress(), animate=animate)


@pytest.fixture
def opened(trained_run: Path) -> OpenLayer:
    return open_layer(RunDirectory(trained_run), None, Progress())


def preactivations(opened: OpenLayer, layer: int, images: np.ndarray) -> np.ndarray:
    inputs = torch.from_numpy(images.reshape(len(images), -1))
    return propagate(opened.layers[:layer], inputs)[-1].numpy()


def test_each_digit_of_a_trained_network_gets_the_class_it_was_made_for(trained_run: Path) -> None:
    result = climb(trained_run)
    assert [score.prediction for score in result.scores] == list(range(10))
    assert min(score.probability for score in result.scores) > 0.5
    assert [score.rank for score in result.scores] == [1] * 10
    with np.load(trained_run / "maximize-layer3.npz") as arrays:
        assert arrays["images"].shape == (10, 8, 8)
        assert arrays["images"].dtype == np.float32
        assert arrays["images"].min() >= 0
        assert arrays["images"].max() <= 1
        assert arrays["units"].tolist() == list(range(10))
        assert arrays["most_real"].shape == arrays["least_real"].shape == (10, 3, 8, 8)
        np.testing.assert_array_equal(arrays["most_real"], result.most_real)
    written = RunDirectory(trained_run).read_json("maximize-layer3.json")["scores"]
    assert [score["prediction"] for score in written] == list(range(10))
    assert (trained_run / "maximize-layer3.png").exists()


def test_scores_are_those_of_the_written_images(trained_run: Path, opened: OpenLayer) -> None:
    run_data = opened.run_data
    result = climb(trained_run, layer=1, units="3,5", steps=30)
    images = run_data.dataset.images
    found = preactivations(opened, 1, result.images)
    real = preactivations(opened, 1, images[run_data.split.train].astype("f") / 255)
    for row, (unit, score) in enumerate(zip((3, 5), result.scores, strict=True)):
        assert score.unit == unit
        assert score.activation == pytest.approx(found[row, unit], abs=1e-4)
        assert score.rank == 1 + np.sum(found[row] > found[row, unit])
        assert score.best_real == pytest.approx(real[:, unit].max(), abs=1e-4)
        assert score.ratio == pytest.approx(score.activation / score.best_real)
        order = run_data.split.train[np.argsort(-real[:, unit], kind="stable")]
        assert score.most_real == order[:3].tolist()
        assert score.least_real == order[::-1][:3].tolist()
        np.testing.assert_allclose(result.most_real[row], images[score.most_real] / 255, rtol=1e-6)
        np.testing.assert_allclose(result.least_real[row], images[score.least_real] / 255, rtol=1e-6)


def test_the_image_excites_the_unit_more_than_nearly_all_real_images(
    trained_run: Path, opened: OpenLayer
) -> None:
    run_data = opened.run_data
    result = climb(trained_run, layer=2)
    real = preactivations(opened, 2, run_data.dataset.images[run_data.split.train].astype("f") / 255)
    for unit, score in enumerate(result.scores):
        assert score.activation > np.quantile(real[:, unit], 0.97)


def test_all_kinds_of_objectives_are_climbed(trained_run: Path, opened: OpenLayer) -> None:
    result = climb(trained_run, layer=3, objectives=("4-9", "mean", "7", "0.5*1+2"))
    assert result.units.tolist() == [-1, -1, 7, -1]
    assert [score.objective for score in result.scores] == ["4-9", "mean", "7", "0.5*1+2"]
    assert [score.rank is None for score in result.scores] == [True, True, False, True]
    assert result.scores[2].prediction == 7
    layer_mean = climb(trained_run, layer=1, objectives=("mean",)).scores[0]
    assert layer_mean.activation > 0.8 * layer_mean.best_real
    both = climb(trained_run, units="4", objectives=("4-9",), steps=60)
    assert both.units.tolist() == [4, -1]
    logits = preactivations(opened, 3, both.images)
    assert both.scores[1].activation == pytest.approx(logits[1, 4] - logits[1, 9], abs=1e-4)
    assert logits[1, 4] - logits[1, 9] > logits[0, 4] - logits[0, 9], "more 4 than 9 than the 4 is"


@pytest.mark.parametrize("start", STARTS)
def test_any_start_leads_to_an_image_of_the_class(trained_run: Path, start: str) -> None:
    result = climb(trained_run, start=start, units="0,3,6", restarts=4)
    assert [score.prediction for score in result.scores] == [0, 3, 6]


def test_starts_begin_where_they_say(
    opened: OpenLayer,
) -> None:
    run_data = opened.run_data
    targets = Targets.of("3", (), [str(digit) for digit in range(10)])
    still = MaximizeOptions(steps=1, lr=1e-9, varying=0, restarts=1, jitter=0)
    found = {start: maximize(opened, targets, replace(still, start=start)) for start in STARTS}
    images = run_data.dataset.images[run_data.split.train].astype("f") / 255
    expected = {"mean": images.mean(axis=0), "real": found["real"].most_real[0, 0]}
    for start, image in expected.items():
        other = expected["real" if start == "mean" else "mean"]
        near, far = (
            np.corrcoef(found[start].images[0].ravel(), reference.ravel())[0, 1]
            for reference in (image, other)
        )
        assert near > max(0.85, far + 0.03)
    assert np.corrcoef(found["noise"].images[0].ravel(), expected["mean"].ravel())[0, 1] < 0.5


def test_options_bound_the_image(trained_run: Path) -> None:
    short = {"units": "3", "steps": 40, "restarts": 1}
    norms = [np.linalg.norm(climb(trained_run, norm=norm, **short).images) for norm in (0.5, 1.0)]
    assert norms[1] == pytest.approx(2 * norms[0], rel=0.02)
    free = climb(trained_run, pixels="free", **short)
    assert free.images.min() < -0.1
    assert np.linalg.norm(free.images) == pytest.approx(norms[1], rel=0.02)
    few = climb(trained_run, varying=0.9, **short).images[0]
    assert 0 < np.count_nonzero(few) < np.count_nonzero(free.images[0])
    smooth, rough = (climb(trained_run, total_variation=tv, **short).images[0] for tv in (30, 0))
    assert np.abs(np.diff(smooth)).sum() < np.abs(np.diff(rough)).sum()


def test_restarts_never_make_it_worse_and_are_compared(trained_run: Path) -> None:
    # No penalty, so that the best start is the one with the highest activation.
    options = {"layer": 2, "steps": 60, "total_variation": 0.0, "jitter": 0}
    one = climb(trained_run, restarts=1, **options).scores
    assert {score.agreement for score in one} == {None}
    many = climb(trained_run, restarts=6, **options).scores
    assert np.mean([m.activation - o.activation for m, o in zip(many, one, strict=True)]) > 0
    assert all(-1 <= score.agreement <= 1 + 1e-6 for score in many)
    assert min(score.agreement for score in many) < 0.95


def test_equal_seeds_give_equal_images(trained_run: Path) -> None:
    first, second, other = (climb(trained_run, units="1", steps=5, seed=s).images for s in (0, 0, 1))
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(first, other)


def test_an_image_does_not_depend_on_what_else_is_maximized(trained_run: Path) -> None:
    together = climb(trained_run, layer=2, steps=40)
    alone = climb(trained_run, layer=2, units="5", steps=40)
    np.testing.assert_allclose(alone.images[0], together.images[5], atol=1e-3)
    assert alone.scores[0].activation == pytest.approx(together.scores[5].activation, abs=1e-3)


def test_jitter_makes_images_that_survive_shifts(trained_run: Path) -> None:
    options = {"layer": 1, "steps": 100, "total_variation": 0.0, "varying": 0.0}
    still, moved = (
        np.mean([score.survival for score in climb(trained_run, jitter=jitter, **options).scores])
        for jitter in (0, 1)
    )
    assert moved > still + 0.1


def test_penalties_weigh_the_same_for_units_of_any_scale(trained_run: Path, opened: OpenLayer) -> None:
    options = MaximizeOptions(units="3", steps=60, restarts=1)
    targets = Targets.of("3", (), opened.unit_names)
    images = []
    for factor in (1, 1000):
        opened.layers[-1].weight.mul_(factor)
        images.append(maximize(opened, targets, options).images[0])
    np.testing.assert_allclose(images[0], images[1], atol=0.02)


def test_steps_too_large_are_told_to_have_saturated(trained_run: Path) -> None:
    result = climb(trained_run, units="0-3", lr=500.0, steps=20, total_variation=0.0)
    assert any((score.problem or "").startswith("saturated") for score in result.scores)


def test_a_unit_without_weights_is_told_to_have_no_gradient_and_a_dead_one_to_be_dead(
    trained_run: Path,
) -> None:
    classifier = FeedForwardClassifier.load(trained_run / "model.pt")
    norm = classifier.module_.hidden[0].norm
    with torch.no_grad():
        norm.weight[2], norm.bias[2] = 0, 1
        norm.bias[5] = -100
    classifier.save(trained_run / "model.pt")
    with pytest.warns(UserWarning, match="changed since"):
        scores = climb(trained_run, layer=1, units="2,5,6").scores
    assert scores[0].problem.startswith("no gradient")
    assert scores[1].problem.startswith("dead: no training image turns it on")
    assert scores[1].ratio is None
    assert scores[2].problem is None


@pytest.mark.usefixtures("pictures")
def test_the_ascent_is_written_as_a_gif_that_ends_in_the_images(trained_run: Path) -> None:
    result = climb(trained_run, units="3,4", steps=50, animate=True)
    assert min(result.frames) == 0
    assert max(result.frames) == 50
    np.testing.assert_array_equal(result.frames[50], result.images)
    with Image.open(io.BytesIO((trained_run / "maximize-layer3.gif").read_bytes())) as picture:
        assert picture.n_frames == len(result.frames) > 20
        first = np.asarray(picture.convert("L"))
        picture.seek(picture.n_frames - 1)
        assert np.abs(np.asarray(picture.convert("L")).astype(int) - first).mean() > 2
    climb(trained_run, units="3,4", steps=5)
    assert not (trained_run / "maximize-layer3.gif").exists(), "it would be of another ascent"


@pytest.mark.parametrize(
    "options",
    [
        {"steps": 0}, {"lr": 0}, {"lr": float("inf")}, {"total_variation": -1}, {"jitter": -1},
        {"pixels": "x"}, {"norm": 0}, {"norm": float("nan")}, {"varying": 1}, {"varying": -0.1},
        {"start": "x"}, {"restarts": 0},
    ],
)  # fmt: skip
def test_options_out_of_range_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(UsageError, match=next(iter(options))):
        MaximizeOptions(**options)


def frame(opened: OpenLayer, value: int) -> OpenLayer:
    """Return the same network on images that a line of constant pixels is joined to above."""
    first, data = opened.layers[0], opened.run_data
    images = np.pad(data.dataset.images, ((0, 0), (1, 0), (0, 0)), constant_values=value)
    weight = torch.cat([torch.randn(len(first.bias), 8), first.weight], dim=1)
    bias = first.bias - weight[:, :8].sum(dim=1) * value / 255
    layers = [first._replace(weight=weight, bias=bias), *opened.layers[1:]]
    dataset = replace(data.dataset, images=images)
    return replace(opened, layers=layers, run_data=replace(data, dataset=dataset))


@pytest.mark.parametrize("value", [0, 255])
def test_a_constant_frame_stays_as_it_is_and_leaves_the_rest_alone(
    opened: OpenLayer, value: int
) -> None:
    """Weights of pixels that do not vary are what they were initialised with: nothing to feed on."""
    targets = Targets.of("3,5", (), opened.unit_names)
    options = MaximizeOptions(steps=60, total_variation=0.0, jitter=0, start="mean", varying=0.001)
    result = maximize(frame(opened, value), targets, options, n_frames=2)
    for images in (result.images, *result.frames.values()):
        np.testing.assert_array_equal(images[:, 0], np.full((2, 8), value / 255, np.float32))
    plain = maximize(opened, targets, options)
    for framed, score in zip(result.scores, plain.scores, strict=True):
        assert framed.activation == pytest.approx(score.activation, rel=0.1)
        assert framed.best_real == pytest.approx(score.best_real, rel=1e-3)
        assert framed.prediction == score.prediction
        assert framed.problem is None


def test_images_that_are_one_white_square_are_all_flagged(trained_run: Path) -> None:
    result = climb(trained_run, layer=1, norm=1e6, steps=20)
    assert {score.problem.split(":")[0] for score in result.scores} == {"saturated"}


def test_a_class_whose_image_is_read_as_another_has_a_problem(opened: OpenLayer) -> None:
    targets = Targets.of("3,7", (), opened.unit_names)
    opened.layers[-1].weight[8] = 3 * opened.layers[-1].weight[3]  # whatever is a 3 is more of an 8
    opened.layers[-1].bias[8] = 3 * opened.layers[-1].bias[3]
    three, seven = maximize(opened, targets, MaximizeOptions(steps=60, restarts=1)).scores
    assert three.problem == "misread: the network takes it for 8"
    assert seven.problem is None
