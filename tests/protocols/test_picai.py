"""PI-CAI beside a twin of loops, to the bit for each case, and beside picai_eval where that is installed."""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import ndimage
from scipy.optimize import linear_sum_assignment

import fastseg
from fastseg import Evaluation
from fastseg.errors import InputError, InputWarning
from fastseg.io.image import Image, make_grid
from fastseg.measures.joint_histogram import Counts
from fastseg.protocols import picai
from fastseg.protocols.framework.options import Options
from fastseg.protocols.rules.picai_scores import aggregate
from fastseg.results.instance import Instance
from fastseg.results.rows import Row

Maps = tuple[np.ndarray, np.ndarray]
Entry = tuple[int, float, float]

CORNERS = np.ones((3, 3, 3))
PICAI = picai.PROTOCOLS[0]


def cases(count: int, seed: int = 0) -> Iterator[Maps]:
    """Lesions and candidates: none, one voxel, touching, split, shifted, at the border, with equal confidences."""
    rng = np.random.default_rng(seed)
    for trial in range(count):
        shape = tuple(rng.integers(1, 8, 3)) if trial % 3 else tuple(rng.integers(6, 10, 3))
        reference = np.zeros(shape, np.uint8)
        for _ in range(rng.integers(0, 4)):
            corner = [int(rng.integers(0, size)) for size in shape]
            reference[tuple(slice(at, at + int(rng.integers(1, 4))) for at in corner)] = 1
        predicted = reference > 0
        if trial % 5 == 1:
            predicted = np.roll(predicted, 1, axis=int(rng.integers(3)))
        if trial % 5 == 2:
            predicted = predicted.copy()
            predicted[:, ::2] = False
        if trial % 5 == 3:
            predicted = ndimage.binary_dilation(predicted)
        if trial % 5 == 4:
            predicted = np.zeros(shape, bool)
        predicted = predicted | (rng.random(shape) < rng.choice([0, 0.02]))
        labelled, many = ndimage.label(predicted, CORNERS)
        confidences = rng.random(many) * 0.9 + 0.05
        if trial % 2:
            confidences = np.round(confidences, 1)
        yield reference * (2 if trial % 4 else 1), np.append(0.0, confidences)[labelled]


def twin(reference: np.ndarray, detections: np.ndarray, least: float = 0.1) -> list[Entry]:
    """List what counts of a case: whether it is a lesion, its confidence and its overlap."""
    detections = detections.astype(np.float32)
    lesions, many = ndimage.label(reference, CORNERS)
    candidates, found = ndimage.label(detections, CORNERS)
    sure = [float(detections[candidates == k + 1].max()) for k in range(found)]
    scores = np.zeros((many, found))
    for i in range(many):
        for j in range(found):
            one, other = lesions == i + 1, candidates == j + 1
            overlap = ((one & other).sum() + 1e-8) / ((one | other).sum() + 1e-8)
            scores[i, j] = overlap + 1 if overlap >= least else 0
    pairs = [
        (i, j)
        for i, j in zip(*linear_sum_assignment(scores, maximize=True), strict=True)
        if scores[i, j]
    ]
    entries = [(1, sure[j], float(scores[i, j] - 1)) for i, j in pairs]
    entries += [(1, 0.0, 0.0)] * (many - len(pairs))
    entries += [(0, sure[j], 0.0) for j in range(found) if not scores[:, j].any()]
    return sorted(entries)


def entries_of(evaluation: Evaluation) -> list[Entry]:
    found = []
    for row in evaluation.instances():
        assert row.instance is not None
        sure = 0.0 if row.prediction_label is None else row.instance.confidence
        found.append((int(row["is_lesion"]), sure, row["overlap"]))
    return sorted(found)


def score(*maps: Maps, **options: Any) -> dict[str, float]:
    evaluations = [
        fastseg.evaluate_protocol("picai", *pair, case=f"{i:03d}", **options)
        for i, pair in enumerate(maps)
    ]
    return fastseg.protocol_scores(Evaluation.joined(evaluations))


def line(*values: float) -> np.ndarray:
    """A row of voxels."""
    return np.array(values, np.float64).reshape(1, 1, -1)


