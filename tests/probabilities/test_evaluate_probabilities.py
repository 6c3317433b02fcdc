"""Scores of probabilities, beside naive code and beside the hosts that have them."""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from numpy.typing import NDArray

import fastseg
import fastseg.probabilities.tables
from fastseg.errors import InputError, InputTypeError
from fastseg.measures.probability_bins import BINS, Cuts, places_of

MODULE = sys.modules["fastseg.probabilities.tables"]
SMALLEST = 2.0**-149

KINDS = ("uniform", "sigmoid", "8 bits", "float16", "extremes", "near both ends", "float64")


def drawn(kind: str, n: int, rng: np.random.Generator) -> NDArray[Any]:
    uniform = rng.random(n)
    if kind == "sigmoid":
        return (1 / (1 + np.exp(-rng.normal(0, 8, n)))).astype(np.float32)
    if kind == "8 bits":
        return (rng.integers(0, 256, n) / 255).astype(np.float32)
    if kind == "float16":
        return uniform.astype(np.float16)
    if kind == "extremes":
        values = [0, 1, 0.5, 0.2, 0.6, 1 - 2.0**-24, SMALLEST, 2.0**-130, -0.0]
        return rng.choice(np.array(values, np.float32), n)
    if kind == "near both ends":
        ends = (uniform**20).astype(np.float32)
        ends[::2] = 1 - ends[::2]
        return ends
    return uniform if kind == "float64" else uniform.astype(np.float32)


