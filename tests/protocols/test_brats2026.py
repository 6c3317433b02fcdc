"""BraTS 2026 beside a twin of loops and SciPy, to the bit, and its quirks."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
import pytest

import fastseg
from fastseg import Evaluation
from tests.protocols import panoptic_twin as twin

METRICS = ("DSC", "NSD", "HD95")
WORST = {"DSC": 0.0, "NSD": 0.0, "HD95": 373.0}

pytestmark = pytest.mark.filterwarnings("ignore:The threshold is set to 0.5")


def detected(prefix: str, tp: int, fp: int, fn: int) -> dict[str, float]:
    values: dict[str, float] = {"tp": tp, "fp": fp, "fn": fn}
    values["prec"] = tp / (tp + fp) if tp + fp else 0
    values["rec"] = tp / (tp + fn) if tp + fn else 0
    values["f1"] = 2 * tp / (2 * tp + fp + fn) if 2 * tp + fp + fn else 0
    return {f"{prefix}_instance_{name}": value for name, value in values.items()}


def expected(reference: Any, prediction: Any, spacing: tuple[float, ...], mets: bool) -> Any:
    """Every score of a region, from its two masks."""
    references = twin.components(reference, False)
    predictions = twin.components(prediction, False)
    found = twin.matched(references, predictions, "bipartite", "DSC", 1e-6)
    n, m, tp = len(references), len(predictions), len(found)
    scores = {
        r: {
            name: twin.measured(name, references[r], predictions[p], spacing, min(spacing))
            for name in METRICS
        }
        for r, (p,) in found.items()
    }
    values = {
        **detected("all", tp, m - tp, n - tp),
        "all_instance_prec": tp / m if m else math.nan,
        "all_instance_rec": tp / n if n else math.nan,
        "all_instance_f1": tp / (tp + 0.5 * (m - tp) + 0.5 * (n - tp)) if tp else 0.0 if n + m else math.nan,
    }  # fmt: skip
    whole = reference > 0, prediction > 0
    for name in METRICS:
        value = twin.edge_case(name, n + m)
        if (whole[0] & whole[1]).any():
            value = twin.measured(name, *whole, (1.0,) * 3, 0.5)
        values[f"global_{name.lower()}"] = 373.0 if math.isinf(value) else value
    if not mets:
        for name in METRICS:
            of_found = [one[name] for one in scores.values()]
            mean = float(np.average(of_found)) if found else twin.edge_case(name, n + m)
            values[f"lesionwise_{name.lower()}_mean"] = mean
            values[f"lesionwise_{name.lower()}_std"] = (
                float(np.std(of_found)) if found else math.nan
            )
        return values
    volumes = [int(mask.sum()) * math.prod(spacing) for mask in references]
    for size in ("large", "small"):
        own = [r for r, volume in enumerate(volumes) if (volume >= 20) == (size == "large")]
        hits = sum(r in scores and scores[r]["DSC"] >= 0.1 for r in own)
        counts = detected(size, hits, m - tp, len(own) - hits)
        values.update(counts if own else dict.fromkeys(counts, math.nan))
        if size == "small":
            continue
        order = [scores[r] for r in own if r in scores]
        order += [WORST] * (sum(r not in scores for r in own) + m - tp)
        for name in METRICS:
            column = [one[name] for one in order]
            for suffix, reduce in (("mean", np.mean), ("std", np.std)):
                score = float(reduce(column)) if own else math.nan
                values[f"lesionwise_{name.lower()}_{suffix}"] = score
    return values


def compare(seed: int, mets: bool) -> None:
    maps = twin.maps(seed, 3, 4)
    spacing = (1.0, 1.0, 1.0) if seed % 3 else (2.0, 0.5, 1.0)
    name = "brats2026-mets" if mets else "brats2026"
    evaluation = fastseg.evaluate_protocol(name, *maps, spacing=spacing)
    regions = {"et": (3,), "rc": (4,), "tc": (1, 3), "wt": (1, 2, 3)}
    for region, labels in regions.items():
        reference, prediction = (np.isin(side, labels) for side in maps)
        wanted = expected(reference, prediction, spacing, mets)
        row = evaluation[region]
        assert set(row) == set(wanted)
        for score, value in wanted.items():
            np.testing.assert_array_equal(row[score], value, err_msg=f"{region} {score} of {seed}")


@pytest.mark.parametrize("mets", [False, True])
def test_a_case_equals_the_twin_to_the_bit(mets: bool) -> None:
    for seed in range(24):
        compare(seed, mets)


@pytest.mark.slow
@pytest.mark.parametrize("mets", [False, True])
def test_five_hundred_cases_equal_the_twin(mets: bool) -> None:
    for seed in range(24, 524):
        compare(seed, mets)


def test_a_cohort_is_averaged_over_what_is_a_number() -> None:
    lesion = np.zeros((9, 9, 9), np.uint8)
    lesion[2:5, 2:5, 2:5] = 3
    cases = [(lesion, lesion), (0 * lesion, 0 * lesion), (lesion, 0 * lesion)]
    evaluations = [
        fastseg.evaluate_protocol("brats2026-mets", *pair, case=str(i))
        for i, pair in enumerate(cases)
    ]
    scores = fastseg.protocol_scores(Evaluation.joined(evaluations))
    assert scores["large_instance_f1_et"] == 0.5
    assert scores["lesionwise_hd95_mean_et"] == 373 / 2
    assert math.isnan(scores["small_instance_f1_et"])


def two_lesions() -> tuple[Any, Any]:
    reference = np.zeros((20, 20, 20), np.uint8)
    reference[1:5, 1:5, 1:5] = reference[10:14, 1:5, 1:5] = 3
    prediction = reference.copy()
    prediction[10:14] = 0
    return reference, prediction


def test_quirk_found_lesions_only() -> None:
    scores = [
        fastseg.evaluate_protocol("brats2026", *two_lesions(), quirks=quirks)["et"]["lesionwise_dsc_mean"]
        for quirks in (True, {"found-lesions-only": False})
    ]  # fmt: skip
    assert scores == [1, 0.5]


def test_quirk_false_positives_any_size() -> None:
    reference, prediction = np.zeros((2, 20, 20, 20), np.uint8)
    reference[1:3, 1:3, 1:3] = prediction[1:3, 1:3, 1:3] = 3
    prediction[8:18, 8:18, 8:18] = 3
    scores = [
        fastseg.evaluate_protocol("brats2026-mets", reference, prediction, quirks=quirks)["et"]["small_instance_f1"]
        for quirks in (True, {"false-positives-any-size": False})
    ]  # fmt: skip
    assert scores == [2 / 3, 1]


def test_no_warning_without_the_quirk_of_voxels() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        row = fastseg.evaluate_protocol("brats2026", *two_lesions(), quirks=False)["et"]
    assert row["global_dsc"] == 2 / 3
