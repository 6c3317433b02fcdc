"""Organs as whole structures: which of them both maps have, where they lie, and Dice of their voxels."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from fastseg.inputs.structures import Structure
from fastseg.measures.joint_histogram import Counts
from fastseg.measures.regions import Region
from fastseg.protocols.framework.label_pair import LabelPair
from fastseg.results.rows import Row


def both_have(pair: LabelPair, structure: Structure) -> bool:
    """Tell whether a structure has voxels in both maps."""
    return not pair.histogram.pair_counts(structure.reference, structure.prediction).empty


def region_of(pair: LabelPair, structure: Structure) -> Region:
    """Give the labels of a structure and the box that holds them."""
    sides = structure.reference, structure.prediction
    return Region(*sides, pair.histogram.box(*sides))


def by_column(
    rows: Sequence[Row], scores: Sequence[str], named: Callable[[str, Row], str]
) -> dict[str, list[float]]:
    """Gather the values of each column of an organiser's table, score by score, in the order of the rows.

    Parameters
    ----------
    rows : sequence of Row
    scores : sequence of str
    named : callable
        Gives the name of a column from a score and a row.
    """
    values: dict[str, list[float]] = {}
    for score in scores:
        for row in rows:
            values.setdefault(named(score, row), []).append(row[score])
    return values


def dice_of(counts: Counts) -> float:
    """Give 2|R∩P| / (|R| + |P|) in float64; nan where there is neither."""
    total = counts.reference + counts.prediction
    return 2 * counts.tp / total if total else math.nan
