"""The protocol panoptica beside a twin of loops and SciPy, to the bit, and its quirks."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fastseg
from fastseg import InputError, InputTypeError
from fastseg.protocols.rules import panoptic
from tests.protocols import panoptic_twin as twin

ALL = ("DSC", "IOU", "ASSD", "RVD", "RVAE", "HD", "HD95", "NSD")
OVERLAPS = ("DSC", "IOU")


def key(prefix: str, metric: str) -> str:
    return prefix if metric == "IOU" else f"{prefix}_{metric.lower()}"


def expected(
    reference: Any, prediction: Any, spacing: tuple[float, ...], by_label: bool, options: Any
) -> dict[str, float]:
    """Every score of a structure."""
    references = twin.components(reference, by_label)
    predictions = twin.components(prediction, by_label)
    found = twin.matched(references, predictions, *options)
    taken = sum(map(len, found.values()))
    n, m, tp = len(references), len(predictions) - taken + len(found), len(found)
    rq = tp / (tp + 0.5 * (m - tp) + 0.5 * (n - tp)) if tp else 0.0 if n + m else math.nan
    sizes = [int(references[r].sum()) for r in found]
    values: dict[str, Any] = {
        "n_ref_instances": n, "n_pred_instances": m, "tp": tp, "fp": m - tp, "fn": n - tp,
        "prec": tp / m if m else math.nan, "rec": tp / n if n else math.nan, "rq": rq,
        "instance_voxel_count_ref": np.mean(sizes) if sizes else math.nan,
        "instance_volume_ref": np.mean([s * math.prod(spacing) for s in sizes]) if sizes else math.nan,
        "global_bin_volume_ref": np.count_nonzero(reference),
        "global_bin_volume_pred": np.count_nonzero(prediction),
    }  # fmt: skip
    one = (1.0,) * reference.ndim
    for metric in ALL:
        scores = [
            twin.measured(
                metric,
                references[r],
                np.logical_or.reduce([predictions[p] for p in columns]),
                spacing,
                min(spacing),
            )
            for r, columns in found.items()
        ]
        mean = float(np.average(scores)) if scores else twin.edge_case(metric, n + m)
        values[key("sq", metric)] = mean
        values[key("sq", metric) + "_std"] = float(np.std(scores)) if scores else math.nan
        if metric in OVERLAPS:
            values[key("pq", metric)] = mean * rq
        whole = reference > 0, prediction > 0
        values[f"global_bin_{metric.lower()}"] = (
            twin.measured(metric, *whole, one, 0.5)
            if (whole[0] & whole[1]).any()
            else twin.edge_case(metric, n + m)
        )
    return values


def compare(seed: int, ndim: int, labels: int) -> None:
    reference, prediction = twin.maps(seed, ndim, labels)
    matcher = ("naive", "bipartite", "merge")[seed % 3]
    metric, threshold = OVERLAPS[seed % 2], (0.5, 0.1, 0.0)[seed // 3 % 3]
    many = matcher == "naive" and seed % 5 == 0
    spacing = (1.0,) * ndim if seed % 4 else (2.0, 0.5, 1.0)[:ndim]
    if seed % 7 == 0:
        reference, prediction = np.asfortranarray(reference), np.asfortranarray(prediction)
    evaluation = fastseg.evaluate_protocol(
        "panoptica",
        reference,
        prediction,
        spacing=spacing,
        matcher=matcher,
        matching_metric=metric,
        matching_threshold=threshold,
        allow_many_to_one=many,
        metrics=ALL,
        global_metrics=ALL,
    )
    [row] = evaluation.structures
    options = matcher, metric, threshold, many
    wanted = expected(reference, prediction, spacing, ndim == 3, options)
    assert set(row) == set(wanted)
    for name, value in wanted.items():
        np.testing.assert_array_equal(row[name], value, err_msg=f"{name} of {seed}")
    rows = evaluation.instances("ungrouped")
    assert len(rows) == wanted["n_ref_instances"]
    assert sum(one["is_matched"] for one in rows) == wanted["tp"]
    assert sum(one["voxel_count"] for one in rows) == wanted["global_bin_volume_ref"]


@pytest.mark.parametrize("labels", [1, 3])
@pytest.mark.parametrize("ndim", [2, 3])
@pytest.mark.filterwarnings("ignore:The threshold is set to 0.5")
def test_a_case_equals_the_twin_to_the_bit(ndim: int, labels: int) -> None:
    for seed in range(24):
        compare(seed, ndim, labels)


@pytest.mark.slow
@pytest.mark.parametrize("labels", [1, 3])
@pytest.mark.parametrize("ndim", [2, 3])
@pytest.mark.filterwarnings("ignore:The threshold is set to 0.5")
def test_five_hundred_cases_equal_the_twin(ndim: int, labels: int) -> None:
    for seed in range(24, 524):
        compare(seed, ndim, labels)


def test_an_assignment_that_is_not_unique_is_solved_as_a_whole(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Two halves of a lesion score the same: SciPy decides, as it does for panoptica."""
    reference, prediction = np.zeros((2, 9, 9), np.uint8)
    reference[2:4, 1:8], prediction[2:4, 1:4], prediction[2:4, 5:8] = 1, 1, 1
    reference[6:8, 1:5] = prediction[6:8, 1:4] = 1
    rows = fastseg.evaluate_protocol(
        "panoptica", reference, prediction, matcher="bipartite", matching_threshold=0.0
    ).instances("ungrouped")
    found = twin.matched(
        twin.components(reference, False), twin.components(prediction, False), "bipartite", "IOU", 0.0
    )  # fmt: skip
    assert {row.reference_label: row.prediction_label for row in rows} == {
        r + 1: p + 1 for r, (p,) in found.items()
    }


