"""Several algorithms against one folder of references, and tables with further columns."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fastseg import evaluate_cohort
from fastseg.cohort.algorithms import pair_algorithms
from fastseg.cohort.pair_table import read_pairs
from fastseg.cohort.worker import Task, Worker
from fastseg.errors import InputError, InputWarning


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """References a_2, a_10 and b; u-net has all, tiny no b and one more."""
    monkeypatch.chdir(tmp_path)
    for folder, names in (
        ("r", ("a_2", "a_10", "b")),
        ("unet", ("a_2", "a_10", "b")),
        ("tiny", ("a_2", "a_10", "c")),
    ):
        os.mkdir(folder)
        for name in names:
            np.save(f"{folder}/{name}.npy", np.ones((2, 2, 2), np.uint8))
    return tmp_path


def test_algorithms_stand_side_by_side_at_each_reference(folders: Path) -> None:
    pairing = pair_algorithms("r", {"U-Net": "unet", "tiny": "tiny"})
    assert [(case.name, case.algorithm) for case in pairing.cases] == [
        ("a_2", "U-Net"),
        ("a_2", "tiny"),
        ("a_10", "U-Net"),
        ("a_10", "tiny"),
        ("b", "U-Net"),
        ("b", "tiny"),
    ]
    assert pairing.cases[1].prediction == Path("tiny/a_2.npy")
    assert [(case.algorithm, case.name) for case in pairing.missing] == [("tiny", "b")]
    assert [note[:37] for note in pairing.notes] == [
        "tiny: 1 of 3 references in r have no ",
        "tiny: 1 of 3 predictions in tiny have",
    ]


def test_policies_for_missing_predictions_hold_for_each(folders: Path) -> None:
    skipped = pair_algorithms("r", {"U-Net": "unet", "tiny": "tiny"}, missing="skip")
    assert [case.name for case in skipped.cases] == ["a_2", "a_2", "a_10", "a_10", "b"]
    with pytest.raises(InputError, match="^tiny: 1 of 3 references in r have no prediction"):
        pair_algorithms("r", {"U-Net": "unet", "tiny": "tiny"}, missing="error")


@pytest.mark.parametrize(
    ("predictions", "words"),
    [
        ({}, "at least one algorithm"),
        ({"": "unet"}, "the algorithm of unet has no name"),
        ({"a": "unet", " a": "tiny"}, "two algorithms are called 'a'"),
        ({"a": "r/a_2.npy"}, "r/a_2.npy: expected a folder"),
    ],
)
def test_algorithms_that_cannot_be_paired(
    folders: Path, predictions: dict[str, Any], words: str
) -> None:
    with pytest.raises((InputError, NotADirectoryError), match=words):
        pair_algorithms("r", predictions)


def test_further_columns_of_a_table_are_attributes(folders: Path) -> None:
    Path("pairs.csv").write_text(
        "Case,algorithm,reference,prediction,Site,sex\n"
        "x,U-Net,r/b.npy,unet/b.npy,Ulm,f\n"
        "x,tiny,r/b.npy,,Ulm,f\n"
        "y,tiny,r/a_2.npy,tiny/a_2.npy,,m\n"
    )
    first, second, third = read_pairs("pairs.csv")
    assert (first.name, first.algorithm, first.attributes) == (
        "x",
        "U-Net",
        {"Site": "Ulm", "sex": "f"},
    )
    assert (second.algorithm, second.prediction) == ("tiny", None)
    assert third.attributes == {"Site": "", "sex": "m"}


@pytest.mark.parametrize("column", ["dice", "label", "tp", "name", "problem", "level"])
def test_columns_that_hide_results_are_refused(folders: Path, column: str) -> None:
    Path("pairs.csv").write_text(f"reference,prediction,{column}\nr/b.npy,unet/b.npy,1\n")
    with pytest.raises(InputError, match=rf"pairs\.csv: the results have a column '{column}'"):
        read_pairs("pairs.csv")


def test_two_rows_of_a_case_need_two_algorithms(folders: Path) -> None:
    Path("pairs.csv").write_text(
        "case,algorithm,reference,prediction\nx,A,r/b.npy,unet/b.npy\nx,A,r/b.npy,tiny/c.npy\n"
    )
    with pytest.raises(InputError, match="lines 2 and 3 both name the case 'x'"):
        read_pairs("pairs.csv")


def test_a_table_in_parquet(folders: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    columns: dict[str, Any] = {
        "case": ["x", "y"],
        "reference": ["r/b.npy", "r/a_2.npy"],
        "prediction": ["unet/b.npy", None],
        "age": [71, 8],
    }
    parquet.write_table(pyarrow.table(columns), "pairs.parquet")
    first, second = read_pairs("pairs.parquet")
    assert (first.name, first.prediction, first.attributes) == (
        "x",
        Path("unet/b.npy"),
        {"age": "71"},
    )
    assert second.prediction is None
    Path("pairs.parquet").write_bytes(b"PAR1 and nothing else")
    with pytest.raises(InputError, match="not a readable Parquet file"):
        read_pairs("pairs.parquet")


# ------------------------------------------------------------------- each reference is read once


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files that are read, in the order in which they are."""
    from fastseg.io import pairs

    found: list[str] = []
    genuine = vars(pairs)["_read"]

    def noted(opened: Any, *arguments: Any) -> Any:
        found.append(opened.name)
        return genuine(opened, *arguments)

    monkeypatch.setattr(pairs, "_read", noted)
    return found


