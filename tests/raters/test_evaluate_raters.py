"""The table of several raters beside `evaluate` of every pair; repeatability beside analysis of variance."""

from __future__ import annotations

import math
from pathlib import Path

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


def test_samples_of_a_model() -> None:
    rng = np.random.default_rng(9)
    for _ in range(10):
        raters, many = int(rng.integers(2, 5)), int(rng.integers(1, 9))
        maps = naive.noisy(rng, (4, 5, 6), raters + many + 1, 3)
        drawn, samples, prediction = maps[:raters], maps[raters:-1], maps[-1]
        found = fastseg.evaluate_raters(drawn, prediction, samples=samples, metrics="dice")
        for structure, labels in ((1, [1]), (2, [2]), (None, [1, 2])):
            for first, own in (("samples", samples), ("prediction", [prediction])):
                value = found.value(structure, "energy_distance", first)
                assert value == pytest.approx(naive.energy(drawn, own, labels), abs=1e-13)
        alone = fastseg.evaluate_raters(drawn, prediction, metrics="dice")
        rest = [one for one in found if "samples" not in (one.first, one.second)]
        assert [one[:5] for one in rest] == [one[:5] for one in alone]
        assert [one.value for one in rest] == pytest.approx(
            [one.value for one in alone], nan_ok=True
        )
        other = [np.where(one == 1, 7, np.where(one == 2, 1, 0)) for one in samples]
        moved = fastseg.evaluate_raters(
            drawn, samples=other, metrics="dice",
            labels={"x": {"reference": 1, "prediction": 7}, "y": {"reference": 2, "prediction": 1}},
        )  # fmt: skip
        assert moved.value("x", "energy_distance", "samples") == pytest.approx(
            found.value(1, "energy_distance", "samples")
        )
    with pytest.raises(InputError, match="samples: expected at least one"):
        fastseg.evaluate_raters(drawn, samples=[])
    with pytest.raises(InputTypeError, match="samples: expected a list"):
        fastseg.evaluate_raters(drawn, samples="a.npy")
    with pytest.raises(InputError, match="rater 1 and sample 2 must have one shape"):
        fastseg.evaluate_raters(drawn, samples=[drawn[0], np.zeros((2, 2, 2), np.uint8)])


def test_levels_of_measurement_are_of_all_labels() -> None:
    rng = np.random.default_rng(10)
    maps = naive.noisy(rng, (5, 5, 5), 4, 4)
    found = fastseg.evaluate_raters(maps, metrics="dice", levels=["interval", "ordinal"])
    assert found.value(None, "krippendorff_alpha") == pytest.approx(naive.alpha(maps, "nominal"))
    for level in ("ordinal", "interval"):
        value = found.value(None, f"krippendorff_alpha_{level}")
        assert value == pytest.approx(naive.alpha(maps, level))
    with pytest.raises(InputError, match="did you mean 'ordinal'"):
        fastseg.evaluate_raters(maps, levels="ordinals")
    with pytest.raises(InputTypeError, match="levels: expected names"):
        fastseg.evaluate_raters(maps, levels=3)  # type: ignore[arg-type]


def test_infinite_distances_have_infinite_ends() -> None:
    """A rater who draws nothing is infinitely far from all others, in each draw that holds it."""
    own = np.array([1.0, 1.2, math.inf, 1.1])
    between = np.full((4, 4), 1.0)
    ratio, low, high = relative_score(own, between, seed=0)
    assert (ratio, high) == (math.inf, math.inf)
    assert 1 <= low <= 1.2
    between[3, :3] = between[:3, 3] = math.inf
    ratio, low, high = relative_score(np.array([1.0, 1.2, 1.1, 1.1]), between, seed=0)
    assert (ratio, low) == (0, 0)
    assert 1 <= high <= 1.2


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


def test_correlations_of_means_and_intervals() -> None:
    """The same table; ICC(1,k) to ICC(3,k) as published, intervals as in the R package psych's manual."""
    table = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]
    found = fastseg.repeatability(table)
    assert (found.icc_1k, found.icc_2k, found.icc_3k) == pytest.approx(
        (0.44, 0.62, 0.91), abs=0.005
    )
    assert found.icc_1_interval == pytest.approx((-0.133, 0.723), abs=5e-4)
    assert found.icc_2_interval == pytest.approx((0.019, 0.761), abs=5e-4)
    assert found.icc_3_interval == pytest.approx((0.342, 0.946), abs=5e-4)
    alike = fastseg.repeatability([[1, 1], [2, 2], [3, 3]])
    assert (alike.icc_1, alike.icc_1_interval) == (1, (1, 1))
    assert alike.repeatability_interval == (0, 0)