def test_groups_are_masks_of_their_labels() -> None:
    reference = np.zeros((4, 4, 8), np.uint8)
    reference[:2, :2, :2], reference[:2, :2, 2:4] = 1, 2
    together = fastseg.evaluate_protocol("panoptica", reference, reference, labels={"a": (1, 2)})
    alone = fastseg.evaluate_protocol("panoptica", reference, reference)
    assert (together["a"]["tp"], alone["ungrouped"]["tp"]) == (1, 2)


def test_quirk_global_distances_in_voxels() -> None:
    reference = np.zeros((9, 9, 9), np.uint8)
    reference[2:5, 2:5, 2:5] = 1
    maps = reference, np.roll(reference, 1, 0)
    options: dict[str, Any] = {"spacing": (3, 1, 1), "global_metrics": ("HD", "NSD")}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        row = fastseg.evaluate_protocol("panoptica", *maps, **options)["ungrouped"]
    sane = fastseg.evaluate_protocol("panoptica", *maps, quirks=False, **options)["ungrouped"]
    assert (row["global_bin_hd"], sane["global_bin_hd"]) == (1, 3)
    assert row["global_bin_nsd"] < sane["global_bin_nsd"]  # within 0.5 voxels, and within 1 mm


def test_quirk_faces_in_2d() -> None:
    mask = np.array([[1, 0], [0, 1]], np.uint8)
    row = fastseg.evaluate_protocol("panoptica", mask, mask)["ungrouped"]
    sane = fastseg.evaluate_protocol(
        "panoptica", mask, mask, quirks={"faces-in-2d": False}
    )["ungrouped"]  # fmt: skip
    assert (row["n_ref_instances"], sane["n_ref_instances"]) == (2, 1)


def test_quirk_labels_joined_in_2d() -> None:
    labels = np.array([[1, 2], [1, 2]], np.uint8)
    quirks = {"labels-joined-in-2d": False}
    row = fastseg.evaluate_protocol("panoptica", labels, labels)["ungrouped"]
    sane = fastseg.evaluate_protocol("panoptica", labels, labels, quirks=quirks)["ungrouped"]
    assert (row["n_ref_instances"], sane["n_ref_instances"]) == (1, 2)


def test_quirk_spacing_in_wrong_order(tmp_path: Path) -> None:
    nibabel = pytest.importorskip("nibabel")
    mask = np.zeros((9, 9, 9), np.uint8)
    mask[2:7, 2:7, 2:7] = 1
    paths = [tmp_path / f"{name}.nii.gz" for name in "ab"]
    for path, image in zip(paths, (mask, np.roll(mask, 1, 2)), strict=True):
        nibabel.save(nibabel.Nifti1Image(image, np.diag([1, 1, 3, 1])), path)
    options: dict[str, Any] = {"metrics": ("HD",)}
    row = fastseg.evaluate_protocol("panoptica", *paths, **options)["ungrouped"]
    sane = fastseg.evaluate_protocol("panoptica", *paths, quirks=False, **options)["ungrouped"]
    assert (row["sq_hd"], sane["sq_hd"]) == (1, 3)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"matcher": "naiv"}, "naive"),
        ({"matching_metric": "iou"}, "IOU"),
        ({"metrics": ("DSC", "HD94")}, "HD95"),
        ({"metrics": "DSC"}, "expected several names"),
    ],
)
def test_wrong_options_are_told(options: dict[str, Any], told: str) -> None:
    mask = np.ones((3, 3), np.uint8)
    with pytest.raises((InputError, InputTypeError), match=told):
        fastseg.evaluate_protocol("panoptica", mask, mask, **options)


def test_nothing_at_all() -> None:
    nothing = np.zeros((3, 4, 5), np.uint8)
    row = fastseg.evaluate_protocol("panoptica", nothing, nothing)["ungrouped"]
    assert (row["tp"], row["fp"], row["fn"]) == (0, 0, 0)
    assert math.isnan(row["rq"])
    assert math.isnan(row["sq"])


def test_reductions_have_the_bits_of_numpys() -> None:
    rng = np.random.default_rng(0)
    reductions: dict[str, Callable[[Any, Any], float]] = {
        "ASSD": lambda a, b: np.mean((a.mean(), b.mean())),
        "HD": lambda a, b: max(a.max(), b.max()),
        "HD95": lambda a, b: np.percentile(np.hstack((a, b)), 95),
    }
    for _ in range(300):
        there, back = (rng.random(rng.integers(1, 300)) * 9 for _ in range(2))
        for name, reduce in reductions.items():
            assert panoptic.reduce_distances(name, there, back, 1.0) == reduce(there, back)