SCIPY: dict[str, Any] = {"backend": "scipy", "metrics": ["dice"], "missing": "skip"}


@pytest.mark.filterwarnings("ignore:.*no prediction", "ignore:.*no reference")
def test_a_reference_is_read_once_for_all_algorithms(folders: Path, read: list[str]) -> None:
    both = evaluate_cohort("r", {"U-Net": "unet", "tiny": "tiny", "again": "unet"}, **SCIPY)
    references = [name for name in read if name.startswith("r/")]
    assert sorted(references) == ["r/a_10.npy", "r/a_2.npy", "r/b.npy"]
    assert len(read) == 3 + 8
    assert both.algorithms == ("U-Net", "tiny", "again")
    alone = evaluate_cohort("r", "unet", **SCIPY)
    assert [row.values_by_metric for row in both.algorithm("again")] == [
        row.values_by_metric for row in alone
    ]


def test_a_reference_laid_onto_the_grid_of_a_prediction_is_that_case_s_own(
    tmp_path: Path, read: list[str]
) -> None:
    nibabel = pytest.importorskip("nibabel")
    small, large = np.ones((4, 4, 4), np.uint8), np.ones((6, 4, 4), np.uint8)
    for name, array in (("r/a", small), ("p/a", large), ("q/a", small)):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        nibabel.Nifti1Image(array, np.eye(4)).to_filename(tmp_path / f"{name}.nii.gz")
    with pytest.warns(InputWarning, match="outside"):
        found = evaluate_cohort(tmp_path / "r", {"p": tmp_path / "p", "q": tmp_path / "q"}, **SCIPY)
    assert found.algorithm("p")[1].counts.fp == 2 * 16
    assert found.algorithm("q")[1]["dice"] == 1
    assert len(read) == 4


def test_a_reference_that_cannot_be_read_fails_for_each(folders: Path) -> None:
    Path("r/b.npy").write_bytes(Path("r/b.npy").read_bytes()[:-1])
    with pytest.warns(InputWarning, match="2 of 4 cases"):
        found = evaluate_cohort(_table(["a_2", "b"], ["A", "B"]), on_error="skip", **SCIPY)
    assert [failure.algorithm for failure in found.failures] == ["A", "B"]


def _table(names: list[str], algorithms: list[str]) -> str:
    lines = [
        f"{name},{algorithm},r/{name}.npy,unet/{name}.npy"
        for name in names
        for algorithm in algorithms
    ]
    Path("pairs.csv").write_text("\n".join(["case,algorithm,reference,prediction", *lines]))
    return "pairs.csv"


@pytest.mark.slow
def test_workers_have_cases_of_one_reference_together(
    folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[tuple[int, str]] = []
    genuine = Worker.give

    def give(self: Worker, task: Task) -> None:
        given.append((self.pid, task.case.name))
        genuine(self, task)

    monkeypatch.setattr(Worker, "give", give)
    table = _table(["a_2", "a_10", "b"], ["A", "B", "C"])
    found = evaluate_cohort(table, workers=2, **SCIPY)
    assert found == evaluate_cohort(table, **SCIPY)
    assert len(given) == 9
    assert len(set(given)) == 3  # all algorithms of a case at one worker