def test_the_interval_of_repeatability_covers() -> None:
    rng = np.random.default_rng(4)
    inside = []
    for _ in range(300):
        low, high = fastseg.repeatability(rng.normal(0, 2, (8, 3))).repeatability_interval
        inside.append(low <= 1.96 * math.sqrt(2) * 2 <= high)
    assert 0.92 < np.mean(inside) < 0.98


def test_trueness_is_how_far_means_lie_above_the_truth() -> None:
    found = fastseg.repeatability([[11, 13], [20, 20], [29, 31]], truth=[10, 20, 40])
    assert found.trueness == pytest.approx((2 + 0 - 10) / 3)
    assert found.trueness_sd == pytest.approx(np.std([2, 0, -10], ddof=1))
    assert found.relative_trueness == pytest.approx((0.2 + 0 - 0.25) / 3)
    assert math.isnan(fastseg.repeatability([[11, 13]], truth=[0]).relative_trueness)
    with pytest.raises(InputError, match="truth: expected a number for each of 2 subjects"):
        fastseg.repeatability([[1, 2], [3, 4]], truth=[1])
    with pytest.raises(InputError, match="truth: NaN"):
        fastseg.repeatability([[1, 2]], truth=[math.nan])


@pytest.mark.slow
def test_correlations_beside_analysis_of_variance() -> None:
    """Mean squares of statsmodels; all of it beside pingouin, where that is installed."""
    frames = pytest.importorskip("pandas")
    models = pytest.importorskip("statsmodels.formula.api")
    anova = pytest.importorskip("statsmodels.stats.anova")
    rng = np.random.default_rng(6)
    for _ in range(60):
        n, k = int(rng.integers(3, 9)), int(rng.integers(2, 6))
        table = rng.normal(0, 1, (n, 1)) * 3 + rng.normal(0, 1, (n, k)) + rng.normal(0, 1, k)
        found = fastseg.repeatability(table)
        subjects, raters = np.indices((n, k))
        frame = frames.DataFrame({"v": table.ravel(), "s": subjects.ravel(), "r": raters.ravel()})
        squares = anova.anova_lm(models.ols("v ~ C(s) + C(r)", frame).fit())["mean_sq"]
        rows, columns, error = squares["C(s)"], squares["C(r)"], squares["Residual"]
        below = rows + (k - 1) * error
        assert found.icc_3 == pytest.approx((rows - error) / below)
        assert found.icc_2 == pytest.approx((rows - error) / (below + k * (columns - error) / n))
        within = anova.anova_lm(models.ols("v ~ C(s)", frame).fit())["mean_sq"]["Residual"]
        assert found.icc_1 == pytest.approx((rows - within) / (rows + (k - 1) * within))
        assert found.within_subject_sd == pytest.approx(math.sqrt(within))


@pytest.mark.parametrize("wrong", [[1, 2], [[1], [2]], [[1, math.nan]], "text", [[1, 2], [3]]])
def test_what_is_no_table_of_repeats(wrong: object) -> None:
    with pytest.raises((InputError, InputTypeError), match="measurements"):
        fastseg.repeatability(wrong)  # type: ignore[arg-type]


def test_grids_are_compared_by_the_raters_names(tmp_path: Path) -> None:
    pytest.importorskip("nibabel")
    maps = naive.noisy(np.random.default_rng(0), (5, 6, 7), 2, 2)
    paths = [tmp_path / "a.nii.gz", tmp_path / "b.nii.gz"]
    for path, one, size in zip(paths, maps, (1, 2), strict=True):
        fastseg.write_image(path, one, spacing=(1, 1, size))
    with pytest.raises(fastseg.GridMismatchError) as told:
        fastseg.evaluate_raters(paths, metrics="dice")
    assert "reference" not in str(told.value)
    assert "a.nii.gz and " in str(told.value)
    found = fastseg.evaluate_raters(paths, metrics="dice", ignore_grid=True)
    assert found.value(1, "dice") == fastseg.evaluate_raters(maps, metrics="dice").value(1, "dice")
    flipped = [maps[0], np.ascontiguousarray(maps[1][::-1])]
    for path, one, sign in zip(paths, flipped, (1, -1), strict=True):
        grid = np.diag([sign, 1.0, 1.0, 1.0])
        grid[0, 3] = 0 if sign > 0 else 4
        fastseg.write_image(path, one, fastseg.io.Grid((5, 6, 7), (1.0, 1.0, 1.0), grid))
    with pytest.warns(fastseg.InputWarning, match="turned to the orientation"):
        found = fastseg.evaluate_raters(paths, metrics="dice", reorient=True)
    assert found.value(1, "dice") == fastseg.evaluate_raters(maps, metrics="dice").value(1, "dice")
