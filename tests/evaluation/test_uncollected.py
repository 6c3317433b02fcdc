"""The collector is paused for many rows, and goes on whatever happens."""

from __future__ import annotations

import gc

import numpy as np
import pytest

import fastseg
from fastseg.evaluation import rows as module
from fastseg.evaluation.rows import uncollected


def test_paused_for_many_rows_and_on_again() -> None:
    with uncollected(10):
        assert gc.isenabled()
    with uncollected(100_000):
        assert not gc.isenabled()
        with uncollected(100_000):
            assert not gc.isenabled()
        assert not gc.isenabled()
    assert gc.isenabled()
    with pytest.raises(KeyError), uncollected(100_000):
        raise KeyError
    assert gc.isenabled()


def test_one_who_has_turned_it_off_finds_it_off() -> None:
    gc.disable()
    try:
        with uncollected(100_000):
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_an_evaluation_leaves_it_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MANY_VALUES", 0)
    labels = np.array([[1, 1, 0, 2, 2]])
    evaluation = fastseg.evaluate_instances(labels, labels, components="given", metrics="dice")
    assert len(evaluation.instances("instances")) == 2
    assert gc.isenabled()
