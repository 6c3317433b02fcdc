"""The table of several raters beside `evaluate` of every pair; repeatability beside analysis of variance."""

from __future__ import annotations

import math

import numpy as np
import pytest

import fastseg
from fastseg.errors import InputError, InputTypeError
from fastseg.raters.relative import relative_score
from fastseg.raters.settings import METHODS
from tests.raters import naive_raters as naive


def blobs(labels: int = 2) -> list[np.ndarray]:
    first = np.zeros((14, 15, 16), np.uint8)
    for label in range(1, labels + 1):
        first[2 + 5 * (label - 1) : 7 + 5 * (label - 1), 3:11, 4:12] = label
    rolls = [(0, 0), (1, 0), (1, 1), (1, 2), (2, 2)]
    return [np.roll(first, *roll[::-1]) if any(roll) else first for roll in rolls]


METRICS = ("dice", "iou", "hd95", "assd", "nsd", "recall")


@pytest.mark.parametrize("consensus", METHODS)
def test_pairs_are_those_of_evaluate(consensus: str) -> None:
    *maps, prediction = blobs()
    spacing = (2.0, 1.0, 0.5)
    found = fastseg.evaluate_raters(
        maps, prediction, spacing=spacing, metrics=METRICS, consensus=consensus
    )
    fused = [
        fastseg.consensus([one == label for one in maps], consensus) * np.uint8(label)
        for label in (1, 2)
    ]
    for label in (1, 2):
        pairs = [
            (f"rater {i + 1}", f"rater {j + 1}", maps[i], maps[j])
            for i in range(len(maps))
            for j in range(i + 1, len(maps))
        ]
        pairs += [("prediction", f"rater {i + 1}", maps[i], prediction) for i in range(len(maps))]
        pairs += [
            (f"rater {i + 1}", "consensus", fused[label - 1], maps[i]) for i in range(len(maps))
        ]
        pairs.append(("prediction", "consensus", fused[label - 1], prediction))
        for first, second, reference, other in pairs:
            row = fastseg.evaluate(
                reference, other, labels=[label], spacing=spacing, metrics=METRICS
            )[label]
            for metric in METRICS:
                assert found.value(label, metric, first, second) == row[metric], (metric, first)
        for metric in METRICS:
            between = [
                found.value(label, metric, f"rater {i}", f"rater {j}")
                for i in range(1, 5)
                for j in range(i + 1, 5)
            ]
            own = [found.value(label, metric, "prediction", f"rater {i}") for i in range(1, 5)]
            assert found.value(label, metric) == pytest.approx(np.mean(between))
            relative = found.score(label, f"relative_{metric}", "prediction", "raters")
            assert relative.value == pytest.approx(np.mean(own) / np.mean(between))
            assert relative.low <= relative.value <= relative.high
        masks = [one == label for one in maps]
        assert found.value(label, "fleiss_kappa") == pytest.approx(naive.fleiss(masks))
        assert found.value(label, "volume", "rater 1", "") == masks[0].sum()
        energy = naive.energy(masks, [prediction == label], [1])
        assert found.value(label, "energy_distance", "prediction") == pytest.approx(energy)
    assert found.value(None, "fleiss_kappa") == pytest.approx(naive.fleiss(maps))
    energy = naive.energy(maps, [prediction], [1, 2])
    assert found.value("all labels", "energy_distance", "prediction") == pytest.approx(energy)


def test_regions_and_a_prediction_with_other_numbers() -> None:
    *maps, prediction = blobs()
    other = np.where(prediction == 1, 7, np.where(prediction == 2, 1, 0))
    labels = {
        "first": {"reference": 1, "prediction": 7},
        "both": {"reference": (1, 2), "prediction": (1, 7)},
    }
    found = fastseg.evaluate_raters(maps, other, labels=labels, metrics=["dice", "hd"])
    same = fastseg.evaluate_raters(
        maps, prediction, labels={"first": 1, "both": (1, 2)}, metrics=["dice", "hd"]
    )
    for name in ("first", "both"):
        for metric in ("dice", "hd"):
            assert found.value(name, metric, "prediction") == same.value(name, metric, "prediction")


