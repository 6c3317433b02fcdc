"""The call: numbers of :func:`fastseg.evaluate` to the bit, the blindness that is known, and what is written."""

from __future__ import annotations

import csv
import io
import json
import math
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fastseg
from fastseg.errors import InputError, InputTypeError, InputWarning, MissingPackageError
from fastseg.stressing.stress import ALL_GROUPS
from tests.stressing.structures import ball, damaged, stressed

SPACING = (2.0, 1.0, 1.0)


def two_organs() -> Any:
    """Two boxes, one of which touches the image's edge, and a small part of the first far off."""
    image = np.zeros((16, 40, 44), np.uint8)
    image[0:10, 8:22, 5:24] = 1
    image[12:14, 30:34, 5:9] = 1
    image[2:12, 8:22, 26:43] = 2
    return image


@pytest.fixture(scope="module")
def found() -> fastseg.StressResult:
    return fastseg.stress(two_organs(), spacing=SPACING, labels={"liver": 1, "spleen": 2})


def test_every_number_is_that_of_evaluate(found: fastseg.StressResult) -> None:
    image = two_organs()
    structures = stressed(image, SPACING, names=("liver", "spleen"))
    compared = set()
    for row in found.rows:
        if row.left_out or row.severity not in (2, 5):
            continue
        assert isinstance(row.label, int)
        structure = structures[row.label - 1]
        whole = damaged(row.error, row.amount, structure)
        expected = fastseg.evaluate(
            image == row.label, whole, spacing=SPACING, metrics=ALL_GROUPS, flags=False
        )[1]
        np.testing.assert_equal(dict(row.values), dict(expected), err_msg=f"{row.error}")
        assert row.changed == np.count_nonzero(whole != (image == row.label))
        compared.add(row.error)
    assert len(compared) == 13 - 1  # nothing of boxes is a branch


def test_options_are_those_of_evaluate() -> None:
    image = two_organs()
    image[5, 8:22, 10:14] = 9
    options: dict[str, Any] = {
        "metrics": ("nsd", "boundary_iou", "hd90", "specificity", "volume_difference"),
        "tolerance": {1: 2.0, 2: 3.0},
        "boundary": "surfel",
        "percentile_method": "pooled",
        "ignore_label": 9,
        "spacing": SPACING,
    }
    found = fastseg.stress(image, errors=("dilation", "empty"), severities=2, **options)
    assert [one.label for one in found.structures] == [1, 2]
    for row in found.rows:
        assert isinstance(row.label, int)
        whole = damaged(row.error, row.amount, stressed(image, SPACING)[row.label - 1])
        prediction = np.where(whole, row.label, 0)
        expected = fastseg.evaluate(
            image,
            prediction,
            labels=[row.label],
            **{**options, "tolerance": options["tolerance"][row.label]},
        )
        np.testing.assert_equal(dict(row.values), dict(expected[row.label]))


def test_the_scipy_backend_gives_the_same() -> None:
    image = two_organs()[:, :24, :26]
    errors = ("shift", "erosion", "hole", "swapped_labels")
    options: dict[str, Any] = {
        "errors": errors,
        "severities": 2,
        "metrics": ("dice", "hd95", "assd"),
    }
    first, other = (fastseg.stress(image, backend=name, **options) for name in ("numba", "scipy"))
    assert [row.values for row in first.rows] == [row.values for row in other.rows]


def test_results_depend_on_no_thread_and_only_on_the_seed() -> None:
    image = two_organs()
    before = fastseg.get_num_threads()
    try:
        results = []
        for threads in (1, 3):
            fastseg.set_num_threads(threads)
            results.append(fastseg.stress(image, metrics="dice", severities=2).to_csv())
    finally:
        fastseg.set_num_threads(before)
    assert results[0] == results[1]
    seeds = {
        fastseg.stress(image, metrics="dice", errors="missing_slice", seed=n).to_csv()
        for n in range(4)
    }
    assert len(seeds) > 1
    alone = fastseg.stress(image, metrics="dice", labels=[2], errors="missing_slice")
    both = fastseg.stress(image, metrics="dice", errors="missing_slice")
    assert list(alone.rows) == [row for row in both.rows if row.label == 2]


