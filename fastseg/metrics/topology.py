"""Metrics of topology: how many components, tunnels, cavities and holes the prediction has too many or too few."""

from __future__ import annotations

import math
from typing import TypedDict

from fastseg.measures.topology import TopologyPair
from fastseg.metrics.registry import DEFAULTS, Options, metric


class _Error(TypedDict):
    larger_is_better: bool
    best: float
    worst: float


ERROR = _Error(larger_is_better=False, best=0.0, worst=math.inf)
BETTI = "Byrne et al. 2023, doi:10.1109/TMI.2022.3203309"
EULER = "Legland, Kiêu & Devaux 2007, doi:10.5566/ias.v26.p83-92"
HOLES = "holes filled as in scipy.ndimage.binary_fill_holes"


def _betti_error(topology: TopologyPair, dimension: int) -> float:
    return float(abs(topology.prediction.betti[dimension] - topology.reference.betti[dimension]))


@metric("topology", **ERROR, formula="|β₀(P) − β₀(R)|", source=BETTI)
def betti_0_error(topology: TopologyPair, options: Options = DEFAULTS) -> float:
    """How many components the prediction has too many or too few."""
    return _betti_error(topology, 0)


@metric("topology", **ERROR, formula="|β₁(P) − β₁(R)|", source=BETTI)
def betti_1_error(topology: TopologyPair, options: Options = DEFAULTS) -> float:
    """How many tunnels, in a plane holes, the prediction has too many or too few."""
    return _betti_error(topology, 1)


@metric("topology", **ERROR, formula="|β₂(P) − β₂(R)|", source=BETTI)
def betti_2_error(topology: TopologyPair, options: Options = DEFAULTS) -> float:
    """How many cavities the prediction has too many or too few; 0 in a plane."""
    return _betti_error(topology, 2)


@metric("topology", **ERROR, formula="|χ(P) − χ(R)|", source=EULER)
def euler_error(topology: TopologyPair, options: Options = DEFAULTS) -> float:
    """How far the Euler numbers lie apart."""
    return float(abs(topology.prediction.euler - topology.reference.euler))


@metric(
    "topology",
    larger_is_better=None,
    best=0.0,
    worst=math.inf,
    formula="holes of P − holes of R",
    source=HOLES,
)
def hole_count_difference(topology: TopologyPair, options: Options = DEFAULTS) -> float:
    """Holes of the prediction minus those of the reference: positive is too many."""
    return float(topology.prediction.holes - topology.reference.holes)


@metric(
    "topology",
    unit="mm³",
    larger_is_better=None,
    best=0.0,
    worst=math.inf,
    formula="|H(P)| v − |H(R)| v",
    source=HOLES,
    uses=("voxel_volume",),
)
def hole_volume_difference(topology: TopologyPair, options: Options = DEFAULTS) -> float:
    """Volume of the prediction's holes minus that of the reference's: positive is too much."""
    voxels = topology.prediction.hole_voxels - topology.reference.hole_voxels
    return voxels * options.voxel_volume


@metric(
    "topology",
    formula="2 |R′ ∩ P′| / (|R′| + |P′|), M′ = M ∪ H(M)",
    source=f"Dice 1945, doi:10.2307/1932409, {HOLES}",
)
def filled_dice(topology: TopologyPair, options: Options = DEFAULTS) -> float:
    """Dice of both masks with their holes filled: beside Dice it tells what holes alone cost."""
    reference, prediction, both = topology.filled
    return 2 * both / (reference + prediction) if reference + prediction else math.nan


@metric("face_topology", **ERROR, formula="|β₀(P) − β₀(R)|", source=BETTI)
def betti_0_error_faces(topology: TopologyPair, options: Options = DEFAULTS) -> float:
    """As betti_0_error, of masks whose voxels are connected by faces."""
    return _betti_error(topology, 0)


@metric("face_topology", **ERROR, formula="|β₁(P) − β₁(R)|", source=BETTI)
def betti_1_error_faces(topology: TopologyPair, options: Options = DEFAULTS) -> float:
    """As betti_1_error, of masks whose voxels are connected by faces."""
    return _betti_error(topology, 1)


@metric("face_topology", **ERROR, formula="|β₂(P) − β₂(R)|", source=BETTI)
def betti_2_error_faces(topology: TopologyPair, options: Options = DEFAULTS) -> float:
    """As betti_2_error, of masks whose voxels are connected by faces."""
    return _betti_error(topology, 2)


@metric("face_topology", **ERROR, formula="|χ(P) − χ(R)|", source=EULER)
def euler_error_faces(topology: TopologyPair, options: Options = DEFAULTS) -> float:
    """As euler_error, of masks whose voxels are connected by faces."""
    return float(abs(topology.prediction.euler - topology.reference.euler))
