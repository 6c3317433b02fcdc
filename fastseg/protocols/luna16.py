"""LUNA16: lung nodules as points with a diameter, candidates as points with a probability, by its own FROC script."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastseg.errors import InputError
from fastseg.measures.joint_histogram import Counts
from fastseg.protocols.framework.options import Options
from fastseg.protocols.framework.protocol import Protocol, Quirk, Rules, Score
from fastseg.protocols.rules.luna16_scores import (
    CANDIDATE_COUNT,
    DOUBLE,
    HITS,
    MISSED,
    NODULE_COUNT,
    ON_EXCLUDED,
    WRONG,
    aggregate,
)
from fastseg.protocols.rules.point_tables import PointTable, read_names, read_points
from fastseg.results.instance import Instance
from fastseg.results.rows import Row

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

_NAME, _LABEL = "nodule", 1
_COORDINATES = ("coordX", "coordY", "coordZ")
_NODULES = (*_COORDINATES, "diameter_mm")
_CANDIDATES = (*_COORDINATES, "probability")


# What a nodule of unknown size measures, in mm.
_UNKNOWN_DIAMETER = 10.0
# Products that may be rounded otherwise than the powers of the script, which decide then.
_CLOSE = 1e-12


@dataclass(frozen=True, eq=False)
class Tables:
    """Nodules and candidates of one scan or of many, and the name of the scan where the tables name none."""

    nodules: PointTable
    candidates: PointTable
    case: str


def opened(reference: Any, prediction: Any, case: str) -> Tables:
    """Read two tables: files of CSV, data frames, or arrays of one scan."""
    nodules = read_points(reference, _NODULES, "reference", optional=("excluded",))
    if prediction is None:
        return Tables(nodules, PointTable.empty(_CANDIDATES), case)
    return Tables(nodules, read_points(prediction, _CANDIDATES, "prediction"), case)


def evaluate(tables: Tables, options: Options) -> list[Row]:
    """Find which candidates hit which nodules, scan by scan."""
    nodules, candidates = tables.nodules, tables.candidates
    if len(candidates.values) and (nodules.scans is None) != (candidates.scans is None):
        raise InputError("one table names its scans (seriesuid) and the other does not")
    excluded = nodules.values[:, 4] != 0 if nodules.values.shape[1] > 4 else None
    if excluded is None:
        excluded = np.zeros(len(nodules.values), bool)
    if options["excluded"]:
        more = read_points(options["excluded"], _NODULES, "excluded")
        if (nodules.scans is None) != (more.scans is None):
            raise InputError("excluded: expected scans to be named in both tables, or in neither")
        excluded = np.append(excluded, np.ones(len(more.values), bool))
        nodules = nodules.with_rows_of(more)
    if options["scans"]:
        scans = read_names(options["scans"], "scans")
    else:
        named = dict.fromkeys([*(nodules.scans or ()), *(candidates.scans or ())])
        scans = list(named) if nodules.scans is not None else [tables.case]
    rows: list[Row] = []
    of_nodules, of_candidates = nodules.by_scan(scans), candidates.by_scan(scans)
    for scan in scans:
        places = of_nodules.get(scan, np.empty(0, np.int64))
        # those that are excluded come after the others
        places = places[np.argsort(excluded[places], kind="stable")]
        found = candidates.values[of_candidates.get(scan, np.empty(0, np.int64))]
        rows += _scan_rows(scan, nodules.values[places], excluded[places], found, options)
    return rows


def _scan_rows(
    scan: str, nodules: Floats, excluded: Bools, candidates: Floats, options: Options
) -> list[Row]:
    """Score a scan: a row for it, one for each nodule that is not excluded, and one for each false positive."""
    ids = _kept(candidates[:, 3], options)
    points, probabilities = candidates[ids, :3], candidates[ids, 3]
    hit = _hits(nodules, points, options)
    if not options.quirk("candidates-hit-several"):
        hit[~excluded] = _nearest_alone(nodules[~excluded], points, hit[~excluded])
    own, ignored = hit[~excluded], hit[excluded].any(axis=0)
    matches = own.sum(axis=1)
    taken = own.any(axis=0)
    free = options.quirk("double-detections-are-free")
    rows, best_of = [], []
    for nodule, hits in enumerate(own):
        on_it = np.flatnonzero(hits)
        if not len(on_it):
            rows.append(_row(scan, {}, (0, 0, 1), nodule + 1, None, Instance()))
            continue
        best = on_it[np.argmax(probabilities[on_it])]
        best_of.append(best)
        marks = (ids[on_it if free else [best]] + 1).tolist()
        instance = Instance(confidence=float(probabilities[best]))
        label = marks[0] if len(marks) == 1 else tuple(marks)
        rows.append(_row(scan, {}, (1, 0, 0), nodule + 1, label, instance))
    wrong: Bools = np.asarray(~taken & ~ignored)
    if not free:
        wrong |= taken
        wrong[best_of] = False
    for candidate in np.flatnonzero(wrong).tolist():
        instance = Instance(confidence=float(probabilities[candidate]))
        rows.append(_row(scan, {}, (0, 1, 0), None, int(ids[candidate]) + 1, instance))
    counts = (int((matches > 0).sum()), int(wrong.sum()), int((matches == 0).sum()))
    values = {
        **dict(zip((HITS, WRONG, MISSED), counts, strict=True)),
        CANDIDATE_COUNT: len(ids),
        NODULE_COUNT: len(own),
        ON_EXCLUDED: int((ignored & ~taken).sum()),
        DOUBLE: int((matches[matches > 1] - 1).sum()) if free else 0,
        "Sensitivity": counts[0] / len(own) if len(own) else 0.0,
    }
    return [_row(scan, values, counts, _LABEL, _LABEL, None), *rows]


def _place_of(row: Row, ids: NDArray[np.int64]) -> int:
    """Find the place of the only candidate of a row."""
    return int(np.flatnonzero(ids + 1 == row.prediction_label)[0])


def _kept(probabilities: Floats, options: Options) -> NDArray[np.int64]:
    """Give the places of the surest candidates, no more than are looked at in a scan."""
    most = options["max_marks"]
    if most <= 0 or len(probabilities) <= most:
        return np.arange(len(probabilities))
    if options.quirk("ties-at-the-limit-are-dropped"):
        first_left_out = np.sort(probabilities)[::-1][most]
        return np.flatnonzero(probabilities > first_left_out)
    return np.sort(np.argsort(-probabilities, kind="stable")[:most])


def _hits(nodules: Floats, points: Floats, options: Options) -> Bools:
    """Tell which candidates lie nearer to the centre of each nodule than its radius."""
    diameters = nodules[:, 3]
    unknown = diameters < 0
    if unknown.any() and not options.quirk("unknown-diameter-is-ten"):
        raise InputError(f"reference: {int(unknown.sum())} nodules have a diameter below 0")
    diameters = np.where(unknown, _UNKNOWN_DIAMETER, diameters)
    limits = np.square(diameters / 2.0)[:, None]
    squares = _squared_distances(nodules, points)
    hit: Bools = squares < limits
    for i, j in np.argwhere(np.abs(squares - limits) <= _CLOSE * limits):
        steps = (nodules[i, :3] - points[j]).tolist()
        exact = math.pow(steps[0], 2.0) + math.pow(steps[1], 2.0) + math.pow(steps[2], 2.0)
        hit[i, j] = exact < math.pow(float(diameters[i]) / 2.0, 2.0)
    return hit


def _squared_distances(nodules: Floats, points: Floats) -> Floats:
    x, y, z = np.square(nodules[:, None, :3] - points).transpose(2, 0, 1)
    squares: Floats = x + y + z
    return squares


def _nearest_alone(nodules: Floats, points: Floats, hit: Bools) -> Bools:
    """Leave each candidate the nodule whose centre is nearest, the first of several."""
    alone = np.zeros_like(hit)
    if hit.size:
        distances = np.where(hit, _squared_distances(nodules, points), np.inf)
        nearest = distances.argmin(axis=0)
        candidates = np.arange(hit.shape[1])
        alone[nearest, candidates] = hit[nearest, candidates]
    return alone


def _row(
    scan: str,
    values: Mapping[str, float],
    counts: tuple[int, int, int],
    reference_label: int | None,
    prediction_label: int | tuple[int, ...] | None,
    instance: Instance | None,
) -> Row:
    """Make a row, whose counts are of findings; points have no volume."""
    findings = Counts(*counts, 0)
    return Row(
        scan,
        _LABEL,
        _NAME,
        reference_label,
        prediction_label,
        {name: float(value) for name, value in values.items()},
        findings,
        0.0,
        findings.empty,
        "",
        "structure" if instance is None else "instance",
        instance=instance,
    )


QUIRKS = (
    Quirk(
        "double-detections-are-free",
        "Of several candidates on one nodule the surest is a hit, and the others count nowhere: a system that marks "
        "everything several times pays nothing for it.",
        "A nodule with three candidates: 1 hit and 0 false positives; without the quirk 1 hit and 2.",
    ),
    Quirk(
        "candidates-hit-several",
        "A candidate within the radii of two nodules is a hit of both.",
        "Two nodules of 20 mm whose centres lie 10 mm apart, and one candidate at 4 mm from the first: 2 hits; without "
        "the quirk 1, of the nearer nodule.",
    ),
    Quirk(
        "ties-at-the-limit-are-dropped",
        "Of more than 100 candidates in a scan those are kept that are surer than the 101st: whoever has its "
        "probability is dropped too, and of 101 equal ones all are.",
        "101 candidates with a probability of 0.5, one of them on the nodule: 0 hits; without the quirk 1 (the first "
        "100 are kept).",
    ),
    Quirk(
        "unknown-diameter-is-ten",
        "A nodule with a diameter below 0 is taken for one of 10 mm.",
        "A diameter of -1 and a candidate at 4 mm: a hit; without the quirk the table is refused.",
    ),
    Quirk(
        "no-hit-is-nan",
        "A system that finds no nodule has no ROC curve, and so no sensitivity: CPM is nan.",
        "One scan with one nodule and one candidate elsewhere: CPM is nan; without the quirk 0.",
    ),
    Quirk(
        "rates-on-a-grid",
        "The curve is read at the nearest of 10 001 places between 1/8 and 8 false positives per scan, at 0.25021 for "
        "1/4.",
        "A hundred scans with 400 nodules: first 25 false positives, then 200 of the nodules, then at each further "
        "probability a false positive and a nodule: the sensitivity at 1/4 is 0.50005; without the quirk 0.5.",
    ),
)

PROTOCOLS = (
    Protocol(
        name="luna16",
        title="LUNA16, lung nodules in CT: noduleCADEvaluationLUNA16.py",
        source="wentaozhu/DeepLung @ fe40fc7, evaluationScript/noduleCADEvaluationLUNA16.py",
        about=(
            "Inputs are tables: of nodules (coordX, coordY, coordZ, diameter_mm, and excluded where it is known) and "
            "of candidates (coordX, coordY, coordZ, probability), with a column seriesuid where they are of several "
            "scans; files of CSV, data frames, or arrays of one scan. A candidate nearer to a nodule's centre than "
            "its radius hits it; candidates on excluded nodules count nowhere. Scans without nodules and candidates "
            "count as images: name all of them with scans=, a CSV file without a header; excluded= is the file of "
            "excluded nodules. Sensitivity is read from straight lines of the FROC curve at 1/8, 1/4, 1/2, 1, 2, 4 "
            "and 8 false positives per scan; their mean is the CPM. Scans are drawn with replacement 1000 times, by "
            "the generator that the script uses, which sets no seed."
        ),
        scores=(
            Score(HITS),
            Score(WRONG, False),
            Score(MISSED, False),
            Score(CANDIDATE_COUNT, None),
            Score(NODULE_COUNT, None),
            Score(ON_EXCLUDED, None),
            Score(DOUBLE, None),
            Score("Sensitivity", about="of all candidates; 0 without nodules"),
        ),
        rules=Rules(
            components="none: points",
            matching="candidates nearer to the centre than the radius, the surest of several",
            penalty="none: missed nodules lower the sensitivity",
            empties="no candidate: sensitivity 0; no hit: nan",
        ),
        options={"excluded": "", "scans": "", "max_marks": 100, "bootstraps": 1000, "seed": 0},
        limits={"max_marks": (-1, math.inf), "seed": (0, 2**32 - 1), "bootstraps": (0, 10**6)},
        quirks=QUIRKS,
        evaluate=evaluate,
        cohort=aggregate,
        opens=opened,
    ),
)
