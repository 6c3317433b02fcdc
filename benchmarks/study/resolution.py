"""Images of a lower resolution than the grid they are given on."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from benchmarks.study.subjects import FINE, NOISE, Subject, render
from benchmarks.study.torchio_arrays import on_the_grid


def seen_in_blocks(subject: Subject, size: tuple[int, int, int], seed: int) -> NDArray[np.float32]:
    """Image the subject with voxels of this many fine ones along each axis, and interpolate to the image's grid.

    The noise is that of the large voxels: interpolating smooths it, as it does in any image brought to another grid.
    """
    fine = render(subject)
    shape = [n // FINE for n in fine.shape]
    pads = [(0, -n % length) for n, length in zip(fine.shape, size, strict=True)]
    fine = np.pad(fine, pads, mode="edge")
    counts = [n // length for n, length in zip(fine.shape, size, strict=True)]
    coarse = fine.reshape(counts[0], size[0], counts[1], size[1], counts[2], size[2]).mean(
        (1, 3, 5)
    )
    rng = np.random.default_rng(seed)
    coarse += rng.normal(0, NOISE, coarse.shape).astype(np.float32)
    return on_the_grid(coarse, size, shape, FINE)
