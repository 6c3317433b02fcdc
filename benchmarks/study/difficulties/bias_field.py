"""Intensity inhomogeneity: the same tissue is brighter in one place than in another."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from benchmarks.study.difficulties import Difficulty
from benchmarks.study.subjects import FINE, Subject, blocks, clean_image
from benchmarks.study.torchio_arrays import transformed

#: of the polynomial whose exponential the field is
ORDER = 3


def image(subject: Subject, strength: float, seed: int) -> NDArray[np.float32]:
    """Multiply with a smooth field of mean 1 over the body."""
    import torchio

    clean = clean_image(subject)
    body = blocks((subject.tissues > 0).astype(np.float32), FINE) > 0.5
    field = torchio.transforms.BiasField(coefficients(body, strength, seed), ORDER)
    return transformed(field, clean, FINE * subject.spacing)


def coefficients(body: NDArray[np.bool_], strength: float, seed: int) -> list[float]:
    """Scale a random polynomial so that the field's extremes within the body are as 1 + strength to 1 - strength."""
    powers = [
        x + y + z
        for x in range(ORDER + 1)
        for y in range(ORDER + 1 - x)
        for z in range(ORDER + 1 - x - y)
    ]
    # the higher the power, the less of it: what a coil does is mostly a slope
    drawn = np.random.default_rng(seed).standard_normal(len(powers)) / np.maximum(powers, 1)
    drawn[0] = 0
    unit = np.log(_field(body.shape, drawn)[body])
    drawn *= 2 * math.atanh(strength) / (unit.max() - unit.min())
    # a constant factor, so that the body is on the whole as bright as before
    drawn[0] = -math.log(_field(body.shape, drawn)[body].mean(dtype=np.float64))
    return [float(value) for value in drawn]


def _field(shape: tuple[int, ...], drawn: NDArray[np.float64]) -> NDArray[np.float32]:
    from torchio.transforms import BiasField

    # of an image, only the shape counts, the first axis being that of channels
    data = np.broadcast_to(np.float32(0), (1, *shape))
    return np.asarray(BiasField.generate_bias_field(data, ORDER, drawn.tolist()))


DIFFICULTY = Difficulty(
    title="Intensity inhomogeneity",
    section="2.3",
    unit="s, where the field's extremes within the body are as 1 + s to 1 - s",
    strengths=(0.2, 0.35, 0.5, 0.65, 0.8),
    image=image,
)
