"""LUNA16 beside a twin of loops over nodules and candidates, and of thresholds with fractions."""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fastseg
from fastseg import Evaluation
from fastseg.errors import FastsegError, InputError
from fastseg.protocols.rules.luna16_scores import Findings

RATES = (1 / 8, 1 / 4, 1 / 2, 1, 2, 4, 8)

#: of one scan: x, y, z, diameter and whether it is excluded; x, y, z and probability
Scan = tuple[list[list[float]], list[list[float]]]


def cohorts(count: int) -> Iterator[list[Scan]]:
    """Scans without nodules, without candidates; on a lattice, so that distances equal radii; ties; several on one."""
    rng = np.random.default_rng(16)
    for trial in range(count):
        scans = []
        for _ in range(rng.integers(1, 5)):

            def point(trial: int = trial) -> list[float]:
                return [*map(float, rng.integers(0, 9, 3) if trial % 2 else rng.random(3) * 12)]

            sizes = [-1, 2, 4, 6, 10, 2 * math.sqrt(3)]
            nodules = [
                [*point(), float(rng.choice(sizes)), float(rng.random() < 0.3)]
                for _ in range(rng.integers(0, 4))
            ]
            many = 0 if trial % 5 == 0 and rng.random() < 0.5 else int(rng.integers(0, 9))
            candidates = [
                [*point(), float(np.round(rng.random(), 1 if trial % 3 else 16))]
                for _ in range(many)
            ]
            candidates += [[*one[:3], 0.5] for one in nodules if rng.random() < 0.4]
            scans.append((nodules, candidates))
        yield scans


def twin(scan: Scan) -> tuple[list[float | None], list[float], int, int]:
    """Give the probability of each nodule (None: missed), those of false positives, and how many were ignored."""
    nodules, candidates = scan
    left = {*range(len(candidates))}
    found: list[float | None] = []
    on_excluded = double = 0
    for *centre, diameter, excluded in sorted(nodules, key=lambda one: one[4]):
        radius = (10.0 if diameter < 0 else diameter) / 2
        near = [
            i
            for i, (*place, _) in enumerate(candidates)
            if sum(math.pow(a - b, 2) for a, b in zip(centre, place, strict=True)) < radius**2
        ]
        if excluded:
            on_excluded += len(left & {*near})
        else:
            found.append(max((candidates[i][3] for i in near), default=None))
            double += max(len(near) - 1, 0)
        left -= {*near}
    return found, [candidates[i][3] for i in sorted(left)], on_excluded, double


def naive_sensitivities(
    hits: list[float], wrong: list[float], lesions: int, images: int
) -> list[float]:
    """Read the curve on straight lines between its points, with fractions."""
    points = [(Fraction(0), Fraction(0))]
    for threshold in sorted({*hits, *wrong}, reverse=True):
        above = [sum(one >= threshold for one in side) for side in (wrong, hits)]
        points.append((Fraction(above[0], images), Fraction(above[1], lesions)))
    read = []
    for rate in map(Fraction, RATES):
        low = max(one for one in points if one[0] <= rate)
        high = min((one for one in points if one[0] > rate), default=None)
        slope = (high[1] - low[1]) / (high[0] - low[0]) if high else Fraction(0)
        read.append(float(low[1] + (rate - low[0]) * slope))
    return read


def evaluated(scans: list[Scan], **options: Any) -> Evaluation:
    parts = [
        fastseg.evaluate_protocol(
            "luna16",
            np.reshape(nodules, (-1, 5)),
            np.reshape(candidates, (-1, 4)),
            case=f"scan {i}",
            **{"bootstraps": 0, **options},
        )
        for i, (nodules, candidates) in enumerate(scans)
    ]
    return Evaluation.joined(parts)


def score(scans: list[Scan], **options: Any) -> dict[str, float]:
    return fastseg.protocol_scores(evaluated(scans, **options))


