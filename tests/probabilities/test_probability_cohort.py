"""Probabilities of two folders, by the call and by the command, beside single cases and all voxels as one case."""

from __future__ import annotations

import csv
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import fastseg
from fastseg.__main__ import main
from fastseg.errors import CaseError, InputError, InputWarning

SHAPE = (5, 6, 7)


def drawn(seed: int) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """A label map of three labels and its softmax, channels first."""
    rng = np.random.default_rng([90, seed])
    reference = rng.integers(0, 3, SHAPE).astype(np.uint8)
    shares = np.exp(
        rng.normal(0, 1, (3, *SHAPE)) + 1.5 * (reference == np.arange(3)[:, *[None] * 3])
    )
    return reference, (shares / shares.sum(axis=0)).astype(np.float32)


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    """Cases a, b and c as plain arrays."""
    for name in ("labels", "maps"):
        (tmp_path / name).mkdir()
    for seed, case in enumerate("abc"):
        reference, shares = drawn(seed)
        np.save(tmp_path / "labels" / f"{case}.npy", reference)
        np.save(tmp_path / "maps" / f"{case}.npy", shares)
    return tmp_path


def test_each_case_and_all_voxels_together(folders: Path) -> None:
    found = fastseg.evaluate_probability_cohort(folders / "labels", folders / "maps", bins=6)
    assert found.cases == ("a", "b", "c")
    for seed, case in enumerate("abc"):
        alone = fastseg.evaluate_probabilities(*drawn(seed), bins=6, case=case)
        assert found.case(case).rows == alone.rows
        assert found.reliability("1", case=case) == alone.reliability("1")
    pairs = [drawn(seed) for seed in range(3)]
    whole = [np.concatenate(each, axis=-1) for each in zip(*pairs, strict=True)]
    expected = fastseg.evaluate_probabilities(*whole, bins=6)
    assert found.pooled is not None
    for row in expected:
        pooled = found.pooled[row.name]
        assert pooled.counts == row.counts
        for name, value in row.items():
            if not name.endswith("_error"):
                off = pooled.get(f"{name}_error", 0.0)
                assert pooled[name] == pytest.approx(value, rel=1e-9, abs=off), name
    assert found.pooled.dice_curve("2") == expected.dice_curve("2")


def test_the_order_of_cases_changes_nothing(folders: Path) -> None:
    one = fastseg.evaluate_probability_cohort(folders / "labels", folders / "maps").pooled
    for place in ("labels", "maps"):
        (folders / place / "a.npy").rename(folders / place / "z.npy")
    other = fastseg.evaluate_probability_cohort(folders / "labels", folders / "maps").pooled
    assert one is not None
    assert other is not None
    assert one.rows == other.rows