# ---------------------------------------------------------------------------- what metrics do not see


@pytest.fixture(scope="module")
def organ() -> fastseg.StressResult:
    """Of a ball with another beside it that is as large."""
    image = np.zeros((60, 60, 160), np.uint8)
    image[:, :, :60][ball(20, (60, 60, 60))] = 1
    image[:, :, 60:120][ball(20, (60, 60, 60))] = 2
    return fastseg.stress(image, labels=[1])


@pytest.mark.parametrize(
    ("error", "blind", "seeing"),
    [
        ("shift", "volume_similarity", "dice"),
        ("shift", "betti_0_error", "hd95"),
        ("far_false_positive", "dice", "hd"),
        ("far_false_positive", "recall", "betti_0_error"),
        ("hole", "dice", "hole_count_difference"),
        ("hole", "filled_dice", "betti_2_error"),
        ("erosion", "precision", "recall"),
        ("dilation", "recall", "precision"),
        ("erosion", "specificity", "nsd"),
        ("split", "precision", "betti_0_error"),
    ],
)
def test_the_known_blind_spots_are_found(
    organ: fastseg.StressResult, error: str, blind: str, seeing: str
) -> None:
    spots = organ.blind_spots()["1"]
    assert error in spots[blind]
    assert error not in spots[seeing]


def test_a_hole_is_invisible_to_distances_of_filled_masks_alone(
    organ: fastseg.StressResult,
) -> None:
    """hd sees a hole as far as it lies from the surface: as deep as the organ is."""
    rows = [row for row in organ.rows if row.error == "hole"]
    assert all(row.values["hd"] > 10 for row in rows)
    assert all(row.values["asd_reference_to_prediction"] == 0 for row in rows)


def test_structures_pooled_do_not_see_swapped_labels() -> None:
    image = np.zeros((12, 40), np.uint8)
    image[2:6, 2:12] = 1
    image[2:6, 15:25] = 2
    found = fastseg.stress(image, errors="swapped_labels", metrics=("dice", "volume_similarity"))
    assert found.blind_spots()["1"] == {"dice": (), "volume_similarity": ("swapped_labels",)}
    both = fastseg.stress(image, labels={"both": (1, 2)}, errors="swapped_labels", metrics="dice")
    assert both.left_out("both") == {
        "swapped_labels": "there is no other structure to swap it with"
    }


def test_lesions_as_instances() -> None:
    image = np.zeros((60, 60), bool)
    for place in range(5):
        image[8:18, 2 + 11 * place : 8 + 11 * place] = True
    found = fastseg.stress(image, errors=("missed_component", "merge"), instances=True)
    row = next(row for row in found.rows if (row.error, row.severity) == ("missed_component", 5))
    expected = fastseg.evaluate_instances(
        image, damaged("missed_component", 80, stressed(image)[0])
    )[1]
    assert row.values["instance_recall"] == expected["instance_recall"] == 0.2
    assert row.values["panoptic_quality"] == expected["panoptic_quality"]
    assert "panoptic_quality" in found.metrics
    assert found.sensitivities(1)["missed_component"]["instance_recall"] == 0.8
    assert found.sensitivities(1)["merge"]["instances_reference"] != 1  # it is the reference's


def test_planes_and_slices_of_one_entry() -> None:
    mask = ball(12, (40, 40))
    plane = fastseg.stress(
        mask, spacing=(1.0, 0.5), errors=("hole", "missing_slice"), metrics="dice"
    )
    stacked = fastseg.stress(
        mask[None], spacing=(3.0, 1.0, 0.5), errors=("hole", "missing_slice"), metrics="dice"
    )
    assert [row.values for row in plane.rows] == [row.values for row in stacked.rows]
    assert plane.left_out(1) == {"missing_slice": "a plane has no slices"}


