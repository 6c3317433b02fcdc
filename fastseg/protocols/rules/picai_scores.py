"""PI-CAI's scores of a cohort, from the rows of its cases: patients by ROC, lesions by precision and recall."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastseg.errors import InputError
from fastseg.measures.detection_curves import OperatingPoints, auroc, average_precision
from fastseg.protocols.framework.options import Options
from fastseg.results.rows import Row

Floats = NDArray[np.float64]
Floating = NDArray[np.floating[Any]]

# The script keeps about so many thresholds of more, and all of these.
_MOST_THRESHOLDS, _ALWAYS_ABOVE, _ALWAYS_LOWEST = 10_000, 0.8, 20


@dataclass(frozen=True, eq=False)
class _Lesions:
    """What a cohort's scores are made of: one entry a lesion or false positive, and one a case."""

    is_lesion: NDArray[np.bool_]
    confidences: Floats
    case_targets: NDArray[np.bool_]
    case_confidences: Floats

    @classmethod
    def joined(cls, cases: Iterable[_Lesions]) -> _Lesions:
        parts = list(cases)
        return cls(
            *(np.concatenate([getattr(one, name) for one in parts]) for name in cls.__annotations__)
        )

    @property
    def auroc(self) -> float:
        return auroc(self.case_confidences, self.case_targets)

    def average_precision(self, options: Options) -> float:
        found = self.confidences > 0  # what was missed stands there with 0
        points = OperatingPoints.of(self.confidences[found], self.is_lesion[found])
        lesions = int(self.is_lesion.sum())
        if not lesions and options.quirk("no-lesions-is-zero"):
            return 0.0
        return average_precision(points, lesions=lesions)


def aggregate(rows: Sequence[Row], options: Options) -> dict[str, float]:
    """Score a cohort: patients by the area under the ROC curve, lesions by average precision, and their mean."""
    cases = _cases(rows)
    if not cases:
        return {}
    every = _Lesions.joined(cases)
    area, precision = every.auroc, every.average_precision(options)
    scores = {
        "auroc": area,
        "AP": precision,
        "score": (area + precision) / 2,
        "num_cases": float(len(cases)),
        "num_lesions": float(every.is_lesion.sum()),
    }
    sensitivity, rates = _lesion_curve(every, len(cases), options)
    for rate in options["false_positive_rates"]:
        within = sensitivity[rates <= rate]
        scores[f"lesion_TPR_at_FPR_{rate:g}"] = float(within[-1]) if len(within) else 0.0
    if options["n_bootstraps"]:
        scores.update(_bootstrapped(cases, options))
    return scores


def _cases(rows: Sequence[Row]) -> list[_Lesions]:
    """Gather the rows of each case, in the order of the names."""
    held: dict[str, tuple[list[Row], list[Row]]] = {}
    for row in rows:
        structure, instances = held.setdefault(row.case, ([], []))
        (instances if row.level == "instance" else structure).append(row)
    cases = []
    for name in sorted(held):
        structure, instances = held[name]
        if len(structure) != 1:
            raise InputError(f"{len(structure)} rows of case {name!r:.80} as a whole, expected one")
        cases.append(
            _Lesions(
                np.array([row["is_lesion"] == 1 for row in instances], bool),
                np.array([_confidence(row) for row in instances], np.float64),
                np.array([structure[0]["case_target"] == 1]),
                np.array([structure[0]["case_pred"]], np.float64),
            )
        )
    return cases


def _confidence(row: Row) -> float:
    """Give a lesion's confidence; 0 where it was missed."""
    return 0.0 if row.prediction_label is None or row.instance is None else row.instance.confidence


def _lesion_curve(every: _Lesions, cases: int, options: Options) -> tuple[Floating, Floating]:
    """Give sensitivity and false positives a case at each threshold, from the highest to the lowest."""
    points = OperatingPoints.of(every.confidences, every.is_lesion)
    single = options.quirk("single-precision")
    dtype = np.dtype(np.float32 if single else np.float64)
    hits: Floating = points.hits.astype(dtype)
    misses: Floating = points.misses.astype(dtype)
    thresholds = points.thresholds
    if options.quirk("thresholds-thinned") and len(thresholds) > _MOST_THRESHOLDS:
        kept = _thinned(thresholds)
        hits, misses, thresholds = hits[kept], misses[kept], thresholds[kept]
    if options.quirk("last-threshold-is-lost"):
        if len(hits) < 2:
            hits, misses = np.zeros(2), np.array([0, math.inf])
        else:
            hits[-1], misses[-1] = hits[-2], math.inf
    else:
        real = thresholds > 0
        hits, misses = hits[real], misses[real]
    lesions = int(every.is_lesion.sum())
    with np.errstate(invalid="ignore"):
        sensitivity = hits / lesions if lesions else np.full(len(hits), math.nan)
    return sensitivity, misses / cases


def _thinned(thresholds: Floats) -> NDArray[np.bool_]:
    """Tell which thresholds the script keeps: NumPy steps by whole numbers where the type is whole, so the highest."""
    many = len(thresholds)
    places = np.arange(1, many, many / _MOST_THRESHOLDS, dtype=np.int32)
    kept = thresholds > _ALWAYS_ABOVE
    kept[places] = True
    kept[-_ALWAYS_LOWEST:] = True
    return kept


def _bootstrapped(cases: Sequence[_Lesions], options: Options) -> dict[str, float]:
    """Give the 2.5th and 97.5th percentile of each score over samples of as many cases, drawn with replacement."""
    rng = np.random.default_rng(options["seed"])
    found = []
    for _ in range(options["n_bootstraps"]):
        sample = _Lesions.joined(cases[i] for i in rng.integers(0, len(cases), len(cases)))
        found.append((sample.auroc, sample.average_precision(options)))
    areas, precisions = np.array(found).T
    ends = [
        (f"{name}_95_ci", np.percentile(values, [2.5, 97.5]))
        for name, values in (
            ("auroc", areas),
            ("ap", precisions),
            ("score", (areas + precisions) / 2),
        )
    ]
    return dict(
        itertools.chain.from_iterable(
            [(f"{name}_lower", float(low)), (f"{name}_upper", float(high))]
            for name, (low, high) in ends
        )
    )
