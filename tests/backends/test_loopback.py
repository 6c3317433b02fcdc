"""What a new backend needs: a module with the operations, an entry in the list, and no word about it anywhere else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import fastseg
from fastseg import dispatch
from fastseg.backends.protocol import Backend
from tests.backends import loopback
from tests.oracle import hard_cases

PAIR = hard_cases.blob_pair((12, 14, 16), 3)


@pytest.fixture
def entered(monkeypatch: pytest.MonkeyPatch) -> Iterator[Backend]:
    """The loop-back backend, first in the list."""
    entry = Backend("loopback", loopback.__name__, "nothing to install")
    monkeypatch.setattr(dispatch, "BACKENDS", (entry, *dispatch.BACKENDS))
    loopback.calls.clear()
    yield entry
    loopback.calls.clear()
    loopback.declined.clear()


def test_it_has_the_operations(entered: Backend) -> None:
    assert entered.operations is loopback.as_operations() is loopback


def test_it_runs_all_there_is_and_gives_the_same(entered: Backend) -> None:
    options: dict[str, Any] = {"spacing": (2.5, 1, 0.7), "tolerance": 1.5}
    found = fastseg.evaluate(*PAIR, **options)
    assert found.settings["backend"] == "loopback"
    assert loopback.calls == ["joint_histogram", "measure"]
    expected = fastseg.evaluate(*PAIR, backend="numba", **options)
    for name, value in expected[1].items():
        assert found[1][name] == pytest.approx(value, rel=1e-14), name
    fastseg.confusion_matrix(*PAIR)
    fastseg.surface(PAIR[0])
    fastseg.surface_distances(*PAIR)
    fastseg.distance_transform_edt(PAIR[0])
    assert set(loopback.calls) == {
        *("joint_histogram", "measure", "surface", "surface_distances", "distance_transform_edt"),
    }
    assert fastseg.current_backend() == "loopback"
    assert fastseg.explain().splitlines() == [
        "loopback: runs",
        "numba: fallback",
        "scipy: fallback",
    ]


@pytest.mark.parametrize("operation", ["surface_distributions", "band_overlap"])
def test_what_it_declines_is_measured_by_the_next(entered: Backend, operation: str) -> None:
    """All that the chosen metrics need is asked for at once, before anything is counted."""
    loopback.declined[operation] = "not yet"
    needed, other = {
        "surface_distributions": ("hd95", "boundary_iou"),
        "band_overlap": ("boundary_iou", "hd95"),
    }[operation]
    with pytest.warns(fastseg.BackendFallbackWarning, match=f"{operation} falls back .*: not yet"):
        found = fastseg.evaluate(*PAIR, metrics=["dice", needed])
    assert found.settings["backend"] == "numba"
    assert loopback.calls == []
    assert fastseg.evaluate(*PAIR, metrics=["dice", other]).settings["backend"] == "loopback"


def test_nobody_measures_what_all_decline(
    entered: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is an error that says so, and not an AttributeError from within."""
    loopback.declined["band_overlap"] = "not yet"
    monkeypatch.setattr(dispatch, "BACKENDS", (entered,))
    with (
        pytest.warns(fastseg.BackendFallbackWarning),
        pytest.raises(
            fastseg.BackendNotAvailableError,
            match="no backend can run joint_histogram and band_overlap for arrays of 3 axes",
        ),
    ):
        fastseg.evaluate(np.ones((3, 3, 3), bool), np.ones((3, 3, 3), bool), metrics="boundary_iou")