def test_the_table_in_every_form(tmp_path: object) -> None:
    *maps, prediction = blobs(1)
    found = fastseg.evaluate_raters(
        dict(zip("abcd", maps, strict=True)), prediction, metrics="dice"
    )
    rows = found.to_dict()
    assert len(rows) == len(found)
    assert list(rows[0]) == ["label", "name", "measure", "first", "second", "value", "low", "high"]
    text = found.to_csv()
    assert len(text.splitlines()) == len(rows) + 1
    assert "relative_dice" in str(found)
    assert "more of single raters" in str(found)
    assert found.value("1", "dice", "b", "a") == found.value(1, "dice", "a", "b")
    pytest.importorskip("pandas")
    assert found.to_pandas()["value"].tolist() == pytest.approx(
        [one.value for one in found], nan_ok=True
    )
    with pytest.raises(KeyError, match="no 'dise'"):
        found.value(1, "dise")


def test_a_structure_that_some_or_all_lack() -> None:
    *maps, prediction = blobs(1)
    maps[1] = np.zeros_like(maps[1])
    found = fastseg.evaluate_raters(maps, prediction, labels=[1, 5], metrics=["dice", "hd95"])
    assert found.value(1, "dice", "rater 1", "rater 2") == 0
    assert found.value(1, "hd95", "rater 1", "rater 2") == math.inf
    for measure in ("dice", "hd95", "fleiss_kappa", "krippendorff_alpha"):
        assert math.isnan(found.value(5, measure))
    assert found.value(5, "energy_distance", "prediction") == 0
    assert found.value(5, "curvas_thresholded_dice", "prediction") == 1


def test_the_interval_of_a_ratio() -> None:
    between = np.full((4, 4), 0.8)
    ratio, low, high = relative_score(np.full(4, 0.6), between, seed=1)
    assert (ratio, low, high) == pytest.approx((0.75, 0.75, 0.75))
    values = np.array([0.5, 0.6, 0.7, 0.8])
    first, again = (relative_score(values, between, seed=2) for _ in range(2))
    assert first == again
    assert first[0] == pytest.approx(0.8125)
    assert first[1] < first[0] < first[2]
    ratio, low, high = relative_score(values[:2], between[:2, :2], seed=0)
    assert not math.isnan(ratio)
    assert math.isnan(low)
    assert math.isnan(high)


def test_what_is_refused() -> None:
    one = np.array([[0, 1]], np.uint8)
    with pytest.raises(InputError, match="at least 2"):
        fastseg.evaluate_raters([one], one)
    with pytest.raises(InputError, match="consensus"):
        fastseg.evaluate_raters([one, one], consensus="mode")
    with pytest.raises(InputError, match="did you mean 'dice'"):
        fastseg.evaluate_raters([one, one], metrics="dise")
    with pytest.raises(InputError, match="a name of its own"):
        fastseg.evaluate_raters({"consensus": one, "b": one})
    with pytest.raises(InputError, match="rater 1 and prediction must have one shape"):
        fastseg.evaluate_raters([one, one], np.zeros((2, 3)))
    with pytest.raises(InputTypeError, match="a list of label maps"):
        fastseg.evaluate_raters(3)


def test_repeatability_by_hand_and_by_analysis_of_variance() -> None:
    """Shrout and Fleiss 1979, table 2: six subjects, four judges."""
    table = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]
    found = fastseg.repeatability(table)
    assert (found.icc_1, found.icc_2, found.icc_3) == pytest.approx((0.17, 0.29, 0.71), abs=0.005)
    variances = np.var(table, axis=1, ddof=1)
    assert found.within_subject_sd == pytest.approx(math.sqrt(variances.mean()))
    assert found.repeatability_coefficient == pytest.approx(
        2.7719 * found.within_subject_sd, rel=1e-4
    )
    assert math.isnan(found.bias)
    two = fastseg.repeatability([[1, 2], [3, 3], [5, 7]])
    assert two.bias == 1
    assert two.bias_sd == 1
    assert two.limits_of_agreement == pytest.approx((-0.96, 2.96))
    assert "repeatability_coefficient" in str(two)
    same = fastseg.repeatability([[2, 2], [2, 2]])
    assert same.within_subject_sd == 0
    assert math.isnan(same.icc_1)
    assert math.isnan(fastseg.repeatability([[1, 2]]).icc_3)


@pytest.mark.parametrize("wrong", [[1, 2], [[1], [2]], [[1, math.nan]], "text", [[1, 2], [3]]])
def test_what_is_no_table_of_repeats(wrong: object) -> None:
    with pytest.raises((InputError, InputTypeError), match="measurements"):
        fastseg.repeatability(wrong)  # type: ignore[arg-type]
