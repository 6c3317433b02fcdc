"""What a rule of matching may depend on besides the table."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastseg.measures.instance_table import InstanceTable, Longs

#: whose ids decide first between pairs of equal score
Ties = Literal["reference", "prediction"]
TIES: tuple[Ties, ...] = ("reference", "prediction")

Scores = NDArray[np.float64]
#: rows of the reference and of the prediction
Pairs = tuple[Longs, Longs]


class MatchingOptions(NamedTuple):
    """The options of :func:`fastseg.instances.matching.match`, checked."""

    score: str = "iou"
    threshold: float = 0.5
    strict: bool = False
    many_to_one: bool = False
    ties: Ties = "reference"
    pair_bonus: float = 0.0
    together: bool = False
    centers: Longs | None = None


def reaching(scores: Scores, options: MatchingOptions) -> Longs:
    """Find the scores that reach the threshold: their indices."""
    reached = scores > options.threshold if options.strict else scores >= options.threshold
    return reached.nonzero()[0]


def best_first(table: InstanceTable, scores: Scores, pairs: Longs, ties: Ties) -> Longs:
    """Order some pairs of the table by descending score, equal ones by ascending ids of both sides.

    Parameters
    ----------
    pairs : int64 ndarray
        Ascending indices of the pairs.
    ties : {"reference", "prediction"}
        Which id is compared first.
    """
    if ties == "prediction":
        # the table is sorted by the reference, which a stable sort keeps
        pairs = pairs[np.argsort(table.prediction_rows[pairs], kind="stable")]
    return pairs[np.argsort(-scores[pairs], kind="stable")]
