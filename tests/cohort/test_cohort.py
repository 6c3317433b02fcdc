"""Folders: which files are a pair, and one case after another."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from fastseg import InputWarning, evaluate, evaluate_cohort, io
from fastseg.cohort import one_case
from fastseg.cohort.pairing import pair_folders
from fastseg.cohort.reading_ahead import evaluate_cases
from fastseg.evaluation.case import evaluate_case
from fastseg.evaluation.settings import Settings
from fastseg.results import Evaluation

Map = NDArray[Any]
Folders = tuple[Path, Path, Callable[..., None]]

SETTINGS: dict[str, Any] = {"backend": "scipy", "metrics": ["dice", "hd"]}


def _map(seed: int, shape: tuple[int, ...] = (7, 6, 5)) -> Map:
    return np.random.default_rng(seed).integers(0, 3, shape, dtype=np.uint8)


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    """Two folders and a function that saves a case, or one side of it, into them."""
    pair = tmp_path / "reference", tmp_path / "prediction"
    for folder in pair:
        folder.mkdir()

    def save(case: str, reference: Map | None = None, prediction: Map | None = None) -> None:
        for folder, array in zip(pair, (reference, prediction), strict=True):
            if array is not None:
                np.save(folder / f"{case}.npy", array)

    return *pair, save


def _touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).touch()


def test_pairs_are_matched_by_stem_and_the_rest_is_named(folders: Folders) -> None:
    reference, prediction, _ = folders
    _touch(
        reference,
        "case_10.nii.gz",
        "case_2.nii",
        "b.NRRD",
        "lonely.nii.gz",
        "notes.txt",
        ".hidden.nii",
    )
    _touch(prediction, "case_10.mha", "case_2.nii.gz", "b.nii", "extra.npy", "extra2.npy")
    (reference / "extra.npy").mkdir()
    pairing = pair_folders(reference, str(prediction))
    assert [case[:3] for case in pairing.cases] == [
        ("b", reference / "b.NRRD", prediction / "b.nii"),
        ("case_2", reference / "case_2.nii", prediction / "case_2.nii.gz"),
        ("case_10", reference / "case_10.nii.gz", prediction / "case_10.mha"),
        ("lonely", reference / "lonely.nii.gz", None),
    ]
    assert [case.name for case in pairing.missing] == ["lonely"]
    assert [path.name for path in pairing.only_prediction] == ["extra.npy", "extra2.npy"]


def test_a_header_and_its_voxels_are_one_image(folders: Folders) -> None:
    reference, prediction, _ = folders
    _touch(reference, "a.hdr", "a.img", "b.img")
    _touch(prediction, "a.nii", "b.nii")
    cases = pair_folders(reference, prediction).cases
    assert [Path(pair.reference).name for pair in cases] == ["a.hdr", "b.img"]
    # where voxels are what is asked for, they are not left out for their header
    _touch(prediction, "a.img", "b.img")
    cases = pair_folders(reference, prediction, ending="img").cases
    assert [Path(pair.reference).name for pair in cases] == ["a.img", "b.img"]


@pytest.mark.parametrize(
    ("references", "predictions", "message"),
    [
        (["a.nii", "a.nrrd"], ["a.nii"], r"a\.nii and a\.nrrd both name the case 'a'"),
        (["a.nii"], ["b.nii"], r"no image in .* has a partner .* a\.nii against b\.nii"),
        (["a.nii"], [f"b{i}.nii" for i in range(5)], r"b0\.nii, b1\.nii, b2\.nii, … \(5 in all\)"),
        (["a.nii"], ["notes.txt"], "prediction: it holds no image"),
    ],
)
def test_folders_that_cannot_be_paired(
    folders: Folders, references: list[str], predictions: list[str], message: str
) -> None:
    reference, prediction, _ = folders
    _touch(reference, *references)
    _touch(prediction, *predictions)
    with pytest.raises(ValueError, match=message):
        pair_folders(reference, prediction)


def test_folders_that_are_none(folders: Folders) -> None:
    reference, _, save = folders
    save("a", _map(0))
    with pytest.raises(FileNotFoundError, match="absent: no such folder"):
        pair_folders(reference, reference.parent / "absent")
    with pytest.raises(NotADirectoryError, match="expected a folder"):
        pair_folders(reference, reference / "a.npy")


def test_a_cohort_has_the_rows_of_its_cases(folders: Folders) -> None:
    reference, prediction, save = folders
    for i in range(3):
        save(f"case_{i}", _map(i), _map(i + 10))
    options = SETTINGS | {"labels": {"both": (1, 2), "two": 2}, "spacing": (1, 2, 3)}
    evaluation = evaluate_cohort(reference, prediction, **options)
    expected = Evaluation.joined(
        evaluate(_map(i), _map(i + 10), case=f"case_{i}", **options) for i in range(3)
    )
    assert evaluation.to_dict() == expected.to_dict()


def test_spacing_comes_from_either_file_and_can_be_overruled(folders: Folders) -> None:
    nibabel = pytest.importorskip("nibabel")
    reference, prediction, save = folders
    save("a", reference=_map(1))
    nibabel.Nifti1Image(_map(2), np.diag([2.0, 3.0, 4.0, 1.0])).to_filename(prediction / "a.nii")
    with pytest.warns(InputWarning, match=r"a\.npy has no grid: its axes are taken as x, y, z"):
        own = evaluate_cohort(reference, prediction, **SETTINGS)
    assert own.settings["spacing"] == [2.0, 3.0, 4.0]
    with pytest.warns(InputWarning, match="has no grid"):
        ones = evaluate_cohort(reference, prediction, spacing=1, **SETTINGS)
    assert ones.settings["spacing"] == [1.0] * 3


def test_grids_that_differ_fail(folders: Folders) -> None:
    nibabel = pytest.importorskip("nibabel")
    reference, prediction, _ = folders
    nibabel.Nifti1Image(_map(1), np.diag([2.0, 2.0, 2.0, 1.0])).to_filename(reference / "a.nii")
    nibabel.Nifti1Image(_map(1), np.diag([2.0, 2.0, 2.5, 1.0])).to_filename(prediction / "a.nii")
    with pytest.raises(ValueError, match=r"1 of 1 cases .* a: .* different grids: spacing"):
        evaluate_cohort(reference, prediction, **SETTINGS)


@pytest.fixture
def broken(folders: Folders) -> tuple[Path, Path]:
    """Four cases: the second has shapes that differ, the third a fraction for a label."""
    reference, prediction, save = folders
    save("a", _map(1), _map(2))
    save("b", _map(1), _map(2, (7, 6, 4)))
    save("c", _map(1), _map(2) / 2)
    save("d", _map(3), _map(3))
    return reference, prediction


def test_failing_cases_leave_the_others_alone(broken: tuple[Path, Path]) -> None:
    outcomes = list(evaluate_cases(pair_folders(*broken).cases, Settings.checked(**SETTINGS)))
    assert [outcome.case.name for outcome in outcomes] == ["a", "b", "c", "d"]
    a, b, c, d = outcomes
    assert a.evaluation
    assert d.evaluation
    assert a.evaluation[1]["dice"] == evaluate(_map(1), _map(2), **SETTINGS)[1]["dice"]
    assert d.evaluation[1]["dice"] == 1
    assert (a.error, b.evaluation, c.evaluation, d.error) == (None,) * 4
    assert "differ in shape" in str(b.error)
    assert "c.npy: labels must be whole numbers" in str(c.error)


def test_a_cohort_with_failing_cases_raises_and_names_them_all(broken: tuple[Path, Path]) -> None:
    with pytest.raises(ValueError, match=r"2 of 4 cases could not be evaluated: b: .*; c: "):
        evaluate_cohort(*broken, **SETTINGS)
    with pytest.warns(UserWarning, match="2 of 4 cases could not be evaluated"):
        evaluation = evaluate_cohort(*broken, on_error="skip", **SETTINGS)
    assert evaluation.cases == ("a", "d")


def test_a_cohort_where_all_fail_raises(folders: Folders) -> None:
    reference, prediction, save = folders
    save("a", _map(1), _map(2, (7, 6, 4)))
    with pytest.raises(ValueError, match="1 of 1 cases"):
        evaluate_cohort(reference, prediction, on_error="skip", **SETTINGS)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"metrics": ["dise"]}, "did you mean 'dice'"),
        ({"empty": "wrost"}, "did you mean 'worst'"),
        ({"boundary": "surfl"}, "did you mean 'surfel'"),
        ({"spacing": (1, -1)}, "finite positive"),
        ({"labels": []}, "at least one label"),
        ({"labels": {"liver": 1}, "tolerance": {"livr": 1}}, "did you mean 'liver'"),
        ({"tolerance": -1}, "not negative"),
        ({"backend": "nmba"}, "did you mean 'numba'"),
    ],
)
def test_wrong_options_are_refused_before_anything_is_read(
    options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        evaluate_cohort("absent", "absent", **SETTINGS | options)


def test_on_error_is_checked(folders: Folders) -> None:
    wrong: Any = "skp"
    with pytest.raises(ValueError, match="did you mean 'skip'"):
        evaluate_cohort(*folders[:2], on_error=wrong)


def test_raise_on_empty_masks_holds_for_cases_and_not_for_the_check_of_options(
    folders: Folders,
) -> None:
    reference, prediction, save = folders
    save("a", _map(1), _map(2))
    save("b", _map(1), np.zeros_like(_map(1)))
    options: dict[str, Any] = {
        "backend": "scipy",
        "metrics": ["hd"],
        "labels": [1],
        "empty": "raise",
    }
    cases = pair_folders(reference, prediction).cases
    a, b = evaluate_cases(cases, Settings.checked(**options))
    assert a.evaluation
    assert a.evaluation[1]["hd"] > 0
    assert "the prediction is empty" in str(b.error)


def test_reading_is_one_case_ahead_and_no_more(
    folders: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    reference, prediction, save = folders
    for i in range(4):
        save(str(i), _map(i), _map(i))
    read: list[str] = []
    second_is_read = threading.Event()
    genuine = io.prepare_pair

    def prepare_pair(reference: Path, prediction: Path, *options: Any) -> io.PreparedPair:
        prepared = genuine(reference, prediction, *options)

        def noted(one: Callable[[], io.ReadMap]) -> Callable[[], io.ReadMap]:
            def noting() -> io.ReadMap:
                read.append(reference.stem)
                if read.count("1") == 2:
                    second_is_read.set()
                return one()

            return noting

        first, second = map(noted, prepared.reads)
        return replace(prepared, reads=(first, second))

    def slow_evaluate(reference: Any, prediction: Any, settings: Settings, case: str) -> Evaluation:
        if case == "0":
            assert second_is_read.wait(10)  # the next case is read while this one is computed
        return evaluate_case(reference, prediction, settings, case)

    monkeypatch.setattr(io, "prepare_pair", prepare_pair)
    monkeypatch.setattr(one_case, "evaluate_case", slow_evaluate)
    cases = pair_folders(reference, prediction).cases
    outcomes = evaluate_cases(cases, Settings.checked(**SETTINGS))
    next(outcomes)
    assert set(read) == {"0", "1"}
    assert [outcome.case.name for outcome in outcomes] == ["1", "2", "3"]


def test_a_failed_case_does_not_keep_its_volumes(
    folders: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    reference, prediction, save = folders
    save("a", _map(1), _map(2))
    held: list[weakref.ref[Any]] = []

    def failing(reference: Any, prediction: Any, settings: Settings, case: str) -> None:
        held.extend((weakref.ref(reference), weakref.ref(prediction)))
        raise ValueError("no luck")

    monkeypatch.setattr(one_case, "evaluate_case", failing)
    cases = pair_folders(reference, prediction).cases
    [outcome] = evaluate_cases(cases, Settings.checked(**SETTINGS))
    gc.collect()
    assert outcome.error
    assert outcome.error.__traceback__
    assert [array() is None for array in held] == [True, True]
