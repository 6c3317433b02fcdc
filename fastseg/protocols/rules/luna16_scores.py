"""LUNA16's scores of all scans, from their rows: counts, the mean sensitivity, and how it varies over samples."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fastseg.measures.detection_curves import (
    FALSE_POSITIVE_RATES,
    Curve,
    OperatingPoints,
    sensitivities_at,
)
from fastseg.protocols.framework.options import Options
from fastseg.protocols.rules.scaled_roc import scaled_roc
from fastseg.results.rows import Row

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

# the names of the script's counts
HITS, WRONG, MISSED = "True positives", "False positives", "False negatives"
CANDIDATE_COUNT, NODULE_COUNT = "Total number of candidates", "Total number of nodules"
ON_EXCLUDED = "Ignored candidates on excluded nodules"
DOUBLE = "Ignored candidates which were double detections on a nodule"
COUNTED = (HITS, WRONG, MISSED, CANDIDATE_COUNT, NODULE_COUNT, ON_EXCLUDED, DOUBLE)

# The grids on which the script reads its curves, and how near it looks for a rate.
_FIRST, _LAST, _NEAR = 0.125, 8, 3e-4
_GRID, _BOOTSTRAP_GRID = 10_001, 10_000
_CONFIDENCE = 0.95


@dataclass(frozen=True, eq=False)
class Findings:
    """All detections of a cohort, the surest first, and how many nodules each scan has."""

    probabilities: Floats
    hits: Bools
    scans: NDArray[np.int64]
    nodules: NDArray[np.int64]

    @classmethod
    def of(cls, rows: Sequence[Row]) -> Findings:
        """Gather the rows of scans, nodules and false positives."""
        scan_of = {
            row.case: i for i, row in enumerate(row for row in rows if row.level == "structure")
        }
        found = [
            (row.instance.confidence, row.reference_label is not None, scan_of[row.case])
            for row in rows
            if row.instance is not None and row.prediction_label is not None
        ]
        nodules = np.zeros(len(scan_of), np.int64)
        for row in rows:
            if row.level == "instance" and row.reference_label is not None:
                nodules[scan_of[row.case]] += 1
        probabilities = np.array([one[0] for one in found], np.float64)
        order = np.argsort(-probabilities, kind="stable")
        hits = np.array([one[1] for one in found], bool)[order]
        scans = np.array([one[2] for one in found], np.int64)[order]
        return cls(probabilities[order], hits, scans, nodules)

    def curve(self, weights: NDArray[np.int64], no_hit_is_nan: bool) -> Curve:
        """Give the FROC curve of a sample in which each scan occurs so many times."""
        of_each = weights[self.scans]
        last = np.append(self.probabilities[1:] != self.probabilities[:-1], True)
        until = np.cumsum(of_each)[last[: len(of_each)]]
        hits = np.cumsum(of_each * self.hits)[last[: len(of_each)]]
        there = np.diff(until, prepend=0) > 0
        points = OperatingPoints(
            self.probabilities[last[: len(of_each)]][there], hits[there], (until - hits)[there]
        )
        return scaled_roc(
            points,
            lesions=int((self.nodules * weights).sum()),
            images=int(weights.sum()),
            no_hit_is_nan=no_hit_is_nan,
        )


def aggregate(rows: Sequence[Row], options: Options) -> dict[str, float]:
    """Score all scans: counts, the mean sensitivity at seven rates, and how it varies over samples of scans."""
    scans = [row for row in rows if row.level == "structure"]
    if not scans:
        return {}
    totals = {name: float(sum(row[name] for row in scans)) for name in COUNTED}
    nodules = totals[NODULE_COUNT]
    findings = Findings.of(rows)
    is_nan = options.quirk("no-hit-is-nan")
    curve = findings.curve(np.ones(len(scans), np.int64), is_nan)
    rates = np.array(FALSE_POSITIVE_RATES)
    if options.quirk("rates-on-a-grid"):
        grid = np.linspace(_FIRST, _LAST, num=_GRID)
        rates = np.array([grid[np.abs(grid - rate) < _NEAR][0] for rate in rates])
    read = sensitivities_at(curve, rates.tolist()).tolist()
    scores = {
        **totals,
        "Sensitivity": totals[HITS] / nodules if nodules else 0.0,
        "Average number of candidates per scan": totals[CANDIDATE_COUNT] / len(scans),
        "CPM": sum(read) / 7,
    }
    for rate, value in zip(FALSE_POSITIVE_RATES, read, strict=True):
        scores[f"Sensitivity at {rate:g}"] = value
    if options["bootstraps"] > 0:
        scores.update(_bootstrapped(findings, len(scans), options))
    return scores


def _bootstrapped(findings: Findings, scans: int, options: Options) -> dict[str, float]:
    """Draw scans with replacement; each sample's curve is read where the script's grid is nearest to the rates."""
    grid = np.linspace(_FIRST, _LAST, num=_BOOTSTRAP_GRID)
    rates = [float(grid[np.abs(grid - rate).argmin()]) for rate in FALSE_POSITIVE_RATES]
    many = options["bootstraps"]
    rng = np.random.RandomState(options["seed"])  # the generator of the script
    found = np.zeros((many, len(rates)), np.float32)
    for i in range(many):
        weights = np.bincount(rng.randint(scans, size=scans), minlength=scans)
        curve = findings.curve(weights, options.quirk("no-hit-is-nan"))
        found[i] = np.interp(rates, curve.x, curve.y)
    found.sort(axis=0)
    ends = (1.0 - _CONFIDENCE) / 2.0
    low, high = found[math.floor(ends * many)], found[math.floor((1.0 - ends) * many)]
    scores = {}
    for i, rate in enumerate(FALSE_POSITIVE_RATES):
        scores[f"Sensivity[Mean] at {rate:g}"] = float(np.average(found[:, i]))
        scores[f"Sensivity[Lower bound] at {rate:g}"] = float(low[i])
        scores[f"Sensivity[Upper bound] at {rate:g}"] = float(high[i])
    return scores
