"""Evaluations by instances in files, cohorts and streams: what comes back is what was there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fastseg
from fastseg.results import Evaluation, read
from fastseg.results.writers.registry import parse_output
from tests.instances import cases

OPTIONS: dict[str, Any] = {"metrics": ["dice", "hd95"], "dilation": 1, "size_classes": [5]}


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """Three cases of two axes."""
    places = tmp_path / "reference", tmp_path / "prediction"
    for place in places:
        place.mkdir()
    rng = np.random.default_rng(9)
    for case in "abc":
        reference = cases.blobs(rng, (12, 14), 2, 7)
        prediction = np.roll(reference, 1, 0)
        prediction[3:5, 4:6] = 2
        np.save(places[0] / f"{case}.npy", reference)
        np.save(places[1] / f"{case}.npy", prediction)
    return places


def one_case(folders: tuple[Path, Path], case: str) -> Evaluation:
    maps = [np.load(folder / f"{case}.npy") for folder in folders]
    return fastseg.evaluate_instances(*maps, case=case, **OPTIONS)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_cohort_has_the_rows_of_its_cases(folders: tuple[Path, Path], workers: int) -> None:
    found = fastseg.evaluate_cohort(*folders, instances=True, workers=workers, **OPTIONS)
    expected = [row for case in "abc" for row in one_case(folders, case).rows]
    assert repr(found.rows) == repr(tuple(expected))
    assert found["b", 1].keys() >= {"matched_hd95", "instance_recall_below_5"}
    assert len(found.instances(2)) == sum(
        row.level == "instance" and row.label == 2 for row in expected
    )
    assert found.summary()["instance_tp"].n == len(found.structures)


def test_a_stream_goes_on(folders: tuple[Path, Path], tmp_path: Path) -> None:
    output = tmp_path / "o.jsonl"
    first = fastseg.evaluate_cohort(*folders, instances=True, output=output, **OPTIONS)
    done: list[Any] = []
    again = fastseg.evaluate_cohort(
        *folders, instances=True, output=output, resume=True, on_outcome=done.append, **OPTIONS
    )
    assert not done
    assert repr(again.rows) == repr(first.rows)
    with pytest.raises(fastseg.InputError, match="dilation"):
        fastseg.evaluate_cohort(
            *folders, instances=True, output=output, resume=True, **OPTIONS | {"dilation": 2}
        )


def test_a_missing_prediction_has_its_instances_missed(folders: tuple[Path, Path]) -> None:
    (folders[1] / "b.npy").unlink()
    with pytest.warns(fastseg.InputWarning, match="b"):
        found = fastseg.evaluate_cohort(*folders, instances=True, labels=[1, 2], **OPTIONS)
    row = found["b", 1]
    assert row["instance_fn"] == row["instances_reference"] > 0
    assert row["instance_recall"] == 0


@pytest.mark.parametrize("suffix", [".json", ".parquet"])
def test_files_give_the_same_rows_back(
    folders: tuple[Path, Path], tmp_path: Path, suffix: str
) -> None:
    if suffix == ".parquet":
        pytest.importorskip("pyarrow")
    evaluation = one_case(folders, "a")
    parse_output(str(tmp_path / f"t{suffix}")).write(evaluation)
    back = read(tmp_path / f"t{suffix}")
    assert repr(back.rows) == repr(evaluation.rows)
    assert back.metrics == evaluation.metrics
    assert back.settings["scores"]["matched_hd95"]["unit"] == "mm"


def test_panopticas_table_has_its_names(folders: tuple[Path, Path], tmp_path: Path) -> None:
    from fastseg.results.writers.panoptica_tsv import table_of

    evaluation = one_case(folders, "a")
    header, line = (text.split("\t") for text in table_of(evaluation).splitlines())
    cells = dict(zip(header, line, strict=True))
    row = evaluation[1]
    assert float(cells["1-tp"]) == row["instance_tp"]
    assert float(cells["1-num_pred_instances"]) == row["instances_prediction"]
    assert float(cells["1-pq"]) == row["panoptic_quality"]
    assert float(cells["1-sq_dsc"]) == row["matched_dice"]
    assert header[1] == "1-num_ref_instances"


def test_images_bring_their_spacing(tmp_path: Path) -> None:
    nibabel = pytest.importorskip("nibabel")
    rng = np.random.default_rng(2)
    reference = cases.blobs(rng, (9, 8, 7), 1, 6)
    prediction = np.roll(reference, 1, 2)
    for name, labels in (("r", reference), ("p", prediction)):
        affine = np.diag([2.0, 0.5, 1.0, 1.0])
        nibabel.save(nibabel.Nifti1Image(labels, affine), tmp_path / f"{name}.nii.gz")
    found = fastseg.evaluate_instances(tmp_path / "r.nii.gz", tmp_path / "p.nii.gz", metrics="hd95")
    expected = fastseg.evaluate_instances(
        reference, prediction, metrics="hd95", spacing=(2.0, 0.5, 1.0), case="p"
    )
    assert repr(found.rows) == repr(expected.rows)


def test_a_budget_does_not_cut_a_component(folders: tuple[Path, Path]) -> None:
    with pytest.raises(fastseg.CaseError, match="needs"):
        fastseg.evaluate_cohort(*folders, instances=True, max_memory="1MiB", **OPTIONS)


@pytest.fixture
def probabilities(folders: tuple[Path, Path]) -> Path:
    """A folder with the probabilities of each case's prediction."""
    place = folders[0].parent / "probabilities"
    place.mkdir()
    rng = np.random.default_rng(11)
    for case in "abc":
        np.save(place / f"{case}.npy", rng.random((12, 14)))
    return place