def test_each_case_is_that_of_the_twin_to_the_bit() -> None:
    for reference, detections in cases(500):
        evaluation = fastseg.evaluate_protocol("picai", reference, detections)
        expected = twin(reference, detections)
        assert entries_of(evaluation) == expected
        row = evaluation["lesion"]
        assert row["case_pred"] == float(detections.astype(np.float32).max())
        assert row["case_target"] == reference.any()
        assert row.counts.reference == np.count_nonzero(reference)
        assert row.counts.prediction == np.count_nonzero(detections)


def naive_scores(pairs: list[Maps]) -> dict[str, float]:
    """Score a cohort with fractions: pairs of patients, and steps of the recall."""
    entries = [one for pair in pairs for one in twin(*pair)]
    highest = [Fraction(float(d.astype(np.float32).max())) for _, d in pairs]
    ill = [bool(r.any()) for r, _ in pairs]
    order = [
        Fraction(2 * bool(p > n) + bool(p == n), 2)
        for p, is_ill in zip(highest, ill, strict=True)
        if is_ill
        for n, other in zip(highest, ill, strict=True)
        if not other
    ]
    lesions = sum(is_lesion for is_lesion, _, _ in entries)
    recall, precision = Fraction(0), Fraction(0)
    for threshold in sorted({sure for _, sure, _ in entries if sure}, reverse=True):
        above = [is_lesion for is_lesion, sure, _ in entries if sure >= threshold]
        if lesions:
            step = Fraction(sum(above), lesions) - recall
            recall += step
            precision += step * Fraction(sum(above), len(above))
    return {
        "auroc": float(sum(order) / len(order)) if order else math.nan,
        "AP": float(precision),
        "num_cases": len(pairs),
        "num_lesions": lesions,
    }


def test_cohorts_are_those_of_fractions() -> None:
    every = list(cases(500, seed=1))
    rng = np.random.default_rng(2)
    for size in (1, 2, 3, 5, 8, 13, 40) * 3:
        pairs = [every[i] for i in rng.choice(len(every), size)]
        found, expected = score(*pairs), naive_scores(pairs)
        for name, value in expected.items():
            assert found[name] == pytest.approx(value, rel=1e-12, nan_ok=True)


@pytest.mark.filterwarnings("ignore:No .* samples in y_true")
def test_picai_eval_has_the_same_bits() -> None:
    host = pytest.importorskip("picai_eval")
    every = list(cases(120, seed=3))
    rng = np.random.default_rng(4)
    for size in (2, 5, 20, 120):
        pairs = [every[i] for i in rng.choice(len(every), size, replace=False)]
        names = [f"{i:03d}" for i in range(size)]
        metrics = host.evaluate(
            [d for _, d in pairs], [r for r, _ in pairs], subject_list=names, num_parallel_calls=1
        )
        many = (
            10 if size >= 20 else 0
        )  # of few cases, it fails where a sample has no lesion and no candidate
        found = score(*pairs, n_bootstraps=many, seed=5)
        expected = {
            "auroc": metrics.auroc,
            "AP": metrics.AP,
            "score": metrics.score,
            "num_cases": metrics.num_cases,
            "num_lesions": metrics.num_lesions,
            **{
                f"lesion_TPR_at_FPR_{rate:g}": metrics.lesion_TPR_at_FPR(rate)
                for rate in (0.1, 0.5, 1.0, 2.0, 5.0)
            },
        }
        intervals = metrics.bootstrap_score_ci(many, seed=5) if many else {}
        for name, (low, high) in intervals.items():
            expected |= {f"{name}_lower": low, f"{name}_upper": high}
        assert list(found) == list(expected)
        np.testing.assert_array_equal(list(found.values()), [float(v) for v in expected.values()])


def test_scores_are_the_same_after_reading_them_from_a_file() -> None:
    evaluations = [
        fastseg.evaluate_protocol("picai", *pair, case=str(i)) for i, pair in enumerate(cases(20))
    ]
    joined = Evaluation.joined(evaluations)
    again = Evaluation.from_json(joined.to_json())
    assert again == joined
    assert fastseg.protocol_scores(again) == fastseg.protocol_scores(joined)