def test_reliability_tables_as_csv(folders: Path) -> None:
    found = fastseg.evaluate_probability_cohort(folders / "labels", folders / "maps", bins=4)
    found.reliability_to_csv(folders / "r.csv")
    with open(folders / "r.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 4 * 2 * (3 + 1)
    assert {row["case"] for row in rows} == {"a", "b", "c", "pooled"}
    pooled = [row for row in rows if (row["case"], row["structure"]) == ("pooled", "2")]
    assert sum(int(row["voxels"]) for row in pooled) == 3 * math.prod(SHAPE)
    with pytest.raises(KeyError, match="of 3 cases"):
        found.reliability()
    with pytest.raises(KeyError):
        found.reliability("1", case="d")


@pytest.mark.parametrize("name", ["probabilities", "softmax"])
def test_archives_of_nnunet(tmp_path: Path, name: str) -> None:
    """They lie beside a label map, with channels first and axes z, y, x."""
    nibabel = pytest.importorskip("nibabel")
    for each in ("labels", "predicted"):
        (tmp_path / each).mkdir()
    reference, shares = drawn(7)
    affine = np.diag([1, 2, 3, 1])
    nibabel.save(nibabel.Nifti1Image(reference, affine), tmp_path / "labels" / "x.nii.gz")
    argmax = shares.argmax(axis=0).astype(np.uint8)
    nibabel.save(nibabel.Nifti1Image(argmax, affine), tmp_path / "predicted" / "x.nii.gz")
    archive: dict[str, Any] = {name: shares.transpose(0, 3, 2, 1).astype(np.float16)}
    np.savez_compressed(tmp_path / "predicted" / "x.npz", **archive)
    expected = fastseg.evaluate_probabilities(reference, shares.astype(np.float16))
    found = fastseg.evaluate_probability_cohort(tmp_path / "labels", tmp_path / "predicted")
    assert [dict(row) for row in found] == [dict(row) for row in expected]
    alone = fastseg.evaluate_probabilities(
        tmp_path / "labels" / "x.nii.gz", tmp_path / "predicted" / "x.npz"
    )
    assert [dict(row) for row in alone] == [dict(row) for row in expected]


def test_what_cannot_be_is_told(folders: Path) -> None:
    labels, maps = folders / "labels", folders / "maps"
    cases: list[tuple[dict[str, Any], str]] = [
        ({"mask": 1}, "it is of one case"),
        ({"bins": 0}, "bins: expected 1"),
        ({"on_error": "ignore"}, "on_error: unknown"),
        ({"ending": ".npz"}, "holds no image"),
        ({"labels": [9]}, "3 of 3 cases could not be evaluated: a: labels"),
    ]
    for options, message in cases:
        with pytest.raises(InputError, match=message):
            fastseg.evaluate_probability_cohort(labels, maps, **options)
    np.save(maps / "d.npy", np.zeros((3, *SHAPE), np.float32))
    with pytest.warns(InputWarning, match="1 of 4 maps in .* have no reference"):
        fastseg.evaluate_probability_cohort(labels, maps)
    (maps / "d.npy").unlink()
    np.save(maps / "b.npy", drawn(1)[1].astype(np.float64) * 0.999)
    with pytest.raises(CaseError, match="pooled by bins of float32"):
        fastseg.evaluate_probability_cohort(labels, maps)
    assert fastseg.evaluate_probability_cohort(labels, maps, pooled=False).pooled is None
    with pytest.warns(InputWarning, match="1 of 3 cases could not"):
        found = fastseg.evaluate_probability_cohort(labels, maps, on_error="skip")
    assert found.cases == ("a", "c")
    assert [failure.case for failure in found.failures] == ["b"]
    (maps / "b.npy").unlink()
    with pytest.raises(InputError, match="1 of 3 references in .* have no probabilities"):
        fastseg.evaluate_probability_cohort(labels, maps)
    for case in "ac":
        (maps / f"{case}.npy").rename(maps / f"{case}_p.npy")
    with pytest.raises(InputError, match="no label map in .* has probabilities"):
        fastseg.evaluate_probability_cohort(labels, maps)


def test_what_is_undefined_has_a_reason() -> None:
    p = np.array([0.25, 0.75])
    of = fastseg.evaluate_probabilities
    assert of([0, 1], p).undefined == ()
    [why] = of([1, 1], p).undefined
    assert why == ("", "1", "roc_auc", "no voxel that counts is outside of the structure")
    found = of([0, 0], p, labels={"liver": 1}, case="a")
    assert [each[:3] for each in found.undefined] == [
        ("a", "liver", name) for name in ("roc_auc", "average_precision", "best_dice")
    ]
    for _, name, score, _ in found.undefined:
        assert math.isnan(found[name][score])
    assert of([0, 1], p, mask=[0, 0]).undefined[0][2:] == ("all", "no voxel counts")


def test_every_column_is_explained() -> None:
    listed = fastseg.list_probability_scores()
    row = fastseg.evaluate_probabilities([0, 1], np.array([0.25, 0.75]))["1"]
    assert [one.name for one in listed] == list(row)
    assert all(one.formula for one in listed)


def test_the_command(folders: Path, capsys: Any) -> None:
    labels, maps = str(folders / "labels"), str(folders / "maps")
    table, curves = str(folders / "t.csv"), str(folders / "r.csv")
    assert main(["probabilities", labels, maps, "--output", table, "--reliability", curves]) == 0
    out = capsys.readouterr().out
    assert "Means over 3 cases" in out
    assert "The voxels of all cases together" in out
    with open(table, newline="") as file:
        assert len(list(csv.DictReader(file))) == 6
    one = [f"{labels}/a.npy", f"{maps}/a.npy"]
    assert main(["probabilities", *one, "--labels", "2", "--mask", one[0], "--bins", "3"]) == 0
    out = capsys.readouterr().out
    assert "–: average_precision" not in out
    expected = fastseg.evaluate_probabilities(
        drawn(0)[0], drawn(0)[1], labels=[2], mask=drawn(0)[0] > 0
    )
    assert f"{expected['2']['brier']:.4f}" in out
    logits = str(folders / "logits.npy")
    np.save(logits, np.log(np.moveaxis(drawn(0)[1], 0, -1)))
    one[1] = logits
    assert main(["probabilities", *one, "--logits", "softmax", "--channel-axis", "-1"]) == 0
    empty = str(folders / "empty.npy")
    np.save(empty, np.zeros(SHAPE, np.uint8))
    assert main(["probabilities", empty, f"{maps}/a.npy", "--labels", "1"]) == 0
    assert "roc_auc of 1 in a is undefined: no voxel" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--output", "x.jsonl"], "a table is .csv"),
        (["--reliability", "x.json"], "expected a .csv file"),
        (["--mask", "LABELS/a.npy"], "--mask is of two files"),
        (["--logits", "maybe"], "logits: unknown"),
    ],
)
def test_the_command_refuses(folders: Path, capsys: Any, more: list[str], message: str) -> None:
    labels, maps = str(folders / "labels"), str(folders / "maps")
    more = [text.replace("LABELS", labels) for text in more]
    assert main(["probabilities", labels, maps, *more]) == 2
    assert message in capsys.readouterr().err


def test_a_file_beside_a_folder_is_refused(folders: Path, capsys: Any) -> None:
    labels, maps = str(folders / "labels"), str(folders / "maps")
    assert main(["probabilities", labels, f"{maps}/a.npy"]) == 2
    assert "expected two files or two folders" in capsys.readouterr().err
    assert main(["probabilities", f"{labels}/a.npy", f"{maps}/a.npy", "--ending", ".npy"]) == 2
    assert "are for two folders" in capsys.readouterr().err


def test_a_memory_map_is_measured_as_it_lies(tmp_path: Path) -> None:
    reference, shares = drawn(3)
    np.save(tmp_path / "p.npy", shares[1])
    mapped = np.load(tmp_path / "p.npy", mmap_mode="r")
    expected = fastseg.evaluate_probabilities(reference, shares[1], labels=[1])
    found = fastseg.evaluate_probabilities(reference, mapped, labels=[1])
    assert found.rows == expected.rows
