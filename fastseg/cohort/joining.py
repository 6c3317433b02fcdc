"""Many cases as one evaluation, and what has to be said of all of them together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from fastseg.cohort.folders import some
from fastseg.cohort.pairing import Pairing
from fastseg.evaluation.settings import Settings
from fastseg.inputs.structures import SIDES, label_text
from fastseg.protocols.framework.cohort_scores import with_cohort_scores
from fastseg.results import Evaluation
from fastseg.results.failures import Failure
from fastseg.results.missing import Missing, with_missing


def joined_cases(
    evaluations: Sequence[Evaluation], pairing: Pairing, failures: Sequence[Failure]
) -> Evaluation:
    """Join the evaluations of cases into one, whose settings tell what does not stand in its rows.

    Parameters
    ----------
    evaluations : sequence of Evaluation
        At least one.
    pairing : Pairing
    failures : sequence of Failure
        The cases that could not be evaluated.
    """
    evaluation = Evaluation.joined(evaluations)
    about = with_missing(
        evaluation.settings,
        [Missing(case.algorithm, case.name, pairing.policy) for case in pairing.missing],
    )
    return with_cohort_scores(replace(evaluation, settings=about, failures=tuple(failures)))


def absent_labels(evaluation: Evaluation, settings: Settings) -> str:
    """Say which labels were asked for and are in no map at all; "" if there are none."""
    if settings.structures is None:
        return ""
    found: dict[str, Counter[str]] = {}
    for row in evaluation.rows:
        sizes = found.setdefault(row.name, Counter())
        sizes.update(reference=row.counts.reference, prediction=row.counts.prediction)
    absent = []
    for one in settings.structures:
        if one.name not in found:
            continue
        empty = [side for side in SIDES if not found[one.name][side]]
        if len(empty) == 2:
            ids = label_text(one.label)
            absent.append(one.name if one.name == ids else f"{one.name} ({ids})")
        elif empty and one.reference != one.prediction:
            # Numbers of its own on this side: here it matters that they are the right ones.
            ids = "+".join(map(str, getattr(one, empty[0])))
            absent.append(f"{one.name} ({ids} of the {empty[0]})")
    if not absent:
        return ""
    return f"{len(absent)} of {len(settings.structures)} labels asked for are in no map: {some(absent, 5)}"


def unlisted_labels(evaluation: Evaluation) -> str:
    """Say which labels the maps hold that were not asked for, the largest first; "" if there are none."""
    unlisted = evaluation.settings.get("unlisted_labels", {})
    parts = []
    for side in SIDES:
        sizes = Counter(unlisted.get(side, {})).most_common()
        texts = [f"{label} ({size} voxel{'s' * (size != 1)})" for label, size in sizes]
        if texts:
            parts.append(f"{some(texts)} in the {side}")
    return f"labels that were not asked for: {'; '.join(parts)}" if parts else ""