def test_the_dice_and_the_bayesian_case_confidence() -> None:
    reference, detections = line(1, 1, 0, 0, 0), line(0.5, 0, 0, 0, 0.4)
    evaluation = fastseg.evaluate_protocol(
        "picai", reference, detections, overlap_func="DSC", case_confidence_func="bayesian"
    )
    assert evaluation.instances()[0]["overlap"] == pytest.approx(2 / 3)
    assert evaluation["lesion"]["case_pred"] == pytest.approx(1 - 0.5 * 0.6)


def test_images_are_taken_with_the_axes_of_simpleitk() -> None:
    """Numbers of components, which decide between equal matches, follow the order of the axes."""
    reference, detections = np.zeros((6, 5, 4), np.uint8), np.zeros((6, 5, 4), np.float32)
    reference[0, 0, 3] = reference[5, 0, 0] = 1
    detections[0, 0, 3], detections[5, 0, 0] = 0.5, 0.75
    grid = make_grid(reference.shape, np.diag([1.0, 2.0, 3.0, 1.0]), "test")
    images = [Image(one, grid, "test") for one in (reference, detections)]
    found = fastseg.evaluate_protocol("picai", *images)
    plain = fastseg.evaluate_protocol("picai", reference.T, detections.T)
    for row, other in zip(found.instances(), plain.instances(), strict=True):
        assert (row.reference_label, row.instance) == (other.reference_label, other.instance)
    first = found.instances()[0].instance
    assert first is not None
    assert first.confidence == 0.75
    assert found["lesion"].voxel_volume == 6


def test_a_folder_of_cases(tmp_path: Path) -> None:
    pairs = list(cases(6, seed=6))
    for i, pair in enumerate(pairs):
        for folder, labels in zip(("references", "predictions"), pair, strict=True):
            (tmp_path / folder).mkdir(exist_ok=True)
            if i < 5 or folder == "references":
                np.save(tmp_path / folder / f"{i:03d}.npy", labels)
    with pytest.warns(InputWarning, match="have no prediction"):
        cohort = fastseg.evaluate_cohort(
            tmp_path / "references", tmp_path / "predictions", protocol="picai"
        )
    pairs[5] = pairs[5][0], np.zeros(pairs[5][0].shape)
    expected = score(*pairs)
    np.testing.assert_array_equal(
        list(fastseg.protocol_scores(cohort).values()), list(expected.values())
    )


def test_a_missing_prediction_finds_nothing() -> None:
    pair = picai.opened(line(1, 0, 1), None, "a")
    rows = picai.evaluate(pair, Options(PICAI.options, {q.name: True for q in PICAI.quirks}))
    assert [row["is_lesion"] for row in rows[1:]] == [1, 1]
    assert all(row.prediction_label is None for row in rows[1:])


@pytest.mark.parametrize(
    ("detections", "message"),
    [
        (line(0, -0.5, 0), "lowest confidence is -0.5"),
        (line(0, math.nan, 0), "lowest confidence is nan"),
        (line(0.1, 0.2, 0.3), "3 different confidences in 1 components"),
        (line(0, 0), "must have one shape"),
    ],
)
def test_what_is_no_detection_map_is_refused(detections: np.ndarray, message: str) -> None:
    with pytest.raises(InputError, match=message):
        fastseg.evaluate_protocol("picai", line(0, 1, 0), detections)


@pytest.mark.parametrize("options", [{"overlap_func": "iou"}, {"case_confidence_func": "mean"}])
def test_unknown_functions_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="unknown"):
        fastseg.evaluate_protocol("picai", line(1, 0), line(1, 0), **options)


@pytest.mark.parametrize("options", [{"labels": [1]}, {"spacing": 2.0}, {"ignore_grid": True}])
def test_options_of_label_maps_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="picai reads inputs of its own"):
        fastseg.evaluate_protocol("picai", line(1, 0), line(1, 0), **options)


# ---------------------------------------------------------------------------------- quirk by quirk


def without(quirk: str) -> dict[str, Any]:
    return {"quirks": {quirk: False}}


def false_positives(*maps: np.ndarray, **options: Any) -> int:
    rows = fastseg.evaluate_protocol("picai", *maps, **options).instances()
    return sum(row["is_lesion"] == 0 for row in rows)


