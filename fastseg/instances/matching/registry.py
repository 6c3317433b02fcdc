"""The rules of matching, by name, and the one function that applies them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from fastseg.errors import InputError
from fastseg.inputs.choices import unknown
from fastseg.inputs.scalars import shown
from fastseg.instances.matching.any import any_overlap
from fastseg.instances.matching.center import center
from fastseg.instances.matching.greedy import greedy
from fastseg.instances.matching.merge import merge
from fastseg.instances.matching.optimal import optimal
from fastseg.instances.matching.options import TIES, MatchingOptions, Pairs, Scores, Ties
from fastseg.instances.matching.overlap import overlap
from fastseg.instances.scores import overlaps_of, score_named, scores_of, together
from fastseg.measures.instance_table import InstanceTable, Longs
from fastseg.measures.matching import Matching


class Rule(NamedTuple):
    """A rule of matching.

    Attributes
    ----------
    name : str
    function : callable
        From a table, the scores of its pairs and the options to the pairs accepted, in any order.
    about : str
        Which pairs it accepts, in words.
    ties : str
        Which of several pairs, or choices of pairs, with equal scores it accepts.
    """

    name: str
    function: Callable[[InstanceTable, Scores, MatchingOptions], Pairs]
    about: str
    ties: str


RULES = {
    rule.name: rule
    for rule in (
        Rule(
            "greedy",
            greedy,
            "the best pair that reaches the threshold, then the best of what is left; with `many_to_one` each "
            "prediction goes to its best reference instance",
            "the smaller reference id first, then the smaller prediction id",
        ),
        Rule(
            "optimal",
            optimal,
            "of the pairs that reach the threshold those with the largest sum of scores, each instance in one at most; "
            "with `many_to_one` as greedy",
            "those of SciPy's assignment of what is connected by pairs, ids ascending",
        ),
        Rule(
            "overlap",
            overlap,
            "every pair that reaches the threshold; with `together`, all pairs of a reference instance that all "
            "predictions that touch it reach as if they were one",
            "there are none",
        ),
        Rule("any", any_overlap, "every pair that shares a voxel", "there are none"),
        Rule(
            "center",
            center,
            "the reference instance that holds a prediction's centre, for the best such prediction; with `many_to_one` "
            "for each",
            "the smaller prediction id first",
        ),
        Rule(
            "merge",
            merge,
            "as greedy, and a prediction that is left joins a reference instance that is found where the score of all "
            "its predictions together rises by it",
            "as greedy",
        ),
    )
}


def match(
    table: InstanceTable,
    *,
    matching: str = "greedy",
    score: str = "iou",
    threshold: float = 0.5,
    strict: bool = False,
    many_to_one: bool = False,
    ties: Ties = "reference",
    pair_bonus: float = 0.0,
    together: bool = False,
    centers: Sequence[int] | Longs | None = None,
) -> Matching:
    """Match the instances of two maps.

    Parameters
    ----------
    table : InstanceTable
    matching : {"greedy", "optimal", "overlap", "any", "center", "merge"}
        The rule, see :data:`RULES` and its file for what it does and how ties are decided.
    score : {"iou", "dice", "recall", "precision"}
        What a pair is judged by; recall is the share of the reference instance, precision that of the predicted one.
    threshold : float
        Least score of a pair, 0 to 1. Only pairs that share a voxel have one.
    strict : bool
        Whether a score has to be above the threshold.
    many_to_one : bool
        Whether several predictions may be matched to one reference instance; "overlap", "any" and "merge" allow it
        anyway.
    ties : {"reference", "prediction"}
        Of pairs with equal scores, whether that with the smaller reference id or prediction id comes first; of
        "greedy" and "merge".
    pair_bonus : float
        Of "optimal": what each pair counts beside its score. inf is for as many pairs as possible.
    together : bool
        Of "overlap": whether all predictions that touch a reference instance are judged as one.
    centers : int ndarray (number of predicted instances,), optional
        Of "center": the reference id at the centre of each prediction, ascending by id; 0 where there is none.

    Returns
    -------
    Matching

    Raises
    ------
    InputError
        For an unknown name or a threshold or bonus that cannot be meant.
    """
    if not isinstance(matching, str) or matching not in RULES:
        raise unknown("matching", matching, RULES)
    if ties not in TIES:
        raise unknown("ties", ties, TIES)
    options = MatchingOptions(
        score_named(score).name,
        _as_threshold(threshold),
        bool(strict),
        bool(many_to_one),
        ties,
        _as_bonus(pair_bonus),
        bool(together),
        None if centers is None else np.asarray(centers, np.int64),
    )
    scores = scores_of(table, options.score)
    references, predictions = RULES[matching].function(table, scores, options)
    order = np.lexsort((predictions, references))
    return _matching(table, references[order], predictions[order], matching, options)


def _matching(
    table: InstanceTable, references: Longs, predictions: Longs, rule: str, options: MatchingOptions
) -> Matching:
    of_references = together(table, references, predictions, options.score)
    if rule == "merge":
        scores = of_references[references]
    else:
        scores = score_named(options.score).of(
            overlaps_of(table, references, predictions),
            table.reference.sizes[references],
            table.prediction.sizes[predictions],
        )
    return Matching(table, references, predictions, scores, options.score, of_references)


def _as_threshold(threshold: float) -> float:
    if _is_number(threshold) and 0 <= threshold <= 1:
        return float(threshold)
    raise InputError(f"threshold: expected a number from 0 to 1, got {shown(threshold)}")


def _as_bonus(bonus: float) -> float:
    if _is_number(bonus) and bonus >= 0:
        return float(bonus)
    raise InputError(f"pair_bonus: expected a number of at least 0, got {shown(bonus)}")


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)
