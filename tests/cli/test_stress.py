"""``fastseg stress``."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

import fastseg
from fastseg.__main__ import main


@pytest.fixture
def mask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A label map of two organs in the current folder."""
    monkeypatch.chdir(tmp_path)
    image = np.zeros((12, 30, 30), np.uint8)
    image[2:10, 4:14, 4:26] = 1
    image[2:10, 17:27, 4:26] = 2
    np.save("mask.npy", image)
    Path("labels.json").write_text('{"liver": 1, "spleen": 2}')
    return "mask.npy"


def test_a_map_is_stressed_and_written(mask: str, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--labels", "labels.json", "--metrics", "dice,hd95", "--spacing", "2,1,1"]
    outputs = ["-o", "stress.csv", "-o", "stress.json"]
    assert main(["stress", mask, *options, *outputs, "--severities", "3"]) == 0
    out = capsys.readouterr().out
    assert "For liver (label 1) dice does not see: " in out
    assert "Written to stress.csv" in out
    expected = fastseg.stress(
        mask, labels={"liver": 1, "spleen": 2}, metrics=("dice", "hd95"), spacing=(2, 1, 1),
        severities=3,
    )  # fmt: skip
    assert Path("stress.csv").read_text() == expected.to_csv()
    assert json.loads(Path("stress.json").read_text())["metrics"] == ["dice", "hd95"]
    rows = list(csv.DictReader(Path("stress.csv").read_text().splitlines()))
    assert {row["severity"] for row in rows} == {"1", "3", "5"}


def test_errors_are_chosen_by_name(mask: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["stress", mask, "--errors", "hole, empty", "--metrics", "dice"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[:3]] == ["error", "hole", "empty"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["missing.npy"], "no such file"),
        (["mask.npy", "-o", "stress.xlsx"], "ends in .csv"),
        (["mask.npy", "-o", "nowhere/stress.csv"], "no such folder"),
        (["mask.npy", "--errors", "dilate"], "did you mean 'dilation'"),
        (["mask.npy", "--severities", "9"], "severities"),
        (["mask.npy", "--boundary", "voxle"], "did you mean 'voxel'"),
    ],
)
def test_wrong_use_is_told_in_a_line(
    mask: str, arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["stress", *arguments]) == 2
    error = capsys.readouterr().err
    assert told in error
    assert error.count("\n") == 1
    assert sorted(path.name for path in Path().iterdir()) == ["labels.json", "mask.npy"]
