"""nnDetection's FROC beside a twin of loops over boxes, and of thresholds with fractions."""

from __future__ import annotations

import json
import math
import pickle
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fastseg
from fastseg import Evaluation
from fastseg.errors import InputError, InputTypeError

RATES = (1 / 8, 1 / 4, 1 / 2, 1, 2, 4, 8)
Image = tuple[dict[str, np.ndarray], dict[str, np.ndarray]]


def image(
    boxes: Any, detections: Any, scores: Any, classes: Any = None, found: Any = None
) -> Image:
    """Bring boxes and detections into the form that nnDetection keeps them in."""
    width = max(np.shape(boxes)[-1], np.shape(detections)[-1], 4)
    reference = {"boxes": np.reshape(boxes, (-1, width)), "classes": np.zeros(len(boxes), int)}
    prediction = {
        "pred_boxes": np.reshape(detections, (-1, width)),
        "pred_labels": np.zeros(len(detections), int),
        "pred_scores": np.array(scores, float),
    }
    if classes is not None:
        reference["classes"], prediction["pred_labels"] = classes, found
    return reference, prediction


def cohorts(count: int) -> Iterator[tuple[list[Image], list[str]]]:
    """Images in two and three axes, of several classes, on a lattice with ties, without boxes, without detections."""
    rng = np.random.default_rng(17)
    for trial in range(count):
        ndim, names = 2 + trial % 2, [f"class {i}" for i in range(1 + trial % 3)]
        images = []
        for _ in range(rng.integers(1, 5)):
            corners = []
            for many in (rng.integers(0, 4), rng.integers(0, 7)):
                low: Any = rng.integers(0, 5, (many, ndim)).astype(float)
                high: Any = low + rng.integers(1, 4, (many, ndim))
                if trial % 4 == 0:
                    low, high = low + rng.random((many, ndim)), high + 1 + rng.random((many, ndim))
                columns = [low[:, :2], high[:, :2]]
                columns += [low[:, 2:], high[:, 2:]] if ndim == 3 else []
                corners.append(np.concatenate(columns, axis=1))
            if len(corners[0]) and len(corners[1]):
                corners[1][: len(corners[1]) // 2] = corners[0][0]
            scores = np.round(rng.random(len(corners[1])), 1 if trial % 2 else 16)
            classes = [rng.integers(0, len(names), len(one)) for one in corners]
            images.append(image(corners[0], corners[1], scores.astype(np.float32), *classes))
        yield images, names


def naive_iou(one: np.ndarray, other: np.ndarray) -> float:
    """Divide the common volume by that of both; axes are (0, 2), (1, 3) and (4, 5)."""
    axes = [(0, 2), (1, 3), (4, 5)][: len(one) // 2]
    volumes = [math.prod(box[high] - box[low] for low, high in axes) for box in (one, other)]
    sides = [max(min(one[h], other[h]) - max(one[low], other[low]), 0) for low, h in axes]
    both = math.prod(sides)
    return float(both / (volumes[0] + volumes[1] - both))


def twin(part: Image, number: int, threshold: float) -> tuple[list[tuple[float, bool]], int]:
    """Give score and success of each detection of a class, and the number of its boxes."""
    reference, prediction = part
    boxes = reference["boxes"][reference["classes"] == number]
    own = prediction["pred_labels"] == number
    taken: set[int] = set()
    found = []
    pairs = zip(prediction["pred_scores"][own], prediction["pred_boxes"][own], strict=True)
    for score, box in sorted(pairs, key=lambda one: -one[0]):
        overlaps = {i: naive_iou(box, one) for i, one in enumerate(boxes) if i not in taken}
        enough = {i: value for i, value in overlaps.items() if value >= threshold}
        if enough:
            taken.add(max(enough, key=lambda i: (enough[i], i)))
        found.append((float(score), bool(enough)))
    return found, len(boxes)


def naive_score(found: list[tuple[float, bool]], boxes: int, images: int) -> float:
    """Average the sensitivities on straight lines between thresholds, with fractions."""
    points = [(Fraction(0), Fraction(0))]
    for threshold in sorted({score for score, _ in found}, reverse=True):
        above = [hit for score, hit in found if score >= threshold]
        points.append((Fraction(len(above) - sum(above), images), Fraction(sum(above), boxes)))
    total = Fraction(0)
    for rate in map(Fraction, RATES):
        low = max(one for one in points if one[0] <= rate)
        high = min((one for one in points if one[0] > rate), default=None)
        slope = (high[1] - low[1]) / (high[0] - low[0]) if high else Fraction(0)
        total += low[1] + (rate - low[0]) * slope
    return float(total / 7)


def evaluated(images: list[Image], **options: Any) -> Evaluation:
    return Evaluation.joined(
        fastseg.evaluate_protocol("nndetection", *one, case=f"image {i}", **options)
        for i, one in enumerate(images)
    )


def score(images: list[Image], **options: Any) -> dict[str, float]:
    return fastseg.protocol_scores(evaluated(images, **options))


def test_scores_are_those_of_the_twin() -> None:
    for trial, (images, names) in enumerate(cohorts(500)):
        evaluation = evaluated(images, classes=names)
        if trial % 50 == 0:
            assert Evaluation.from_json(evaluation.to_json()) == evaluation
        found = fastseg.protocol_scores(evaluation)
        for threshold in (0.1, 0.5):
            parts = {
                (i, k): twin(one, k, threshold)
                for i, one in enumerate(images)
                for k in range(len(names))
            }
            for numbers, prefix in [
                (range(len(names)), ""),
                *(([k], f"{name}_") for k, name in enumerate(names)),
            ]:
                held = [part for (_, k), part in parts.items() if k in numbers]
                detections = [one for part in held for one in part[0]]
                boxes = sum(part[1] for part in held)
                if not boxes:
                    assert found[f"{prefix}froc_score"] == 0
                    continue
                own = found[f"{prefix}FROC_score_IoU_{threshold:.2f}"]
                if detections and not any(hit for _, hit in detections):
                    assert math.isnan(own)
                else:
                    expected = naive_score(detections, boxes, len(images))
                    assert own == pytest.approx(expected, rel=1e-12)


def test_rows_say_what_was_found() -> None:
    boxes = [[0, 0, 4, 4], [10, 10, 14, 14]]
    one = image(boxes, [[0, 0, 4, 3], [20, 20, 22, 22]], [0.9, 0.4])
    evaluation = fastseg.evaluate_protocol("nndetection", *one, classes=["lesion"])
    row = evaluation["lesion"]
    assert (row["num_gt"], row["num_detections"], row.counts[:3]) == (2, 2, (1, 1, 1))
    hit, wrong, missed = evaluation.instances("lesion")
    assert (hit.reference_label, hit.prediction_label) == (1, 1)
    assert hit.instance is not None
    assert (hit.instance.match_score, hit.instance.confidence) == (0.75, 0.9)
    assert (wrong.reference_label, wrong.prediction_label) == (None, 2)
    assert (missed.reference_label, missed.prediction_label) == (2, None)


def test_no_more_than_the_surest_detections_count() -> None:
    one = image([[0, 0, 4, 4]], [[9, 9, 11, 11]] * 3 + [[0, 0, 4, 4]], [0.9, 0.8, 0.7, 0.6])
    assert score([one])["FROC_score_IoU_0.10"] > 0
    assert math.isnan(score([one], max_detections=3)["FROC_score_IoU_0.10"])


@pytest.mark.parametrize("ending", [".npz", ".pkl", ".json"])
def test_files(ending: str, tmp_path: Path) -> None:
    images, names = next(one for one in cohorts(20) if len(one[0][0][1]["pred_boxes"]) > 3)
    paths = [tmp_path / f"{name}{ending}" for name in ("reference", "prediction")]
    for path, held in zip(paths, images[0], strict=True):
        if ending == ".npz":
            np.savez(path, **held)  # type: ignore[arg-type] # of its other options
        elif ending == ".pkl":
            path.write_bytes(pickle.dumps(held))
        else:
            path.write_text(json.dumps({key: value.tolist() for key, value in held.items()}))
    found = fastseg.evaluate_protocol("nndetection", *paths, classes=names, case="a")
    expected = fastseg.evaluate_protocol("nndetection", *images[0], classes=names, case="a")
    assert [row.to_dict() for row in found.structures] == [
        row.to_dict() for row in expected.structures
    ]


def test_a_table_of_pairs_of_files(tmp_path: Path) -> None:
    images, names = next(one for one in cohorts(20) if len(one[0]) == 4)
    lines = ["case,reference,prediction"]
    for i, (reference, prediction) in enumerate(images):
        np.savez(tmp_path / f"{i}.npz", **reference)  # type: ignore[arg-type] # of its other options
        (tmp_path / f"{i}.pkl").write_bytes(pickle.dumps(prediction))
        lines.append(f"image {i},{i}.npz,{i}.pkl")
    (tmp_path / "pairs.csv").write_text("\n".join(lines) + "\n")
    cohort = fastseg.evaluate_cohort(tmp_path / "pairs.csv", protocol="nndetection", classes=names)
    found, expected = fastseg.protocol_scores(cohort), score(images, classes=names)
    assert list(found) == list(expected)
    np.testing.assert_array_equal(list(found.values()), list(expected.values()))


class _Harmful:
    def __reduce__(self) -> tuple[Any, ...]:
        return print, ("this was run",)


def test_a_pickle_runs_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "boxes.pkl"
    path.write_bytes(pickle.dumps({"pred_boxes": _Harmful()}))
    with pytest.raises(InputError, match=r"it asks for .*print, which is no array"):
        fastseg.evaluate_protocol("nndetection", image([], [], [])[0], path)
    assert "this was run" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("prediction", "options", "message"),
    [
        ({"boxes": [[0, 0, 1, 1]], "labels": [0]}, {}, "expected 'pred_scores' or 'scores'"),
        ({"boxes": [[0, 0, 1]], "labels": [0], "scores": [1]}, {}, "4 or 6 numbers"),
        ({"boxes": [[0, 0, 1, 1]], "labels": [0, 1], "scores": [1]}, {}, "1 boxes, 2 classes"),
        ({"boxes": [[0, 0, 1, 1]], "labels": [2], "scores": [1]}, {}, "class 2 has no name"),
        ({"boxes": [[0, 0, 1, 1]], "labels": [0.5], "scores": [1]}, {}, "whole numbers"),
        ({"boxes": [[0, 0, 1, math.inf]], "labels": [0], "scores": [1]}, {}, "not finite"),
        ({"boxes": [[0] * 6], "labels": [0], "scores": [1]}, {}, "4 numbers in the reference"),
        ({}, {"iou_thresholds": [0.15]}, "expected some of 0.1, 0.2"),
        ({}, {"iou_thresholds": []}, "expected a list"),
        ({}, {"classes": "lesion"}, "expected several names"),
    ],
)
def test_what_are_no_boxes_is_refused(
    prediction: dict[str, Any], options: dict[str, Any], message: str
) -> None:
    reference = {"boxes": [[0, 0, 2, 2]], "classes": [0]}
    given = prediction or {"boxes": [[0, 0, 1, 1]], "labels": [0], "scores": [1]}
    with pytest.raises((InputError, InputTypeError), match=message):
        fastseg.evaluate_protocol("nndetection", reference, given, **options)


def test_a_label_map_is_no_mapping() -> None:
    with pytest.raises(InputTypeError, match="expected a mapping with boxes"):
        fastseg.evaluate_protocol("nndetection", np.zeros((3, 3), int), np.zeros((3, 3), int))


# ---------------------------------------------------------------------------------- quirk by quirk


def both_ways(one: Image, quirk: str, name: str = "FROC_score_IoU_0.10") -> list[float]:
    """Give a score with the quirk and without it."""
    return [score([one], **options)[name] for options in ({}, {"quirks": {quirk: False}})]


def test_quirk_no_hit_is_nan() -> None:
    found = both_ways(image([[0, 0, 2, 2]], [[5, 5, 6, 6]], [0.5]), "no-hit-is-nan")
    assert math.isnan(found[0])
    assert found[1] == 0


def test_quirk_no_objects_is_zero() -> None:
    one = image(np.empty((0, 4)), [[5, 5, 6, 6]], [0.5])
    assert score([one])["froc_score"] == 0
    found = score([one], quirks={"no-objects-is-zero": False})
    assert "froc_score" not in found
    assert math.isnan(found["FROC_score_IoU_0.10"])


def test_quirk_equal_overlaps_take_the_last() -> None:
    boxes = [[0, 0, 2, 2], [2, 0, 4, 2]]
    one = image(boxes, [[0, 0, 4, 2], [0, 0, 2, 2]], [0.9, 0.5])
    hits = [
        sum(row.get("match_IoU_0.10", 0) == 1 for row in evaluated([one], **options).instances())
        for options in (dict[str, Any](), {"quirks": {"equal-overlaps-take-the-last": False}})
    ]
    assert hits == [2, 1]


def test_quirk_empty_boxes_match() -> None:
    one = image([[0, 0, 0, 0]], [[5, 5, 5, 5]], [0.5])
    hits = [
        sum(row.get("match_IoU_0.10", 0) == 1 for row in evaluated([one], **options).instances())
        for options in (dict[str, Any](), {"quirks": {"empty-boxes-match": False}})
    ]
    assert hits == [1, 0]
