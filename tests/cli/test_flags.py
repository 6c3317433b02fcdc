"""``--flags``, the line of flags below the table, and ``fastseg flags``."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import fastseg
from fastseg.cli.app import run
from fastseg.cli.options import parse_flags
from fastseg.errors import InputError

REFERENCE = np.zeros((9, 9, 9), np.uint8)
REFERENCE[2:4, 2:4, 2:5] = 1


@pytest.fixture
def pair(tmp_path: Path) -> list[str]:
    paths = [tmp_path / "reference.npy", tmp_path / "prediction.npy"]
    np.save(paths[0], REFERENCE)
    np.save(paths[1], np.roll(REFERENCE, 1, 0))
    return [str(path) for path in paths]


def test_flags_are_named_below_the_table(
    pair: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["evaluate", *pair, "--metrics", "dice"]) == 0
    out = capsys.readouterr().out
    [line] = [line for line in out.splitlines() if line.startswith("flags:")]
    assert "small_structure 1" in line
    assert line.endswith(": fastseg flags tells what they mean")
    assert run(["evaluate", *pair, "--metrics", "dice", "--flags", "none"]) == 0
    assert "flags" not in capsys.readouterr().out
    assert run(["evaluate", *pair, "--metrics", "dice", "--flags", "small_structure"]) == 0
    assert "flags: small_structure 1:" in capsys.readouterr().out


def test_what_is_read() -> None:
    assert parse_flags("all") is True
    assert parse_flags("none") is False
    assert parse_flags("shifted, mirrored") == ["shifted", "mirrored"]
    assert parse_flags("shifted=3,mirrored=none") == {"shifted": 3.0, "mirrored": False}
    mixed = parse_flags("shifted=3,mirrored")
    assert isinstance(mixed, dict)
    assert mixed == {one.name: False for one in fastseg.list_flags()} | {
        "shifted": 3.0,
        "mirrored": True,
    }
    with pytest.raises(InputError, match="expected a name, NAME=NUMBER or NAME=none, got 'a=b'"):
        parse_flags("a=b")


def test_wrong_flags_and_those_of_protocols_are_refused(
    pair: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["evaluate", *pair, "--flags", "small_structures"]) == 2
    assert "did you mean 'small_structure'" in capsys.readouterr().err
    assert run(["evaluate", *pair, "--protocol", "kits23", "--flags", "none"]) == 2
    assert "--flags: the protocol kits23 decides on it itself" in capsys.readouterr().err


def test_flags_tells_what_they_mean(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["flags"]) == 0
    listed = capsys.readouterr().out
    assert all(one.name in listed and one.effect in listed for one in fastseg.list_flags())
    assert "few_cases" in listed
    assert run(["flags", "small_structure"]) == 0
    told = capsys.readouterr().out
    assert "raised above     0.02" in told
    assert "look at instead" in told
    assert run(["flags", "big_structure"]) == 2
    assert "did you mean" in capsys.readouterr().err
