"""Flags on the command line."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from fastseg.__main__ import main


@pytest.fixture
def pair(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.chdir(tmp_path)
    small = np.zeros((12, 12, 12), np.uint8)
    small[:3, 5:8, 5:8] = 1
    np.save("a.npy", small)
    np.save("b.npy", np.roll(small, 1, 1))
    return ["a.npy", "b.npy", "--backend", "scipy", "--output", "rows.csv", "--quiet"]


@pytest.mark.parametrize(
    ("chosen", "names"),
    [
        ("all", {"small_structure", "touches_edge", "shifted"}),
        ("none", set()),
        ("touches_edge", {"touches_edge"}),
        ("small_structure=0.5, touches_edge=off", {"shifted"}),
    ],
)
def test_flags_are_chosen(pair: list[str], chosen: str, names: set[str]) -> None:
    assert main(["evaluate", *pair, "--flags", chosen]) == 0
    with open("rows.csv", encoding="utf-8") as file:
        [row] = csv.DictReader(file)
    assert {part.partition("=")[0] for part in row["flags"].split()} == names


@pytest.mark.parametrize("chosen", ["no_such_flag", "small_structure=much", "=1", "a,b=1"])
def test_what_is_no_flag_is_refused(
    pair: list[str], chosen: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", *pair, "--flags", chosen]) == 2
    assert "flags: " in capsys.readouterr().err