def test_counts_and_curves_are_those_of_the_twin() -> None:
    for scans in cohorts(500):
        evaluation = evaluated(scans, quirks={"rates-on-a-grid": False})
        found = fastseg.protocol_scores(evaluation)
        parts = [twin(scan) for scan in scans]
        nodules = [one for part in parts for one in part[0]]
        hits = [one for one in nodules if one is not None]
        wrong = [one for part in parts for one in part[1]]
        assert found["True positives"] == len(hits)
        assert found["False negatives"] == len(nodules) - len(hits)
        assert found["False positives"] == len(wrong)
        assert found["Ignored candidates on excluded nodules"] == sum(part[2] for part in parts)
        double = "Ignored candidates which were double detections on a nodule"
        assert found[double] == sum(part[3] for part in parts)
        for i, (own, own_wrong, *_) in enumerate(parts):
            rows = evaluation.case(f"scan {i}").instances()
            confidences = [r.instance.confidence for r in rows if r.instance is not None]
            expected = [math.nan if one is None else one for one in own] + own_wrong
            np.testing.assert_array_equal(confidences, expected)
        if hits:
            expected = naive_sensitivities(hits, wrong, len(nodules), len(scans))
            read = [found[f"Sensitivity at {rate:g}"] for rate in RATES]
            assert read == pytest.approx(expected, rel=1e-12)
            assert found["CPM"] == pytest.approx(sum(expected) / 7, rel=1e-12)
        elif wrong or not nodules:
            assert math.isnan(found["CPM"])
        else:
            assert found["CPM"] == 0


def test_samples_of_scans_are_those_of_copies() -> None:
    """Drawing a scan twice is having it twice."""
    for trial, scans in enumerate(cohorts(40)):
        found = score(scans, bootstraps=8, seed=trial)
        rng = np.random.RandomState(trial)
        grid = np.linspace(0.125, 8, 10_000)
        curves = []
        for _ in range(8):
            drawn = [scans[i] for i in rng.randint(len(scans), size=len(scans))]
            rows = evaluated(drawn).rows
            findings = Findings.of(rows)
            curve = findings.curve(np.ones(len(drawn), np.int64), True)
            curves.append(np.interp(grid, curve.x, curve.y))
        samples = np.sort(np.array(curves, np.float32), axis=0)
        for rate in RATES:
            column = samples[:, np.abs(grid - rate).argmin()]
            ends = (1.0 - 0.95) / 2
            expected = [np.average(column), column[0], column[int((1.0 - ends) * 8)]]
            names = [
                f"Sensivity[{one}] at {rate:g}" for one in ("Mean", "Lower bound", "Upper bound")
            ]
            np.testing.assert_array_equal([found[name] for name in names], expected)


def test_files_of_many_scans(tmp_path: Path) -> None:
    scans = next(scans for scans in cohorts(50) if len(scans) == 4)
    header = "seriesuid,coordX,coordY,coordZ"
    files = {"nodules": [f"{header},diameter_mm"], "excluded": [f"{header},diameter_mm"]}
    files["candidates"] = [f"{header},probability"]
    for i, (nodules, candidates) in enumerate(scans):
        for *numbers, excluded in nodules:
            kind = "excluded" if excluded else "nodules"
            files[kind].append(",".join(map(repr, [*numbers])).join((f"scan {i},", "")))
        files["candidates"] += [f"scan {i}," + ",".join(map(repr, one)) for one in candidates]
    files["scans"] = [f"scan {i}" for i in range(len(scans))]
    for name, lines in files.items():
        (tmp_path / f"{name}.csv").write_text("\n".join(lines) + "\n")
    paths = {name: str(tmp_path / f"{name}.csv") for name in files}
    found = fastseg.evaluate_protocol(
        "luna16",
        paths["nodules"],
        paths["candidates"],
        excluded=paths["excluded"],
        scans=paths["scans"],
        bootstraps=5,
    )
    again = Evaluation.from_json(found.to_json())
    assert again == found
    expected = score(scans, bootstraps=5)
    np.testing.assert_array_equal(
        list(fastseg.protocol_scores(again).values()), list(expected.values())
    )
    pandas = pytest.importorskip("pandas")
    frames = [pandas.read_csv(paths[name]) for name in ("nodules", "candidates")]
    by_frame = fastseg.evaluate_protocol(
        "luna16", *frames, excluded=paths["excluded"], scans=paths["scans"], bootstraps=5
    )
    assert [row.counts for row in by_frame] == [row.counts for row in found]


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("seriesuid,coordX,coordY,coordZ\na,1,2,3\n", "no column 'diameter_mm'"),
        ("coordX,coordY,coordZ,diameter_mm\n1,2,3,x\n", "could not convert"),
        ("coordX,coordY,coordZ,diameter_mm\n1,2,3,nan\n", "1 cells are not finite"),
        ("", "no column 'coordX'"),
        ([[1, 2]], "expected one row a point"),
        ("text", "no such file"),
        ([["a", "b", "c", "d"]], "expected a file of CSV"),
    ],
)
def test_what_is_no_table_is_refused(reference: Any, message: str, tmp_path: Path) -> None:
    if isinstance(reference, str) and reference != "text":
        path = tmp_path / "table.csv"
        path.write_text(reference)
        reference = path
    with pytest.raises((FastsegError, OSError), match=f"(?i){message}"):
        fastseg.evaluate_protocol("luna16", reference, [[1, 2, 3, 0.5]])