def test_quirk_surplus_candidates_are_free() -> None:
    reference = line(1, 1, 1, 1, 1, 1, 1, 1)
    pieces = line(0.9, 0.9, 0.9, 0, 0.8, 0.8, 0, 0.7)
    assert false_positives(reference, pieces) == 0
    assert false_positives(reference, pieces, **without("surplus-candidates-are-free")) == 2
    row = fastseg.evaluate_protocol("picai", reference, pieces)["lesion"]
    assert (row["num_candidates"], row["num_free_candidates"]) == (3, 2)


def test_quirk_touching_candidates_merge() -> None:
    reference = line(1, 1, 0, 0, 0, 0, 0, 0)
    detections = line(0.9, 0.9, 0.2, 0.2, 0, 0.9, 0, 0.9)
    found = [
        fastseg.evaluate_protocol("picai", reference, detections, **options)["lesion"]
        for options in (dict[str, Any](), without("touching-candidates-merge"))
    ]
    assert [row["num_candidates"] for row in found] == [3, 4]


def test_quirk_last_threshold_is_lost() -> None:
    pairs = [(line(1, 0), line(0.9, 0)), (line(1, 0), line(0.4, 0))]
    assert score(*pairs)["lesion_TPR_at_FPR_1"] == 0.5
    assert score(*pairs, **without("last-threshold-is-lost"))["lesion_TPR_at_FPR_1"] == 1


def test_quirk_thresholds_thinned() -> None:
    """A hit at the 11 000th threshold alone, and false positives at all others: which of them are thresholds."""
    many, at = 12_000, 11_000
    sure = np.linspace(0.7, 0.1, many)
    rows = [_row(1.0, None, {"case_target": 1.0, "case_pred": 0.7})]
    rows += [_row(one, i != at, {"is_lesion": float(i == at)}) for i, one in enumerate(sure)]
    found = []
    for holds in (True, False):
        quirks = {q.name: holds or q.name != "thresholds-thinned" for q in PICAI.quirks}
        options = dict(PICAI.options) | {"false_positive_rates": (float(at), 11_985.0)}
        found.append([*aggregate(rows, Options(options, quirks)).values()][-2:])
    assert found == [[0, 1], [1, 1]]


def _row(sure: float, is_false: bool | None, values: dict[str, float]) -> Row:
    """Make a row of a case (None), a false positive or a hit."""
    level: Any = "structure" if is_false is None else "instance"
    instance = None if is_false is None else Instance(confidence=sure)
    reference = None if is_false else 1
    counts = Counts(0, 0, 0, 0)
    return Row(
        "a", 1, "lesion", reference, 1, values, counts, 1.0, "", "", level, instance=instance
    )


def test_quirk_overlap_epsilon() -> None:
    maps = line(1, 1, 0), line(0.5, 0, 0)
    rows = [
        fastseg.evaluate_protocol("picai", *maps, **options).instances()[0]
        for options in (dict[str, Any](), without("overlap-epsilon"))
    ]
    assert [row["overlap"] for row in rows] == [pytest.approx(0.5000000025, abs=1e-15), 0.5]


def test_quirk_single_precision() -> None:
    maps = line(1, 0), line(0.1, 0)
    found = []
    for options in (dict[str, Any](), without("single-precision")):
        instance = fastseg.evaluate_protocol("picai", *maps, **options).instances()[0].instance
        assert instance is not None
        found.append(instance.confidence)
    assert found == [0.10000000149011612, 0.1]


def test_quirk_no_lesions_is_zero() -> None:
    pair = line(0, 0), line(0.5, 0)
    assert score(pair)["AP"] == 0
    assert math.isnan(score(pair, **without("no-lesions-is-zero"))["AP"])


def test_quirk_smaller_map_is_centred() -> None:
    reference, detections = np.zeros((5, 1, 2), np.uint8), np.zeros((3, 1, 2))
    reference[1, 0, 0], detections[0, 0, 0] = 1, 0.5
    with pytest.warns(InputWarning, match="it was centred"):
        evaluation = fastseg.evaluate_protocol("picai", reference, detections)
    assert evaluation.instances()[0]["overlap"] == 1
    with pytest.raises(InputError, match="must have one shape"):
        fastseg.evaluate_protocol(
            "picai", reference, detections, **without("smaller-map-is-centred")
        )
