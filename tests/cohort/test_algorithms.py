"""Several algorithms against one folder of references, and tables with further columns."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fastseg.cohort.algorithms import pair_algorithms
from fastseg.cohort.pair_table import read_pairs
from fastseg.errors import InputError


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
