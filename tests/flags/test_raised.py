"""Flags of rows: found when somebody looks, kept by every way out and back."""

from __future__ import annotations

import pickle
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import fastseg
from fastseg.errors import InputError, InputTypeError
from fastseg.flags import RaisedFlag, RaisedFlags, as_flags

REFERENCE = np.zeros((12, 12, 12), np.uint8)
REFERENCE[2:5, 2:5, 2:5] = 1
PREDICTION = np.roll(REFERENCE, 1, 0)


def test_a_row_has_what_was_measured() -> None:
    evaluation = fastseg.evaluate(REFERENCE, PREDICTION)
    flags = evaluation.rows[0].flags
    assert "small_structure" in flags
    assert RaisedFlag("small_structure", 0.03704) in flags
    assert "small_structure=0.03704" in evaluation.to_dict()[0]["flags"]
    assert fastseg.Evaluation.from_json(evaluation.to_json()) == evaluation
    assert pickle.loads(pickle.dumps(evaluation)) == evaluation


def test_they_are_chosen_by_name_and_threshold() -> None:
    def raised(flags: object) -> list[str]:
        row = fastseg.evaluate(REFERENCE, PREDICTION, flags=flags).rows[0]  # type: ignore[arg-type]
        return [flag.name for flag in row.flags]

    assert raised(False) == []
    assert raised("small_structure") == raised(["small_structure"]) == ["small_structure"]
    assert "small_structure" not in raised({"small_structure": 0.04})
    assert "small_structure" not in raised({"small_structure": False})
    assert "small_structure" in raised({"small_structure": True})


def test_wrong_choices_are_told() -> None:
    with pytest.raises(InputError, match="small_structure"):
        as_flags("small_structures")
    with pytest.raises(InputError, match="threshold of 'small_structure'"):
        as_flags({"small_structure": "much"})
    with pytest.raises(InputTypeError, match="True, False, names"):
        as_flags(3.0)


def test_flags_are_found_once_and_only_if_looked_at() -> None:
    asked: list[int] = []

    def find(place: int) -> list[RaisedFlag]:
        asked.append(1)
        return [RaisedFlag("small_structure", 0.5)]

    flags = RaisedFlags(find=find)
    assert not asked
    assert len(flags) == 1
    assert flags == RaisedFlags([RaisedFlag("small_structure", 0.5)])
    assert asked == [1]


def test_threads_that_look_at_once_find_the_same() -> None:
    """Who comes while another looks must not call what is no longer there."""
    switching = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for _ in range(300):
            flags = RaisedFlags(find=lambda place: [RaisedFlag("small_structure", 0.5)])
            with ThreadPoolExecutor(4) as pool:
                assert list(pool.map(len, [flags] * 8)) == [1] * 8
    finally:
        sys.setswitchinterval(switching)
