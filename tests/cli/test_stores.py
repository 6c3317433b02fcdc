"""The command line on stores: two of them, paths into them, folders and tables of them."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from fastseg.__main__ import main
from tests.io.files import write_store
from tests.oracle import hard_cases

pytest.importorskip("zarr")
REFERENCE, PREDICTION = (side.astype(np.uint8) for side in hard_cases.blob_pair((12, 14, 16), 3))


def rows(path: str) -> list[dict[str, str]]:
    with open(path, encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for side, array in (("r", REFERENCE), ("p", PREDICTION)):
        (tmp_path / side).mkdir()
        for suffix in (".zarr", ".zarr.zip"):
            write_store(tmp_path / f"{side}/{'a' if suffix == '.zarr' else 'b'}{suffix}", array)
        np.save(tmp_path / f"{side}.npy", array)
    assert evaluated("r.npy", "p.npy") == 0
    return tmp_path


def evaluated(*arguments: object) -> int:
    return main(["evaluate", *map(str, arguments), "--metrics", "dice,hd95", "--output", "o.csv"])


def without_case(found: list[dict[str, str]]) -> list[dict[str, str]]:
    return [{**row, "case": ""} for row in found]


def test_two_stores_and_what_is_in_them(run: Path) -> None:
    expected = without_case(rows("o.csv"))
    for pair in (("r/a.zarr", "p/a.zarr"), ("r/a.zarr/", "p/b.zarr.zip"), ("r.npy", "p/a.zarr")):
        assert evaluated(*pair) == 0
        found = rows("o.csv")
        assert without_case(found) == expected
        assert {row["case"] for row in found} == {Path(pair[1]).name.partition(".")[0]}


def test_datasets_in_a_file(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    h5py = pytest.importorskip("h5py")
    expected = without_case(rows("o.csv"))
    with h5py.File("both.h5", "w") as file:
        file["r"], file["p"] = REFERENCE, PREDICTION
    assert evaluated("both.h5:/r", "both.h5:/p") == 0
    assert without_case(rows("o.csv")) == expected
    capsys.readouterr()
    assert evaluated("both.h5", "p.npy") == 2
    assert "name the one that is meant: both.h5:/p" in capsys.readouterr().err
    assert evaluated("none.h5:/r", "p.npy") == 2
    assert "none.h5" in capsys.readouterr().err
    Path("pairs.csv").write_text("reference,prediction\nboth.h5:/r,both.h5:/p\n", encoding="utf-8")
    assert evaluated("pairs.csv") == 0
    assert {row["case"] for row in rows("o.csv")} == {"both"}


def test_folders_of_stores(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    expected = without_case(rows("o.csv"))
    assert evaluated("r", "p") == 0
    found = rows("o.csv")
    assert {row["case"] for row in found} == {"a", "b"}
    for case in "ab":
        assert without_case([row for row in found if row["case"] == case]) == expected
    capsys.readouterr()
    assert evaluated("r", "p/a.zarr") == 2
    assert "expected two files or two folders" in capsys.readouterr().err


@pytest.mark.slow
def test_a_store_with_a_damaged_chunk_is_one_line_until_the_process_ends(run: Path) -> None:
    """Zarr goes on with other chunks; what is left of them at the end must not be told of."""
    path = write_store(run / "d.zarr", np.arange(40**3).reshape(40, 40, 40), chunks=(4, 4, 4))
    for i in range(10):
        (path / f"c/{i}/3/3").write_bytes(b"x" * 30)
    command = [sys.executable, "-m", "fastseg", "evaluate", "d.zarr", "d.zarr"]
    root = Path(__file__).parents[2]
    environment = os.environ | {"PYTHONPATH": f"{root}{os.pathsep}{root / 'kernels'}"}
    ended = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert ended.returncode == 2
    (line,) = [line for line in ended.stderr.splitlines() if "note: compiling" not in line]
    assert "d.zarr: the voxels from" in line
