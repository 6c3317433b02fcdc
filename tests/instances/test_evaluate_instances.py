"""evaluate_instances beside its naive twin, on every backend."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import fastseg
from fastseg.results import Evaluation, Row
from tests.instances import cases
from tests.instances import naive_instances as naive

Array = cases.Array

# labels are random, so that some pairs have none in common
pytestmark = pytest.mark.filterwarnings("ignore::fastseg.errors.InputWarning")

METRICS = ("dice", "recall", "hd95", "nsd", "boundary_iou")
POLICIES: tuple[Any, ...] = ("worst", "nan", "diagonal", {"hd95": 374, "default": "worst"})


def options_of(rng: np.random.Generator, ndim: int) -> dict[str, Any]:
    """Choose options."""

    def either(make: Any) -> Any:
        both = {"reference": make(), "prediction": make()}
        return both["reference"] if rng.random() < 0.5 else both

    return {
        "components": either(lambda: str(rng.choice(["connected", "connected", "given"]))),
        "connectivity": int(rng.integers(1, ndim + 1)),
        "dilation": either(lambda: int(rng.choice([0, 0, 1, 2]))),
        "dilation_connectivity": int(rng.integers(1, ndim + 1)),
        "minimum_size": either(lambda: int(rng.choice([0, 0, 2, 3]))),
        "matching": str(rng.choice(["greedy", "overlap", "any", "center"])),
        "score": str(rng.choice(["iou", "dice", "recall", "precision"])),
        "threshold": float(rng.choice([0.0, 0.1, 0.5, 0.5, 1.0])),
        "strict": bool(rng.random() < 0.3),
        "many_to_one": bool(rng.random() < 0.3),
        "together": bool(rng.random() < 0.3),
    }


def of_side(value: Any, side: str) -> Any:
    return value[side] if isinstance(value, dict) else value


def structures_of(
    reference: Array, prediction: Array, options: dict[str, Any], ignored: int | None
) -> dict[str, tuple[tuple[int, ...], tuple[int, ...]]]:
    """List the structures with their labels on either side."""
    sides = [
        [int(label) for label in np.unique(labels) if label and label != ignored]
        for labels in (reference, prediction)
    ]
    how = options["components"]
    if "given" in (of_side(how, "reference"), of_side(how, "prediction")):
        return {"instances": (tuple(sides[0]), tuple(sides[1]))}
    return {str(label): ((label,), (label,)) for label in sorted({*sides[0], *sides[1]})}


def same(one: float, other: float) -> bool:
    return one == other or (math.isnan(one) and math.isnan(other))


def check_case(rng: np.random.Generator, reference: Array, prediction: Array) -> None:
    options = options_of(rng, reference.ndim)
    spacing = tuple(float(step) for step in rng.choice([1.0, 0.7, 2.5], reference.ndim))
    ignore_label = 3 if rng.random() < 0.2 else None
    of_rows = {
        "metrics": list(METRICS),
        "spacing": spacing,
        "tolerance": 1.0,
        "empty": POLICIES[int(rng.integers(len(POLICIES)))],
    }
    evaluation = fastseg.evaluate_instances(
        reference,
        prediction,
        ignore_label=ignore_label,
        single_slice="volume",
        **options,
        **of_rows,
    )
    ignored = reference == (256 if ignore_label is None else ignore_label)
    maps = np.where(ignored, 0, reference), np.where(ignored, 0, prediction)
    wanted = structures_of(*maps, options, ignore_label)
    assert [row.name for row in evaluation.structures] == list(wanted)
    for name, labels in wanted.items():
        first, second = (
            naive.instances_of(
                of_map,
                own,
                given=of_side(options["components"], side) == "given",
                connectivity=options["connectivity"],
                dilation=of_side(options["dilation"], side),
                dilation_connectivity=options["dilation_connectivity"],
                minimum_size=of_side(options["minimum_size"], side),
            )
            for side, of_map, own in zip(("reference", "prediction"), maps, labels, strict=True)
        )
        how = {key: options[key] for key in ("strict", "many_to_one", "together")}
        pairs = naive.match(
            first, second, options["matching"], options["score"], options["threshold"], **how
        )
        rows = naive.rows_of(first, second, pairs, options["score"])
        check_rows(evaluation.instances(name), rows, ignored, of_rows)
        check_structure(evaluation, name, maps, labels, ignored, (first, second), pairs, of_rows)


def check_rows(
    found: tuple[Row, ...], expected: list[naive.Found], ignored: Array, options: dict[str, Any]
) -> None:
    assert len(found) == len(expected)
    for row, twin in zip(found, expected, strict=True):
        assert (row.reference_label, row.prediction_label) == (twin.reference, twin.prediction)
        assert row.level == "instance"
        values = naive.measured(twin.masks, ignored, **options)
        assert list(row) == list(values)
        for name, value in values.items():
            assert same(row[name], value), (name, row[name], value)
        first, second = twin.masks
        tp = int((first & second).sum())
        sizes = int(first.sum()), int(second.sum())
        tn = int((~ignored).sum()) - sizes[0] - sizes[1] + tp
        assert row.counts == (tp, sizes[1] - tp, sizes[0] - tp, tn)
        assert row.instance is not None
        assert same(row.instance.match_score, twin.score)
        assert math.isnan(row.instance.confidence)
        assert row.instance.reference_box == naive.box_of(first)
        assert row.instance.prediction_box == naive.box_of(second)
        assert row.instance.reference_centroid == naive.centroid_of(first)
        assert row.instance.prediction_centroid == naive.centroid_of(second)


def check_structure(
    evaluation: Evaluation,
    name: str,
    maps: tuple[Array, Array],
    labels: tuple[tuple[int, ...], tuple[int, ...]],
    ignored: Array,
    sides: tuple[dict[int, Any], dict[int, Any]],
    pairs: list[tuple[int, int]],
    options: dict[str, Any],
) -> None:
    row = evaluation.row(name)
    masks = np.isin(maps[0], labels[0]), np.isin(maps[1], labels[1])
    values = naive.measured(masks, ignored, **options)
    assert same(row["dice"], values["dice"])
    assert "hd95" not in row
    tp = len({r for r, _ in pairs})
    fp = len(set(sides[1]) - {p for _, p in pairs})
    assert (row["instance_tp"], row["instance_fp"]) == (tp, fp)
    assert row["instance_fn"] == len(sides[0]) - tp
    of_instances = evaluation.instances(name)
    matched = [
        one for one in of_instances if None not in (one.reference_label, one.prediction_label)
    ]
    for metric in METRICS:
        assert same(row[f"matched_{metric}"], naive.mean_of([one[metric] for one in matched]))
        assert same(
            row[f"lesionwise_{metric}"], naive.mean_of([one[metric] for one in of_instances])
        )


@pytest.mark.parametrize("part", range(4))
def test_the_naive_twin_finds_the_same(part: int, backend: str) -> None:
    for rng, reference, prediction in cases.pairs(25, part):
        check_case(rng, reference, prediction)


@pytest.mark.slow
@pytest.mark.parametrize("part", range(4, 16))
def test_the_naive_twin_finds_the_same_in_many_cases(part: int, backend: str) -> None:
    for rng, reference, prediction in cases.pairs(50, part):
        check_case(rng, reference, prediction)
