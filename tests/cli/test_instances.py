"""``fastseg evaluate --instances``."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fastseg
from fastseg.__main__ import main
from tests.instances import cases


@pytest.fixture
def maps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, str]:
    """Two files in the current folder."""
    rng = np.random.default_rng(4)
    reference = cases.blobs(rng, (12, 14), 1, 7)
    monkeypatch.chdir(tmp_path)
    np.save("r.npy", reference)
    np.save("p.npy", np.roll(reference, 1, 0))
    np.save("c.npy", rng.random(reference.shape))
    return "r.npy", "p.npy"


def test_every_option_is_that_of_the_function(
    maps: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    texts = {
        "components": "reference=given,prediction=connected",
        "connectivity": "4",
        "dilation": "reference=0,prediction=1",
        "dilation-connectivity": "8",
        "minimum-size": "2",
        "matching": "overlap",
        "score": "dice",
        "threshold": "0.25",
        "structure-metrics": "hd95,dice",
        "size-classes": "3,20",
        "confidence": "c.npy",
        "confidence-of": "mean",
    }
    values: dict[str, Any] = {
        "components": {"reference": "given", "prediction": "connected"},
        "connectivity": 4,
        "dilation": {"reference": 0, "prediction": 1},
        "dilation_connectivity": 8,
        "minimum_size": 2,
        "matching": "overlap",
        "score": "dice",
        "threshold": 0.25,
        "strict": True,
        "many_to_one": True,
        "together": True,
        "structure_metrics": ["hd95", "dice"],
        "size_classes": [3, 20],
        "confidence": "c.npy",
        "confidence_of": "mean",
    }
    given = [word for name, text in texts.items() for word in (f"--{name}", text)]
    flags = ["--instances", "--strict", "--many-to-one", "--together"]
    status = main(
        ["evaluate", *maps, *flags, *given, "--metrics", "dice,assd", "--output", "o.json"]
    )
    assert status == 0
    out = capsys.readouterr().out
    assert "instance_tp" in out
    assert "matched_dice" in out
    found = fastseg.Evaluation.from_json(Path("o.json"))
    expected = fastseg.evaluate_instances(*maps, metrics=["dice", "assd"], **values)
    assert repr(found.rows) == repr(expected.rows)


def test_folders_and_tables(maps: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    for name in maps:
        folder = Path(name).with_suffix("")
        folder.mkdir()
        for case in ("a", "b"):
            np.save(folder / f"{case}.npy", np.load(name))
    status = main(["evaluate", "r", "p", "--instances", "--metrics", "dice", "--output", "o.csv"])
    assert status == 0
    assert "Means over 2 cases" in capsys.readouterr().out
    rows = list(csv.DictReader(Path("o.csv").read_text(encoding="utf-8").splitlines()))
    structures = [row for row in rows if row["level"] == "structure"]
    assert [row["case"] for row in structures] == ["a", "b"]
    for row in rows:
        assert (row["match_score"] == "") == (row["level"] == "structure")
        assert (row["instance_tp"] == "") == (row["level"] == "instance")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--dilation", "3"], "--dilation is about instances: add --instances"),
        (["--together"], "--together is about instances"),
        (["--instances", "--dilation", "x"], "--dilation: expected a whole number, got 'x'"),
        (["--instances", "--dilation", "left=3"], "expected one value, or reference="),
        (["--instances", "--size-classes", "5;6"], "--size-classes: expected numbers separated"),
        (["--instances", "--score", "io"], "score: unknown 'io'; did you mean 'iou'?"),
        (["--instances", "--protocol", "isles22"], "decides itself what is matched"),
    ],
)
def test_what_is_refused(
    maps: tuple[str, str], capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    assert main(["evaluate", *maps, *words]) == 2
    assert message in capsys.readouterr().err


def test_voronoi_regions(maps: tuple[str, str]) -> None:
    flags = ["--instances", "--regions", "voronoi", "--metrics", "dice,hd95"]
    assert main(["evaluate", *maps, *flags, "--output", "o.json"]) == 0
    found = fastseg.Evaluation.from_json(Path("o.json"))
    expected = fastseg.evaluate_instances(*maps, metrics=["dice", "hd95"], regions="voronoi")
    assert repr(found.rows) == repr(expected.rows)
