"""Center: a prediction finds the reference instance in which its centre lies. The threshold plays no part.

Which instance that is cannot be read off the table: `centers` tells it. Of several predictions of one reference
instance the one with the best score is accepted, of equal ones that with the smallest id; with `many_to_one`, all.
"""

from __future__ import annotations

import numpy as np

from fastseg.errors import InputError
from fastseg.instances.matching.options import MatchingOptions, Pairs, Scores
from fastseg.instances.scores import overlaps_of, score_named
from fastseg.measures.instance_table import InstanceTable


def center(table: InstanceTable, scores: Scores, options: MatchingOptions) -> Pairs:
    """Accept the reference instance at each prediction's centre."""
    if options.centers is None:
        raise InputError('matching="center": expected centers, the reference id at each prediction')
    if len(options.centers) != len(table.prediction):
        raise InputError(
            f"centers: expected one for each of {len(table.prediction)} predictions, "
            f"got {len(options.centers)}"
        )
    predictions = options.centers.nonzero()[0]
    wanted = options.centers[predictions]
    references = np.searchsorted(table.reference.ids, wanted)
    known = np.append(table.reference.ids, 0)[references] == wanted
    if not known.all():
        raise InputError(f"centers: {wanted[~known][0]} is no instance of the reference")
    if not options.many_to_one:
        best = score_named(options.score).of(
            overlaps_of(table, references, predictions),
            table.reference.sizes[references],
            table.prediction.sizes[predictions],
        )
        order = np.lexsort((predictions, -best))
        _, first = np.unique(references[order], return_index=True)
        kept = order[first]
        references, predictions = references[kept], predictions[kept]
    return references, predictions