def test_what_changes_no_voxel_is_left_out_with_a_reason() -> None:
    found = fastseg.stress(ball(16, (12, 12, 12), (5.0,) * 3), spacing=5, metrics="dice")
    shift = [row for row in found.rows if row.error == "shift"]
    assert [row.left_out for row in shift[:2]] == ["it changes no voxel"] * 2
    assert [row.left_out for row in shift[2:]] == [""] * 3
    assert {row.unit for row in shift} == {"mm"}
    assert not shift[0].values


def test_structures_that_are_not_there_are_told_of() -> None:
    with pytest.warns(InputWarning, match="no voxel of lung"):
        found = fastseg.stress(
            two_organs(), labels={"liver": 1, "lung": 7}, errors="empty", metrics="dice"
        )
    assert [one.name for one in found.structures] == ["liver"]
    nothing = fastseg.stress(np.zeros((4, 4), np.uint8), metrics="dice")
    assert not nothing.structures
    assert "nothing to stress" in str(nothing)
    assert json.loads(nothing.to_json())["rows"] == []


def test_files_are_taken_with_their_voxel_size(tmp_path: Path) -> None:
    nibabel = pytest.importorskip("nibabel")
    path = tmp_path / "mask.nii.gz"
    image = two_organs().transpose(2, 1, 0)
    nibabel.save(nibabel.Nifti1Image(image, np.diag([1, 1, 2, 1])), path)
    of_file = fastseg.stress(path, errors=("erosion", "missing_slice"), metrics=("dice", "hd"))
    of_array = fastseg.stress(
        image, spacing=(1, 1, 2), errors=("erosion", "missing_slice"), metrics=("dice", "hd")
    )
    assert [row.values for row in of_file.rows] == [row.values for row in of_array.rows]
    assert of_file.settings["unit"] == "mm"
    assert of_file.settings["spacing"] == [1.0, 1.0, 2.0]


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"metrics": "panoptic_quality"}, InputError, "matched instances"),
        ({"seed": -1}, InputError, "seed"),
        ({"seed": 0.5}, InputTypeError, "seed"),
        ({"instances": "yes"}, InputTypeError, "instances"),
        ({"spacing": (1, 1)}, InputError, "spacing"),
        ({"errors": ["hole", "dilate"]}, InputError, "did you mean 'dilation'"),
    ],
)
def test_wrong_arguments_are_told(options: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        fastseg.stress(np.ones((3, 3, 3), bool), **options)


# ---------------------------------------------------------------------------- tables and files


def test_the_table_has_a_row_for_each_structure_error_and_severity(
    found: fastseg.StressResult,
) -> None:
    records = found.to_dict()
    assert len(records) == 2 * (12 * 5 + 1)
    read = list(csv.DictReader(io.StringIO(found.to_csv())))
    assert list(read[0]) == found.columns
    assert len(read) == len(records)
    for record, line in zip(records, read, strict=True):
        assert line["left_out"] == record["left_out"]
        assert line["dice"] == ("" if record["left_out"] else str(record["dice"]))


def test_json_is_strict_and_says_what_is_not_finite(found: fastseg.StressResult) -> None:
    def refuse(name: str) -> None:
        raise AssertionError(name)

    read = json.loads(found.to_json(), parse_constant=refuse)
    [row] = [r for r in read["rows"] if (r["name"], r["error"]) == ("liver", "empty")]
    assert row["hd"] is None
    assert row["not_finite"]["hd"] == "inf"
    assert row["sensitivities"]["dice"] == 1.0
    assert row["sensitivities"]["not_finite"]["hd"] == "inf"
    assert read["structures"][0]["does_not_see"]["precision"] == list(
        found.blind_spots()["liver"]["precision"]
    )
    assert len(read["errors"]) == 13


def test_pandas_has_the_same(found: fastseg.StressResult) -> None:
    pytest.importorskip("pandas")
    table = found.to_pandas()
    assert list(table.columns) == found.columns
    assert len(table) == len(found.rows)


def test_text_tells_what_is_not_seen_and_what_was_left_out(found: fastseg.StressResult) -> None:
    text = str(found)
    assert "For liver (label 1) dice does not see: " in text
    assert "Left out, merge of spleen: it has one component" in text
    assert "median of 2 structures" in text
    assert text.splitlines()[0].split()[:2] == ["error", "dice"]
    assert "liver (label 1)" in found._repr_html_()


def test_the_median_over_structures_leaves_out_what_was_left_out(found: Any) -> None:
    table = found.sensitivities()
    assert table["merge"] == found.sensitivities("liver")["merge"]
    middle = [found.sensitivities(name)["shift"]["dice"] for name in ("liver", 2)]
    assert table["shift"]["dice"] == sum(middle) / 2
    assert table["empty"]["hd"] == math.inf
    assert math.isnan(table["broken_branch"]["dice"])
    with pytest.raises(KeyError, match="did you mean 'liver'"):
        found.sensitivities("livr")


def test_files_are_written_whole_or_not_at_all(
    found: fastseg.StressResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for ending in ("csv", "json"):
        found.save(tmp_path / f"stress.{ending}")
    with pytest.raises(InputError, match="ends in .csv, .json, .html, .png, .svg"):
        found.save(tmp_path / "stress.xlsx")
    path = tmp_path / "stress.csv"
    before = path.read_text()

    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("os.replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        found.save(path)
    assert path.read_text() == before
    assert sorted(one.name for one in tmp_path.iterdir()) == ["stress.csv", "stress.json"]


# ---------------------------------------------------------------------------- pictures


@pytest.fixture(scope="module")
def small() -> fastseg.StressResult:
    """Few metrics: drawing takes longer than measuring."""
    metrics = ("dice", "hd", "betti_0_error")
    return fastseg.stress(two_organs(), labels={"liver": 1, "spleen": 2}, metrics=metrics)


def test_the_picture_has_errors_below_and_metrics_beside_each_other(
    small: fastseg.StressResult,
) -> None:
    pytest.importorskip("matplotlib")
    from fastseg.plots import detached

    with detached():
        axes = small.plot("liver")
    assert [text.get_text() for text in axes.get_xticklabels()][:2] == ["dice", "hd"]
    assert axes.get_yticklabels()[0].get_text() == "shift"
    assert len(axes.get_yticklabels()) == 13
    assert axes.get_title(loc="left") == "liver"
    with detached():
        axes = small.plot(metrics=["hd"])
    assert [text.get_text() for text in axes.get_xticklabels()] == ["hd"]
    with pytest.raises(InputError, match="metrics: unknown 'hd95'"):
        small.plot(metrics=["hd95"])


def test_pictures_and_pages_need_no_network(small: fastseg.StressResult, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    for ending in ("png", "svg", "html"):
        small.save(tmp_path / f"stress.{ending}")
    assert (tmp_path / "stress.png").read_bytes()[:4] == b"\x89PNG"
    page = (tmp_path / "stress.html").read_text(encoding="utf-8")
    assert page.count("<svg") == 1
    assert page.count("<details>") == 2
    assert "http" not in page.replace("http://www.w3.org/", "")
    assert "For spleen (label 2) dice does not see" in page
    assert small.to_html() == page


def test_names_are_text_in_a_page() -> None:
    pytest.importorskip("matplotlib")
    odd = "<b>$x_1$</b>"
    found = fastseg.stress(ball(4, (12, 12)), labels={odd: 1}, errors="hole", metrics="dice")
    page = found.to_html()
    assert odd not in page
    assert "&lt;b&gt;$x_1$&lt;/b&gt;" in page


def test_without_matplotlib_it_is_said(
    small: fastseg.StressResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == "matplotlib"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingPackageError, match="fastseg-metrics\\[plots\\]"):
        small.save(tmp_path / "stress.png")
    assert not list(tmp_path.iterdir())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        small.save(tmp_path / "stress.csv")