def naive(y: NDArray[Any], p: NDArray[Any], bins: int, right_closed: bool) -> dict[str, float]:
    """By sorting, and with loops over thresholds."""
    smallest = float(np.finfo(p.dtype).eps)
    p, inside = p.astype(float), y == 1
    n, n_inside = len(p), int(inside.sum())
    found: dict[str, float] = {}
    values = np.unique(p)[::-1]
    tp = np.array([(inside & (p >= t)).sum() for t in values])
    fp = np.array([(~inside & (p >= t)).sum() for t in values])
    pairs = [(v < p[inside]).sum() + 0.5 * (v == p[inside]).sum() for v in p[~inside]]
    rest = n - n_inside
    found["roc_auc"] = sum(pairs) / (rest * n_inside) if rest and n_inside else math.nan
    steps = np.diff(tp, prepend=0)
    precision = (steps * tp / (tp + fp)).sum()
    found["average_precision"] = precision / n_inside if n_inside else math.nan
    dice = 2 * tp / (tp + fp + n_inside)
    found["best_dice"] = dice.max() if n_inside else math.nan
    found["brier"] = ((p - inside) ** 2).mean()
    q = np.clip(1 - p, smallest, 1 - smallest)
    found["log_loss"] = -np.where(
        inside, np.log(np.clip(p, smallest, 1 - smallest)), np.log(q)
    ).mean()
    edges = np.linspace(0, 1, bins + 1)[1:-1]
    place = np.digitize(p, edges, right=right_closed)
    gaps, weights, shares = [], [], []
    for one in np.unique(place):
        gaps.append(abs(p[place == one].mean() - inside[place == one].mean()))
        weights.append((place == one).mean())
        shares.append(inside[place == one].mean())
    found["ece"], found["mce"] = float(np.dot(gaps, weights)), max(gaps)
    found["brier_reliability"] = float(np.dot(np.square(gaps), weights))
    found["brier_resolution"] = float(np.dot((np.array(shares) - inside.mean()) ** 2, weights))
    found["soft_dice"] = (
        2 * p[inside].sum() / (p.sum() + n_inside) if p.any() or n_inside else math.nan
    )
    # each voxel is cut into as many parts as there are ranges, and takes the mean of those that equal it
    means = np.array([inside[p == v].mean() for v in np.sort(p)]).repeat(bins)
    gap = np.abs((np.sort(p).repeat(bins) - means).reshape(bins, n).mean(axis=1))
    found["ace"] = gap.mean()
    return found


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("sorting", [True, False])
def test_scores_are_those_of_naive_code(
    kind: str, sorting: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ties, 0 and 1, one side alone, edges on either side; whether bins or sorting find them."""
    monkeypatch.setattr(MODULE, "_SORTED_ANYWAY", 1 << 18 if sorting else -1)
    rng = np.random.default_rng([60, KINDS.index(kind)])
    for i in range(12):
        n = int(rng.integers(1, 200))
        y = (rng.random(n) < (0, 0.1, 0.5, 1)[i % 4]).astype(np.uint8)
        p = drawn(kind, n, rng)
        bins, right = int(rng.integers(1, 20)), bool(i & 1) ^ bool(i & 4)
        options: dict[str, Any] = {"labels": [1], "bins": bins, "right_closed": right}
        [row] = fastseg.evaluate_probabilities(y, p, **options)
        for name, expected in naive(y, p, bins, right).items():
            off = row.get(f"{name}_error", 0.0)
            assert row[name] == pytest.approx(expected, abs=1e-9 + off, rel=0, nan_ok=True), name
            assert off == 0 or not sorting or math.isnan(off)
        [again] = fastseg.evaluate_probabilities(y, p, **options, backend="scipy")
        assert str(dict(again)) == str(dict(row))


def test_bins_of_many_different_values(monkeypatch: pytest.MonkeyPatch) -> None:
    """Errors are what they say, and nothing where values are few."""
    rng = np.random.default_rng(61)
    p = rng.random(400_000, dtype=np.float32)
    y = rng.random(400_000) < p
    [binned], [sorted_] = (
        fastseg.evaluate_probabilities(y, p, exact=exact) for exact in (False, True)
    )
    for name in ("roc_auc", "average_precision", "ace", "best_dice"):
        assert 0 < binned[f"{name}_error"] < 1e-3
        assert sorted_[f"{name}_error"] == 0
        assert abs(binned[name] - sorted_[name]) <= binned[f"{name}_error"]
    for name in ("brier", "log_loss", "ece", "mce", "soft_dice", "soft_dice_squared"):
        assert binned[name] == pytest.approx(sorted_[name], rel=1e-10)
    few = np.round(p * 200) / np.float32(200)
    [row] = fastseg.evaluate_probabilities(y, few)
    assert row["roc_auc_error"] == row["average_precision_error"] == row["ace_error"] == 0


def test_bins_ascend_and_hold_every_float() -> None:
    """Beside each power of two, at cuts, and where 1 - p takes over from p."""
    exponents = np.exp2(-np.arange(150.0)).astype(np.float32)
    near = [np.nextafter(exponents, np.float32(side)) for side in (0, 2)]
    p = np.concatenate([exponents, *near, 1 - exponents, [0, 1, 0.3]]).astype(np.float32)
    p = np.unique(p[p <= 1])
    cuts = Cuts(np.array([0.3, 0.5, 0.9], np.float32))
    bins, low = places_of(p)
    assert (np.diff(bins) >= 0).all()
    assert bins[-1] == BINS - 1
    off = low >= cuts.split[bins]
    rows = np.where(off, cuts.beyond[bins], bins)
    first, last, base, step = cuts.ranges(rows)
    assert_array_equal(base + step * low, p.astype(float))
    assert (first <= p).all()
    assert (p <= last).all()


def test_threads_and_orders_change_nothing() -> None:
    rng = np.random.default_rng(62)
    p = rng.random((64, 128, 129), dtype=np.float32)
    y = (rng.random(p.shape) < p).astype(np.uint16)
    expected = fastseg.evaluate_probabilities(y, p)
    try:
        fastseg.set_num_threads(3)
        assert fastseg.evaluate_probabilities(y, p).rows == expected.rows
    finally:
        fastseg.set_num_threads(None)
    assert fastseg.evaluate_probabilities(y, np.asfortranarray(p)).rows == expected.rows
    assert fastseg.evaluate_probabilities(y[::-1], p[::-1]).rows == expected.rows


def test_channels_labels_and_regions() -> None:
    rng = np.random.default_rng(63)
    logits = rng.normal(0, 3, (4, 5, 6, 7)).astype(np.float32)
    reference = rng.integers(0, 4, (5, 6, 7))
    shares = np.exp(logits.astype(float))
    shares = (shares / shares.sum(axis=0)).astype(np.float32)
    of_shares = fastseg.evaluate_probabilities(reference, shares)
    assert [row.name for row in of_shares] == ["1", "2", "3"]
    of_logits = fastseg.evaluate_probabilities(reference, logits, logits=True)
    last = np.moveaxis(shares, 0, -1)
    assert (
        fastseg.evaluate_probabilities(reference, last, channel_axis="last").rows == of_shares.rows
    )
    assert fastseg.evaluate_probabilities(reference, last, channel_axis=-1).rows == of_shares.rows
    for one, other in zip(of_shares, of_logits, strict=True):
        assert other["brier"] == pytest.approx(one["brier"], rel=1e-6)
        [alone] = fastseg.evaluate_probabilities(reference == one.label, shares[one.label])
        assert dict(alone) == dict(one)
    regions = {"whole": (1, 2), "core": {"reference": 2, "prediction": 3}}
    both = fastseg.evaluate_probabilities(reference, shares, labels=regions)
    [core] = fastseg.evaluate_probabilities(reference == 2, shares[3])
    assert dict(both["core"]) == dict(core)
    summed = (shares[1].astype(float) + shares[2]).astype(np.float32)
    [whole] = fastseg.evaluate_probabilities((reference == 1) | (reference == 2), summed)
    assert dict(both["whole"]) == dict(whole)
    [sigmoid] = fastseg.evaluate_probabilities(reference == 1, logits[1], logits=True)
    assert sigmoid["soft_dice"] > 0


def test_what_is_masked_does_not_count() -> None:
    rng = np.random.default_rng(64)
    p = rng.random((20, 30), dtype=np.float32)
    y = rng.integers(0, 3, p.shape).astype(np.uint8)
    inside = rng.random(p.shape) < 0.5
    [expected] = fastseg.evaluate_probabilities(y[inside], p[inside], labels=[1])
    p[~inside] = np.nan
    [row] = fastseg.evaluate_probabilities(y, p, labels=[1], mask=inside)
    assert dict(row) == dict(expected)
    assert row.counts == expected.counts
    y[~inside] = 9
    [row] = fastseg.evaluate_probabilities(y, p, labels=[1], ignore_label=9)
    assert dict(row) == dict(expected)


def test_no_voxel_counts() -> None:
    [row] = fastseg.evaluate_probabilities([0, 1], np.array([0.5, 0.5]), mask=[0, 0])
    assert all(math.isnan(value) for value in row.values())
    assert row.empty == "both"


@pytest.mark.parametrize("n", [5, 300_000])
@pytest.mark.parametrize("wrong", [np.nan, -0.25, 1.5, np.inf])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_what_is_no_probability_is_refused(n: int, wrong: float, dtype: Any) -> None:
    p = np.linspace(0, 1, n).astype(dtype)
    p[3] = wrong
    with pytest.raises(InputError, match="expected numbers from 0 to 1, got"):
        fastseg.evaluate_probabilities(np.arange(n) % 2, p)


def test_wrong_input_is_told() -> None:
    y = np.zeros((3, 4), np.uint8)
    p = np.zeros((3, 4), np.float32)
    cases: list[tuple[Any, Any, dict[str, Any], str]] = [
        (y, p.astype(int), {}, "expected floats"),
        (y, p.T, {}, "one axis of channels more"),
        (y, np.stack([p, p]), {"channel_axis": "last"}, "channel_axis= says"),
        (y, np.stack([p, p]), {"channel_axis": "middle"}, "channel_axis: unknown"),
        (y, np.stack([p, p]), {"channel_axis": 3}, "expected 'first', 'last' or an axis"),
        (y, p[None], {}, "of one channel nothing tells"),
        (y + 5, np.stack([p, p]), {}, "has the label 5"),
        (y, np.stack([p, p]), {"labels": [2]}, "there are 2, from 0 on"),
        (y, p, {"labels": [1, 2]}, "of one structure, got 2"),
        (y, p, {"mask": y.T}, "mask: expected the reference's shape"),
        (y, p, {"bins": 0}, "bins: expected 1 to 1000"),
        (y, p, {"logits": "softmax"}, "a softmax needs several channels"),
        (y, p, {"logits": "softmaks"}, "logits: unknown"),
    ]
    for reference, probabilities, options, message in cases:
        with pytest.raises((InputError, InputTypeError), match=message):
            fastseg.evaluate_probabilities(reference, probabilities, **options)


def test_curves(tmp_path: Path) -> None:
    rng = np.random.default_rng(65)
    p = rng.random((8, 9), dtype=np.float32)
    y = (rng.random(p.shape) < p).astype(np.uint8)
    np.save(tmp_path / "case_1.npy", p)
    evaluation = fastseg.evaluate_probabilities(y, tmp_path / "case_1.npy", bins=4)
    assert evaluation.cases == ("case_1",)
    for entry in evaluation.dice_curve("1")[::16]:
        found = p >= entry["threshold"]
        assert entry["tp"] == (found & (y == 1)).sum()
        assert entry["fp"] == (found & (y == 0)).sum()
        assert entry["fn"] == (~found & (y == 1)).sum()
    table = evaluation.reliability()
    assert sum(entry["voxels"] for entry in table) == 72
    row = evaluation["1"]
    best = p >= row["best_threshold"]
    assert row["best_dice"] == 2 * (best & (y == 1)).sum() / (best.sum() + y.sum())
    assert row.counts == (
        ((p >= 0.5) & (y == 1)).sum(), ((p >= 0.5) & (y == 0)).sum(),
        ((p < 0.5) & (y == 1)).sum(), ((p < 0.5) & (y == 0)).sum(),
    )  # fmt: skip
    assert "roc_auc" in evaluation.to_csv()
    with pytest.raises(KeyError, match="was not evaluated"):
        evaluation.reliability("liver")
    several = fastseg.evaluate_probabilities(np.zeros(3, int), np.zeros((3, 3), np.float32))
    with pytest.raises(KeyError, match="name one of them"):
        several.dice_curve()


@pytest.mark.parametrize("kind", KINDS)
def test_beside_scikit_learn(kind: str) -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    calibration = pytest.importorskip("sklearn.calibration")
    rng = np.random.default_rng([66, KINDS.index(kind)])
    for n in (10, 100, 1000):
        y = np.arange(n) % 3 == 0
        p = drawn(kind, n, rng)
        evaluation = fastseg.evaluate_probabilities(y, p, bins=7, right_closed=True)
        row = evaluation["1"]
        assert row["roc_auc"] == pytest.approx(metrics.roc_auc_score(y, p), rel=1e-12)
        expected = metrics.average_precision_score(y, p)
        assert row["average_precision"] == pytest.approx(expected, rel=1e-12)
        assert row["brier"] == pytest.approx(
            metrics.brier_score_loss(y, p.astype(float)), rel=1e-12
        )
        frequency, confidence = calibration.calibration_curve(y, p.astype(float), n_bins=7)
        filled = [entry for entry in evaluation.reliability() if entry["voxels"]]
        assert [entry["frequency"] for entry in filled] == pytest.approx(frequency, rel=1e-12)
        assert [entry["confidence"] for entry in filled] == pytest.approx(confidence, rel=1e-12)
