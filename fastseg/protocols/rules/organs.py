"""Organs as whole structures: which of them both maps have, where they lie, and Dice of their voxels."""

from __future__ import annotations

import math

from fastseg.inputs.structures import Structure
from fastseg.measures.joint_histogram import Counts
from fastseg.measures.regions import Region
from fastseg.protocols.framework.label_pair import LabelPair


def both_have(pair: LabelPair, structure: Structure) -> bool:
    """Tell whether a structure has voxels in both maps."""
    return not pair.histogram.pair_counts(structure.reference, structure.prediction).empty


def region_of(pair: LabelPair, structure: Structure) -> Region:
    """Give the labels of a structure and the box that holds them."""
    sides = structure.reference, structure.prediction
    return Region(*sides, pair.histogram.box(*sides))


def dice_of(counts: Counts) -> float:
    """Give 2|R∩P| / (|R| + |P|) in float64; nan where there is neither."""
    total = counts.reference + counts.prediction
    return 2 * counts.tp / total if total else math.nan