def test_a_cohort_has_a_folder_of_confidences(
    folders: tuple[Path, Path], probabilities: Path
) -> None:
    options: dict[str, Any] = {"metrics": "dice", "confidence_of": "mean"}
    found = fastseg.evaluate_cohort(*folders, instances=True, confidence=probabilities, **options)
    for case in "abc":
        maps = [np.load(folder / f"{case}.npy") for folder in folders]
        alone = fastseg.evaluate_instances(
            *maps, case=case, confidence=np.load(probabilities / f"{case}.npy"), **options
        )
        assert repr(found.case(case).rows) == repr(alone.rows)
    assert any(row.instance and row.instance.confidence > 0 for row in found.instances())
    (probabilities / "b.npy").unlink()
    with pytest.raises(fastseg.CaseError, match="b: confidence: no image of the case 'b'"):
        fastseg.evaluate_cohort(*folders, instances=True, confidence=probabilities, **options)
    with pytest.raises(FileNotFoundError, match="confidence: nowhere"):
        fastseg.evaluate_cohort(*folders, instances=True, confidence="nowhere", **options)
    with pytest.raises(fastseg.InputTypeError, match="a folder with an image of each"):
        fastseg.evaluate_cohort(*folders, instances=True, confidence={1: 0.5}, **options)


def test_an_image_of_confidences_lies_on_the_same_grid(tmp_path: Path) -> None:
    nibabel = pytest.importorskip("nibabel")
    rng = np.random.default_rng(2)
    reference = cases.blobs(rng, (9, 8, 7), 1, 6)
    voxels = rng.random(reference.shape)
    affine = np.diag([2.0, 0.5, 1.0, 1.0])
    shifted = affine.copy()
    shifted[0, 3] = 7
    for name, array, place in (
        ("r", reference, affine),
        ("c", voxels, affine),
        ("d", voxels, shifted),
    ):
        nibabel.save(nibabel.Nifti1Image(array, place), tmp_path / f"{name}.nii.gz")
    path = tmp_path / "r.nii.gz"
    found = fastseg.evaluate_instances(
        path, path, metrics="dice", confidence=tmp_path / "c.nii.gz", case="r"
    )
    expected = fastseg.evaluate_instances(path, path, metrics="dice", confidence=voxels, case="r")
    assert repr(found.rows) == repr(expected.rows)
    with pytest.raises(fastseg.GridMismatchError):
        fastseg.evaluate_instances(path, path, confidence=tmp_path / "d.nii.gz")
