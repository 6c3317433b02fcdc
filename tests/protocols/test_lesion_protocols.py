"""What the protocols of lesions have in common: backends, memory orders, types and fewer axes change no number."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import fastseg
from tests.oracle.lesion_cases import lesion_cases

NAMES = ("anima", "autopet3", "autopet4", "isles22", "lnq2023", "topcow")


def _rows(name: str, *maps: Any, **options: Any) -> list[dict[str, float]]:
    if name == "topcow":
        options["cldice"] = False
    return [dict(row) for row in fastseg.evaluate_protocol(name, *maps, **options).rows]


def _same(first: list[dict[str, float]], second: list[dict[str, float]]) -> None:
    assert [list(row) for row in first] == [list(row) for row in second]
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(list(one.values()), list(other.values()))


def _cases(seed: int) -> Iterator[tuple[Any, Any, tuple[float, ...]]]:
    yield from lesion_cases(33, seed)
    yield from lesion_cases(33, seed + 1, n_labels=3)


@pytest.mark.parametrize("quirks", [True, False])
@pytest.mark.parametrize("name", NAMES)
def test_backends_agree(name: str, quirks: bool) -> None:
    for reference, prediction, spacing in _cases(70):
        found = [
            _rows(name, reference, prediction, spacing=spacing, quirks=quirks, backend=backend)
            for backend in ("numba", "scipy")
        ]
        _same(*found)


@pytest.mark.parametrize("name", NAMES)
def test_memory_order_and_type_do_not_matter(name: str) -> None:
    for reference, prediction, spacing in _cases(72):
        found = _rows(name, reference, prediction, spacing=spacing)
        turned = [np.asfortranarray(labels) for labels in (reference, prediction)]
        _same(found, _rows(name, *turned, spacing=spacing))
        _same(found, _rows(name, reference.astype(np.int32), prediction, spacing=spacing))


@pytest.mark.parametrize("name", NAMES)
def test_masks_may_be_bool(name: str) -> None:
    for reference, prediction, spacing in lesion_cases(22, 74):
        found = _rows(name, reference, prediction, spacing=spacing)
        masks = reference > 0, prediction > 0
        _same(found, _rows(name, *masks, spacing=spacing))


@pytest.mark.parametrize("name", NAMES[:-1])
def test_two_axes_and_one_are_taken(name: str) -> None:
    for reference, prediction, spacing in lesion_cases(33, 76):
        for ndim in (1, 2):
            part = (0,) * (3 - ndim)
            found = _rows(name, reference[part], prediction[part], spacing=spacing[-ndim:])
            assert len(found) == 1


@pytest.mark.parametrize("name", NAMES[:-1])
def test_structures_are_evaluated_as_masks_of_their_own(name: str) -> None:
    for reference, prediction, spacing in lesion_cases(22, 78, n_labels=3):
        structures = {"a": 1, "b": (2, 3)}
        found = _rows(name, reference, prediction, spacing=spacing, labels=structures)
        for row, wanted in zip(found, ([1], [2, 3]), strict=True):
            masks = [np.isin(labels, wanted).astype(np.uint8) for labels in (reference, prediction)]
            _same([row], _rows(name, *masks, spacing=spacing))
