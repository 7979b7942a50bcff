"""All that is known of why an image is read as it is, as arrays and plain values."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mnistffn.data import Split
from mnistffn.explanation.change import find_change
from mnistffn.explanation.choice import Reading
from mnistffn.explanation.pixels import attribute_pixels
from mnistffn.explanation.training import TrainingMeasures, activate, correlate, measure_training
from mnistffn.explanation.units import UnitEvidence, pick, trace_units
from mnistffn.inside.fieldmaps import SMALLEST_PART, average_images
from mnistffn.inside.layer import OpenLayer
from mnistffn.inside.realimages import find_varying
from mnistffn.inside.unitstats import MOST_IMAGES, find_preferred, finite_or_none
from mnistffn.network.network import FeedForwardNetwork
from mnistffn.network.tensors import as_float, as_tensor
from mnistffn.training.parameters import Norm

Found = tuple[dict[str, NDArray[Any]], dict[str, Any]]


@dataclass(frozen=True)
class Explainer:
    """What the explanations of several images share.

    Attributes
    ----------
    opened : OpenLayer
    chains : mapping of int to list of UnitEvidence
        By the image's index: what units gave to the difference of its two logits.
    measures : TrainingMeasures
    rows : mapping of int to int
        By the image's index: its row in ``measures.distances``.
    patterns : mapping of (int, int) to ndarray of shape (pixels,), float32 in [0, 1]
        By layer and unit: the image that the unit's pattern stands for. The output's are all there.
    varying : ndarray of shape (pixels,), bool
        Pixels that vary in at least a thousandth of the training images.
    """

    opened: OpenLayer
    chains: dict[int, list[UnitEvidence]]
    measures: TrainingMeasures
    rows: dict[int, int]
    patterns: dict[tuple[int, int], NDArray[np.float32]]
    varying: NDArray[np.bool_]

    @classmethod
    def of(cls, opened: OpenLayer, readings: Sequence[Reading]) -> "Explainer":
        """Measure what several images share, once for all of them."""
        data, layers = opened.run_data, opened.layers
        images = as_float(as_tensor(data.dataset.flat[[reading.index for reading in readings]]))
        chains = {
            reading.index: trace_units(layers, image, direct(opened, reading))
            for reading, image in zip(readings, images, strict=True)
        }
        X = as_tensor(data.X_train)
        targets = as_tensor(np.searchsorted(opened.classes, data.y_train))
        needed = {len(layers): set(range(len(opened.classes)))}
        for step in (step for chain in chains.values() for step in chain):
            needed.setdefault(step.layer, set()).update(step.strongest + step.opposed)
        patterns = {}
        for layer, units in needed.items():
            order = sorted(units)
            is_output = layer == len(layers)
            found = average_images(layers[:layer], order, X[:MOST_IMAGES], is_output=is_output)
            for unit, image in zip(order, found["pattern_image"].numpy(), strict=True):
                patterns[layer, unit] = image
        return cls(
            opened,
            chains,
            measure_training(layers, X, targets, images),
            {reading.index: row for row, reading in enumerate(readings)},
            patterns,
            find_varying(X[:MOST_IMAGES], SMALLEST_PART)[0].numpy(),
        )

    def explain(
        self, reading: Reading, network: FeedForwardNetwork, robustness: dict[str, Any] | None
    ) -> Found:
        """Explain one image.

        Parameters
        ----------
        reading : Reading
        network : FeedForwardNetwork
            In evaluation mode.
        robustness : dict or None
            What robustness.json says.

        Returns
        -------
        arrays, content : dict
            For explain-<index>.npz and .json.
        """
        data, names = self.opened.run_data, self.opened.classes
        pixels = data.dataset.flat[reading.index]
        content: dict[str, Any] = {
            "index": reading.index if reading.picture is None else None,
            "file": reading.picture,
            "part": None if reading.picture else name_part(data.split, reading.index),
            "classes": names,
            "label": None if reading.label is None else names[reading.label],
            "prediction": names[reading.prediction],
            "rival": names[reading.rival],
            "is_right": None if reading.label is None else reading.is_right,
            "probabilities": reading.probabilities.tolist(),
            "logits": reading.logits.tolist(),
        }
        arrays: dict[str, NDArray[Any]] = {"image": pixels.astype(np.float32) / np.float32(255)}
        parts = [
            self._attribute_pixels(reading),
            self._attribute_units(reading),
            self._compare_with_patterns(reading, arrays["image"]),
            self._find_neighbours(reading),
            self._change(reading, pixels, network, robustness),
        ]
        for more_arrays, more in parts:
            arrays |= more_arrays
            content |= more
        shape = data.dataset.image_shape
        n_pixels = len(pixels)
        shaped = {
            name: array.reshape(*array.shape[:-1], *shape) if array.shape[-1:] == (n_pixels,) else array
            for name, array in arrays.items()
        }
        return shaped, content

    def _attribute_pixels(self, reading: Reading) -> Found:
        """Return the evidence by pixel for both classes and their difference."""
        classes = torch.eye(len(self.opened.classes))
        both = classes[[reading.prediction, reading.rival]]
        directions = torch.cat([both, both[:1] - both[1:]])
        found = attribute_pixels(self.opened.layers, self._take(reading), directions)
        names = ("prediction", "rival", "difference")
        numbers = {"added": found.reached, "gaps": found.gaps, "black": found.black}
        content: dict[str, Any] = {
            name: dict(zip(names, values.tolist(), strict=True)) for name, values in numbers.items()
        }
        rows = zip(names, found.values.numpy(), strict=True)
        arrays = {f"evidence_{name}": row for name, row in rows}
        return arrays, {"pixels": content | {"n_steps": found.n_steps}}

    def _attribute_units(self, reading: Reading) -> Found:
        """Return what units gave to the difference, and what pixels gave to the last of these."""
        chain = self.chains[reading.index]
        arrays: dict[str, NDArray[Any]] = {}
        for place, step in zip(("units", "units_below"), chain, strict=False):
            arrays[f"{place}_contributions"] = step.contributions
            arrays[f"{place}_activations"] = step.activations
            shown = step.strongest + step.opposed
            patterns = [self.patterns[step.layer, unit] for unit in shown]
            if patterns:
                arrays[f"{place}_patterns"] = np.stack(patterns)
        content: dict[str, Any] = {"units": [self._describe_step(step) for step in chain]}
        content["unit_pixels"] = None
        if chain and chain[-1].strongest:
            layer, unit = chain[-1].layer, chain[-1].strongest[0]
            layers = self.opened.layers[:layer]
            found = attribute_pixels(layers, self._take(reading), pick(unit, layers[-1])[None])
            arrays["evidence_unit"] = found.values[0].numpy()
            content["unit_pixels"] = {"layer": layer, "unit": unit, "gap": float(found.gaps[0])}
        return arrays, content

    def _describe_step(self, step: UnitEvidence) -> dict[str, Any]:
        means = self.measures.class_means[step.layer - 1]

        def describe(unit: int) -> dict[str, Any]:
            return {
                "unit": unit,
                "activation": float(step.activations[unit]),
                "contribution": float(step.contributions[unit]),
                "share": step.share(unit),
                "prefers": find_preferred(means[unit], self.opened.classes),
            }

        return {
            "layer": step.layer,
            "unit_above": step.unit_above,
            "sign": step.sign,
            "total": step.total,
            "bias": step.bias,
            "raised": step.raised,
            "strongest": [describe(unit) for unit in step.strongest],
            "opposed": [describe(unit) for unit in step.opposed],
        }

    def _compare_with_patterns(self, reading: Reading, image: NDArray[np.float32]) -> Found:
        """Return how well every class's pattern image fits, and how the image departs from its own."""
        layer, n_classes = len(self.opened.layers), len(self.opened.classes)
        patterns = np.stack([self.patterns[layer, unit] for unit in range(n_classes)])
        agreement = correlate(image[self.varying], patterns[:, self.varying])
        arrays = {"class_patterns": patterns, "departure": image - patterns[reading.target]}
        return arrays, {"agreement": [finite_or_none(value) for value in agreement]}

    def _find_neighbours(self, reading: Reading) -> Found:
        """Return the nearest training images of both classes, in pixels and the last hidden layer."""
        data = self.opened.run_data
        arrays: dict[str, NDArray[Any]] = {}
        content: dict[str, dict[str, Any]] = {}
        for place, distances in self.measures.distances.items():
            away = distances[self.rows[reading.index]].clone()
            away[torch.from_numpy(data.split.train == reading.index)] = torch.inf
            content[place] = {}
            for role in ("prediction", "rival", "any"):
                is_of_class = torch.ones(len(away), dtype=torch.bool)
                if role != "any":
                    name = self.opened.classes[getattr(reading, role)]
                    is_of_class = torch.from_numpy(data.y_train == name)
                row = int(torch.where(is_of_class, away, torch.inf).argmin())
                neighbour = int(data.split.train[row])
                content[place][role] = {
                    "index": neighbour,
                    "label": data.y_train[row].item(),
                    "distance": self._measure_distance(reading.index, neighbour, place),
                }
                if role != "any":
                    pixels = data.dataset.flat[neighbour]
                    arrays[f"nearest_{place}_{role}"] = pixels.astype(np.float32) / np.float32(255)
        return arrays, {"nearest": content}

    def _measure_distance(self, one: int, other: int, place: str) -> float:
        """Return a distance that is exactly 0 for equal images: those of all images at once are not."""
        images = as_float(as_tensor(self.opened.run_data.dataset.flat[[one, other]]))
        with torch.no_grad():
            found = activate(self.opened.layers, images)[place]
        return float((found[0] - found[1]).norm())

    def _change(
        self,
        reading: Reading,
        pixels: NDArray[np.uint8],
        network: FeedForwardNetwork,
        robustness: dict[str, Any] | None,
    ) -> Found:
        """Return the smallest change that turns an error into a hit, or a hit into an error."""
        norm: Norm = robustness["norm"] if robustness else "l2"
        seed = self.opened.run_data.record.split_seed
        change = find_change(
            network, pixels, reading.target, norm, is_right=reading.is_right, seed=seed
        )
        changed = torch.from_numpy(change.image)
        with torch.inference_mode():
            read_as = self.opened.classes[int(network(changed[None]).argmax())]
        content = {
            "norm": norm,
            "strength": change.size,
            "read_as": read_as,
            "median_smallest_strength": robustness and robustness["median_smallest_strength"],
        }
        return {"changed": change.image}, {"change": content}

    def _take(self, reading: Reading) -> Tensor:
        return as_float(as_tensor(self.opened.run_data.dataset.flat[reading.index]))


def name_part(split: Split, index: int) -> str:
    """Return the part of the data that an image is of."""
    if index in split.test:
        return "test"
    return "training" if index in split.train else "left out"


def direct(opened: OpenLayer, reading: Reading) -> Tensor:
    """Return the direction (classes,) of the prediction's logit less the rival's."""
    direction = torch.zeros(len(opened.classes))
    direction[reading.prediction] += 1
    direction[reading.rival] -= 1
    return direction
