"""How well two instances agree, from the voxels that they share and their sizes: float64, each correctly rounded."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastseg.inputs.choices import unknown
from fastseg.measures.instance_table import InstanceTable, Longs
from fastseg.metrics.synonyms import one_name


class Score(NamedTuple):
    """A score of pairs, between 0 and 1.

    Attributes
    ----------
    name : str
    of : callable
        From the voxels shared, of the reference instance and of the predicted one, arrays or numbers, to the score.
    formula : str
    transposed : str
        The score that exchanging the two sides makes of it.
    """

    name: str
    of: Callable[[Any, Any, Any], Any]
    formula: str
    transposed: str


SCORES = {
    score.name: score
    for score in (
        Score("iou", lambda both, r, p: both / (r + p - both), "|R ∩ P| / |R ∪ P|", "iou"),
        Score("dice", lambda both, r, p: 2 * both / (r + p), "2 |R ∩ P| / (|R| + |P|)", "dice"),
        Score("recall", lambda both, r, p: both / r, "|R ∩ P| / |R|", "precision"),
        Score("precision", lambda both, r, p: both / p, "|R ∩ P| / |P|", "recall"),
    )
}


def score_named(name: str) -> Score:
    """Find a score by its name or a synonym of it ("jaccard", "dsc", "sensitivity").

    Raises
    ------
    InputError
        If there is none of that name.
    """
    known = one_name(name) if isinstance(name, str) else ""
    if known not in SCORES:
        raise unknown("score", name, SCORES)
    return SCORES[known]


def scores_of(table: InstanceTable, score: str = "iou") -> NDArray[np.float64]:
    """Score all pairs of a table.

    Parameters
    ----------
    table : InstanceTable
    score : {"iou", "dice", "recall", "precision"}
        Recall is the share of the reference instance, precision that of the predicted one.

    Returns
    -------
    float64 ndarray (m,)
        In the order of the table's pairs.

    Raises
    ------
    InputError
        For another score.
    """
    found: NDArray[np.float64] = score_named(score).of(
        table.overlaps, table.reference_sizes, table.prediction_sizes
    )
    return found


def together(
    table: InstanceTable, reference_rows: Longs, prediction_rows: Longs, score: str = "iou"
) -> NDArray[np.float64]:
    """Score each reference instance with all predictions that it is paired with, as if they were one.

    Parameters
    ----------
    table : InstanceTable
    reference_rows, prediction_rows : int64 ndarray (k,)
        The pairs, each once, whether they overlap or not.
    score : str
        As in :func:`scores_of`.

    Returns
    -------
    float64 ndarray (number of reference instances,)
        nan for those in no pair.
    """
    n = len(table.reference)
    both, predicted, pairs = (np.zeros(n, np.int64) for _ in range(3))
    np.add.at(both, reference_rows, overlaps_of(table, reference_rows, prediction_rows))
    np.add.at(predicted, reference_rows, table.prediction.sizes[prediction_rows])
    np.add.at(pairs, reference_rows, 1)
    found = np.full(n, np.nan)
    paired = pairs.nonzero()[0]
    found[paired] = score_named(score).of(
        both[paired], table.reference.sizes[paired], predicted[paired]
    )
    return found


def overlaps_of(table: InstanceTable, reference_rows: Longs, prediction_rows: Longs) -> Longs:
    """Look up how many voxels pairs share, 0 where they share none."""
    width = max(1, len(table.prediction))
    known = table.reference_rows * width + table.prediction_rows
    wanted = reference_rows * width + prediction_rows
    overlaps = np.zeros(len(wanted), np.int64)
    if len(known):
        places = np.minimum(np.searchsorted(known, wanted), len(known) - 1)
        hits = known[places] == wanted
        overlaps[hits] = table.overlaps[places[hits]]
    return overlaps
