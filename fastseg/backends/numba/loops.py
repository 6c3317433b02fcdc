"""The compiled loops over small structures."""

from __future__ import annotations

from fastseg.backends.numba import small_shapes, small_skeletons, small_structures
from fastseg.backends.numba.batches import Loops
from fastseg.backends.numba.shapes import OFFERED

_OF_DISTANCES = frozenset(("surface_distributions", "surface_distances", "band_overlap"))

#: the measurements of each loop, and what measures those structures that are small
LOOPS: Loops = (
    (_OF_DISTANCES, small_structures.measure),
    (OFFERED, small_shapes.measure),
    (small_skeletons.OFFERED, small_skeletons.measure),
)
