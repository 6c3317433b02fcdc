"""``fastseg intervals``, ``fastseg rank`` and ``fastseg compare``."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

import fastseg
from fastseg.__main__ import main

pytest.importorskip("pandas")


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Results of two algorithms in the current folder, six cases each."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(1)
    for name, shift in (("unet", 1), ("other", 2)):
        evaluations = {}
        for case in "abcdef":
            reference = np.zeros((16, 16), np.uint8)
            reference[3 : rng.integers(8, 12), 3:12] = 1
            evaluations[case] = fastseg.evaluate(reference, np.roll(reference, shift, 0))
        fastseg.Evaluation.joined(evaluations).to_json(f"{name}.json")
    return ["unet.json", "other.json"]


def test_algorithms_are_called_as_their_files_or_as_was_said(
    results: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["rank", *results, "--metric", "dice,hd95"]) == 0
    out = capsys.readouterr().out
    assert [line.split()[2] for line in out.splitlines()[1:3]] == ["unet", "other"]
    assert "consensus" in out
    assert "6 cases: below 50" in out
    assert main(["rank", "A=unet.json", "B=other.json", "-o", "r.csv"]) == 0
    with open("r.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["algorithm"], row["rank"]) for row in rows] == [("A", "1.0"), ("B", "2.0")]


def test_pairs_are_compared(results: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", *results, "-o", "c.csv", "--permutations", "99"]) == 0
    with open("c.csv", newline="") as file:
        row = next(csv.DictReader(file))
    assert (row["first"], row["second"], row["better"]) == ("unet", "other", "1.0")
    assert float(row["permutation_p"]) == 2 / 64
    assert "Written to c.csv" in capsys.readouterr().out


def test_means_have_intervals_and_tails_shares(
    results: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["intervals", *results, "--statistic", "median", "--samples", "50"]) == 0
    out = capsys.readouterr().out
    assert [line.split()[0] for line in out.splitlines()[1:3]] == ["unet", "other"]
    assert "below 50" in out
    assert "cover less" in out
    assert main(["intervals", "unet.json", "--floor", "dice=0.8,hd95=2", "-o", "s.csv"]) == 0
    with open("s.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["metric"], row["floor"], row["n"]) for row in rows] == [
        ("dice", "0.8", "6"),
        ("hd95", "2.0", "6"),
    ]


def test_tables_of_others_are_ranked(
    results: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    Path("t.csv").write_text("task,case,alg,value\nT,1,x,3\nT,1,y,4\nT,2,x,3\nT,2,y,5\n")
    arguments = ["rank", "t.csv", "--metric", "error", "--algorithm", "alg", "--bootstraps", "10"]
    assert main(arguments) == 2
    assert "larger is better" in capsys.readouterr().err
    assert main([*arguments, "--smaller-is-better"]) == 0
    assert capsys.readouterr().out.splitlines()[1].split()[2:5] == ["x", "1", "3"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["rank", "none.json"], "none.json: no such file"),
        (["intervals", "unet.json", "--floor", "dice"], "dice=0.7"),
        (["intervals", "unet.json", "--level", "lesion"], "instance"),
        (["intervals", "unet.json", "--within"], "clusters"),
        (["rank", "unet.json"], "two algorithms"),
        (["rank", "A=unet.json", "A=other.json"], "A: two files"),
        (["rank", "unet.json", "other.json", "--metric", "dise"], "did you mean 'dice'"),
        (["rank", "unet.json", "other.json", "--undefined", "most"], "worst, drop or a number"),
        (["compare", "unet.json", "other.json", "--first", "x"], "'x'"),
        (["compare", "unet.json", "other.json", "-o", "unet.json"], "unet.json"),
        (["rank", "A=unet.json", "B=other.json", "-o", "unet.json"], "would overwrite"),
        (["intervals", "A=unet.json", "-o", "unet.json"], "would overwrite"),
        (["compare", "bad.csv", "other.json"], "bad.csv"),
    ],
)
def test_wrong_calls_are_one_line(
    results: list[str], arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("bad.csv").write_text('a,"b\n1')
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1