def test_both_tables_name_their_scans_or_neither_does(tmp_path: Path) -> None:
    path = tmp_path / "candidates.csv"
    path.write_text("seriesuid,coordX,coordY,coordZ,probability\na,1,2,3,0.5\n")
    with pytest.raises(InputError, match="the other does not"):
        fastseg.evaluate_protocol("luna16", [[1, 2, 3, 4]], path)


# ---------------------------------------------------------------------------------- quirk by quirk


def both_ways(scans: list[Scan], quirk: str, name: str) -> list[float]:
    """Give a score with the quirk and without it."""
    return [score(scans, **options)[name] for options in ({}, {"quirks": {quirk: False}})]


NODULE = [0.0, 0.0, 0.0, 20.0, 0.0]


def test_quirk_double_detections_are_free() -> None:
    scan: Scan = ([NODULE], [[0, 0, 0, 0.9], [1, 0, 0, 0.8], [2, 0, 0, 0.7]])
    quirk = "double-detections-are-free"
    assert both_ways([scan], quirk, "True positives") == [1, 1]
    assert both_ways([scan], quirk, "False positives") == [0, 2]


def test_quirk_candidates_hit_several() -> None:
    scan: Scan = ([NODULE, [10.0, 0, 0, 20, 0]], [[4, 0, 0, 0.9]])
    assert both_ways([scan], "candidates-hit-several", "True positives") == [2, 1]
    rows = evaluated([scan], quirks={"candidates-hit-several": False}).instances()
    assert [row.prediction_label for row in rows] == [1, None]


def test_quirk_ties_at_the_limit_are_dropped() -> None:
    scan: Scan = ([NODULE], [[0, 0, 0, 0.5], *([[50, 0, 0, 0.5]] * 100)])
    assert both_ways([scan], "ties-at-the-limit-are-dropped", "True positives") == [0, 1]
    kept = both_ways([scan], "ties-at-the-limit-are-dropped", "Total number of candidates")
    assert kept == [0, 100]


def test_quirk_unknown_diameter_is_ten() -> None:
    scan: Scan = ([[0.0, 0, 0, -1, 0]], [[4, 0, 0, 0.5]])
    assert score([scan])["True positives"] == 1
    with pytest.raises(InputError, match="a diameter below 0"):
        score([scan], quirks={"unknown-diameter-is-ten": False})


def test_quirk_no_hit_is_nan() -> None:
    scan: Scan = ([NODULE], [[50, 0, 0, 0.5]])
    found = both_ways([scan], "no-hit-is-nan", "CPM")
    assert math.isnan(found[0])
    assert found[1] == 0


def test_quirk_rates_on_a_grid() -> None:
    """25 false positives, 200 nodules at once, then a false positive and a nodule at each probability."""
    scans: list[Scan] = [([[float(20 * k), 0, 0, 4, 0] for k in range(4)], []) for _ in range(100)]
    for i, (_, candidates) in enumerate(scans):
        if i < 25:
            candidates.append([0, 99, 0, 0.9])
        candidates += [[0, 0, 0, 0.8], [20, 0, 0, 0.8]]
        candidates += [[0, 99, 0, 0.7 - i / 1000], [40, 0, 0, 0.7 - i / 1000]]
    found = both_ways(scans, "rates-on-a-grid", "Sensitivity at 0.25")
    assert found == [pytest.approx(0.50005, abs=1e-5), 0.5]
