"""Trueness, precision and accuracy: published examples, formulas written out, what intervals hold, every input."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import pytest
from scipy import stats

import fastseg
from fastseg.errors import InputError, InputTypeError
from fastseg.measures.accuracy import Subject
from fastseg.results.attributes import Attributes

# Bland & Altman 1986, doi:10.1016/S0140-6736(86)90837-8, table: peak flow by a large and a mini meter, each twice.
LARGE = (
    (494, 395, 516, 434, 476, 557, 413, 442, 650, 433, 417, 656, 267, 478, 178, 423, 427),
    (490, 397, 512, 401, 470, 611, 415, 431, 638, 429, 420, 633, 275, 492, 165, 372, 421),
)
MINI = (
    (512, 430, 520, 428, 500, 600, 364, 380, 658, 445, 432, 626, 260, 477, 259, 350, 451),
    (525, 415, 508, 444, 500, 625, 460, 390, 642, 432, 420, 605, 227, 467, 268, 370, 443),
)


def test_the_example_of_bland_and_altman() -> None:
    """One meter beside the other as if that were true: -2.1 (-22.0 to 17.8); repeats differ by 21.6 and 28.2."""
    found = fastseg.accuracy(LARGE[0], MINI[0])
    assert round(found.bias, 1) == -2.1
    assert tuple(round(end, 1) for end in found.bias_interval) == (-22.0, 17.8)
    for meter, sd in ((LARGE, 21.6), (MINI, 28.2)):
        repeated = fastseg.accuracy(np.transpose(meter), 0)
        assert round(math.sqrt(2) * repeated.repeatability_sd, 1) == sd
        same = fastseg.repeatability(np.transpose(meter))
        assert repeated.repeatability_sd == pytest.approx(same.within_subject_sd, rel=1e-12)
        assert repeated.repeatability_limit == pytest.approx(same.repeatability_coefficient)
        assert repeated.cv == pytest.approx(same.within_subject_cv)
    found = fastseg.accuracy(np.transpose(LARGE), MINI[0])
    same = fastseg.repeatability(np.transpose(LARGE), MINI[0])
    assert found.bias == pytest.approx(same.trueness)
    assert found.relative_bias == pytest.approx(same.relative_trueness)


def test_the_interval_of_a_mean_of_nist() -> None:
    """NIST/SEMATECH e-Handbook 1.3.5.2: 195 values, mean 9.261460, sd 0.022789: 9.258242 to 9.264679."""
    values = np.random.default_rng(3).normal(size=195)
    values = 9.261460 + 0.022789 * (values - values.mean()) / values.std(ddof=1)
    found = fastseg.accuracy(values, 9.2)
    assert found.bias_interval == pytest.approx((0.058242, 0.064679), abs=1.1e-6)


def test_the_formulas_written_out() -> None:
    rng = np.random.default_rng(5)
    for _ in range(50):
        subjects, repeats = int(rng.integers(1, 5)), int(rng.integers(2, 6))
        true = rng.uniform(10, 100, subjects)
        x = true[:, None] + rng.normal(2, 3, (subjects, repeats))
        found = fastseg.accuracy(x, true, confidence=0.9)
        e = x - true[:, None]
        s = math.sqrt(x.var(axis=1, ddof=1).mean())
        freedom = subjects * (repeats - 1)
        assert found.bias == pytest.approx(e.mean())
        assert found.relative_bias == pytest.approx((e.mean(axis=1) / true).mean())
        assert found.repeatability_sd == pytest.approx(s)
        assert found.repeatability_limit == pytest.approx(1.96 * math.sqrt(2) * s)
        assert found.cv == pytest.approx(s / x.mean())
        assert found.rmse == pytest.approx(math.sqrt((e**2).mean()))
        assert found.rmse**2 == pytest.approx(  # both kinds of error, and nothing else
            (e.mean(axis=1) ** 2).mean() + x.var(axis=1).mean()
        )
        ends = [s * math.sqrt(freedom / stats.chi2.ppf(q, freedom)) for q in (0.95, 0.05)]
        assert found.repeatability_sd_interval == pytest.approx(ends)
        units = e.mean(axis=1) if subjects > 1 else e[0]
        expected = stats.t.interval(0.9, len(units) - 1, units.mean(), stats.sem(units))
        assert found.bias_interval == pytest.approx(expected)


@pytest.mark.parametrize(("subjects", "repeats"), [(1, 12), (15, 3), (20, 1)])
def test_intervals_hold_what_they_promise(subjects: int, repeats: int) -> None:
    """Of normal errors, within 3 %: their bias 1, and 2 their standard deviation within, 0.5 between subjects."""
    rng = np.random.default_rng(6)
    hits = np.zeros(3)
    between = 0.5 if subjects > 1 else 0
    truth = (1.0, 2.0, math.sqrt(5 + between**2))
    for _ in range(400):
        errors = rng.normal(1, 2, (subjects, repeats)) + rng.normal(0, between, (subjects, 1))
        found = fastseg.accuracy(50 + errors, [50.0] * subjects)
        for place, (low, high) in enumerate(
            (found.bias_interval, found.repeatability_sd_interval, found.rmse_interval)
        ):
            hits[place] += low <= truth[place] <= high
    if repeats == 1:
        hits[1] = 380  # nothing is known of it
    assert (np.abs(hits / 400 - 0.95) < 0.03).all(), hits / 400


def test_one_measurement_of_each_and_nothing_that_varies() -> None:
    found = fastseg.accuracy({"a": 10.5, "b": 19.0}, {"a": 10, "b": 20, "c": 3})
    assert math.isnan(found.repeatability_sd)
    assert all(map(math.isnan, found.repeatability_sd_interval))
    assert found.bias == -0.25
    exact = fastseg.accuracy([7.0, 7.0, 7.0], 7)
    assert exact.scores == {
        "bias": 0, "relative_bias": 0, "repeatability_sd": 0, "repeatability_limit": 0, "cv": 0, "rmse": 0
    }  # fmt: skip
    assert {*exact.rmse_interval, *exact.bias_interval} == {0.0}
    alone = fastseg.accuracy([3.0], 0)
    assert math.isnan(alone.relative_bias)
    assert math.isnan(alone.bias_interval[0])


def test_every_way_to_give_the_same() -> None:
    pandas = pytest.importorskip("pandas")
    expected = fastseg.accuracy([[1.0, 1.5], [2.5, 2.0]], [1, 2])
    assert fastseg.accuracy({1: [1.0, 1.5], 2: (2.5, 2)}, {"1": 1, "2": 2.0}) == expected
    assert fastseg.accuracy(np.array([[1.0, 1.5], [2.5, 2.0]]), np.array([1, 2])) == expected
    frame = pandas.DataFrame(
        {"volume": [1.0, 2.5, 1.5, 2.0], "who": [1, 2, 1, 2], "phantom": [1, 2, 1, 2]}
    )
    by_column = fastseg.accuracy(frame, "phantom", value="volume", subject="who")
    assert by_column == expected
    assert fastseg.accuracy(frame, {1: 1, 2: 2}, value="volume", subject="who") == expected
    text = str(expected).splitlines()
    assert text[0].split()[:2] == ["trueness", "bias"]
    assert [entry["subject"] for entry in expected.to_dict()] == ["1", "2"]
    assert expected.to_dict()[0]["repeatability_sd"] == pytest.approx(math.sqrt(0.125))


def case(name: str, voxels: int, truth: int, algorithm: str = "") -> fastseg.Evaluation:
    reference, prediction = np.zeros((2, 100), np.uint8)
    reference[:truth], prediction[:voxels] = 1, 1
    return fastseg.evaluate(reference, prediction, spacing=2.0, case=name, labels={"tumour": 1})


def test_volumes_of_an_evaluation() -> None:
    one = fastseg.Evaluation.joined([case("a", 10, 12), case("b", 30, 30)])
    found = fastseg.accuracy(one)
    assert found == fastseg.accuracy({"a": [20], "b": [60]}, {"a": 24, "b": 60})
    assert fastseg.accuracy(one, 40.0).bias == 0
    dice = fastseg.accuracy(one, 1.0, value="dsc", structure="tumour")
    assert dice.bias == pytest.approx((20 / 22 + 1) / 2 - 1)


def test_repetitions_are_what_several_runs_made_of_a_case_or_cases_of_one_patient() -> None:
    parts = [("a", 10, 12, "run 1"), ("b", 30, 30, "run 1"), ("a", 11, 12, "run 2")]
    rows = []
    for name, voxels, truth, run in parts:
        [row] = case(name, voxels, truth).rows
        about = Attributes({"patient": "p"})
        rows.append(dataclasses.replace(row, algorithm=run, attributes=about))
    runs = dataclasses.replace(case("a", 1, 1), rows=tuple(rows))
    of_cases = fastseg.accuracy(runs)
    assert [subject.values for subject in of_cases.subjects] == [(20, 22), (60,)]
    [patient] = fastseg.accuracy(runs, subject="patient").subjects
    assert patient == Subject("p", (20, 60, 22), (24, 60, 24))
    pytest.importorskip("pandas")
    table = runs.to_pandas()
    columns = {"value": "volume_prediction", "subject": "case"}
    assert fastseg.accuracy(table, "volume_reference", **columns) == of_cases  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("arguments", "options", "told"),
    [
        (([1, 2],), {}, "truth: expected the true value"),
        (([1, 2], "1"), {}, "truth: expected a number"),
        (([[1, 2], [3, 4]], [1, 2, 3]), {}, "one for each of 2 subjects, got 3"),
        (([1, math.nan], 1), {}, "measurements: expected finite numbers, got nan"),
        (([1, 2], math.inf), {}, "truth: expected finite numbers"),
        (({"a": [1]}, {"b": 1}), {}, "truth: none given for 'a'"),
        (({"a": []}, 1), {}, "at least one of 'a'"),
        (([], 1), {}, "at least one"),
        ((3, 1), {}, "measurements: expected several numbers"),
        (([1, 2], 1), {"confidence": 1}, "confidence: expected a number above 0"),
        (([1, 2], 1), {"value": "x"}, "names of columns"),
        (([1, 2], 1), {"structure": "x"}, "only an evaluation has structures"),
        ((case("a", 1, 1),), {"structure": "liver"}, "structure: unknown 'liver'"),
        ((case("a", 1, 1),), {"value": "hd97"}, "value: unknown 'hd97'"),
        ((case("a", 1, 1),), {"value": "dice"}, "truth: expected the true value"),
        ((case("a", 1, 1),), {"subject": "patient"}, "subject: unknown attribute 'patient'"),
    ],
)
def test_wrong_input_is_told(arguments: Any, options: dict[str, Any], told: str) -> None:
    with pytest.raises((InputError, InputTypeError), match=told):
        fastseg.accuracy(*arguments, **options)
