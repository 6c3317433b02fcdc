"""Structures whose labels differ on the two sides: component 7 against component 12."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import fastseg
from tests.conftest import BACKENDS


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("boundary", ["voxel", "surfel"])
@pytest.mark.parametrize("ignored", [None, 9])
def test_each_side_has_labels_of_its_own(backend: str, boundary: Any, ignored: int | None) -> None:
    rng = np.random.default_rng(4)
    reference = np.kron(rng.integers(0, 4, (3, 4, 3)), np.ones((3, 3, 4), int))
    prediction = np.kron(rng.integers(0, 4, (3, 4, 3)), np.ones((3, 3, 4), int))
    reference[:2] = 9
    sides: dict[str, tuple[Any, Any]] = {
        "liver": (3, 1),
        "vessels": ((1, 2), (2, 3)),
        "absent": (7, 1),
        "neither": (7, 8),
    }
    labels = {
        name: dict(zip(("reference", "prediction"), pair, strict=True))
        for name, pair in sides.items()
    }
    options: dict[str, Any] = {"boundary": boundary, "backend": backend, "spacing": (2, 1, 0.7)}
    found = fastseg.evaluate(reference, prediction, labels=labels, ignore_label=ignored, **options)
    for name, pair in sides.items():
        masks = [
            np.isin(volume, side)
            for volume, side in zip((reference, prediction), pair, strict=True)
        ]
        # the same two masks as one label of both maps
        alone = [mask.astype(np.uint8) for mask in masks]
        if ignored is not None:
            alone[0][reference == ignored] = ignored
        expected = fastseg.evaluate(*alone, labels=[1], ignore_label=ignored, **options)[1]
        row = found[name]
        assert row.counts == expected.counts
        assert (row.reference_label, row.prediction_label) == pair
        assert row.label == pair[0]
        assert row.empty == expected.empty
        assert dict(row) == pytest.approx(dict(expected), rel=0, abs=0, nan_ok=True), name


def test_rows_tell_both_ids() -> None:
    maps = np.array([[1, 1, 5]]), np.array([[2, 2, 2]])
    labels = {"a": {"reference": [1, 5], "prediction": 2}, "b": 1}
    table = fastseg.evaluate(*maps, labels=labels, metrics="dice").to_dict()
    ids = [(row["label"], row["reference_label"], row["prediction_label"]) for row in table]
    assert ids == [("1+5", "1+5", 2), (1, 1, 1)]
    assert [row["level"] for row in table] == ["structure", "structure"]
    assert table[0]["dice"] == 1
