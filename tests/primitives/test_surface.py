"""surface() against SciPy's erosion and brute force."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from numpy.typing import NDArray
from scipy import ndimage

import fastseg
from tests.oracle import hard_cases as volumes
from tests.oracle import naive

Mask = NDArray[np.bool_]


@pytest.mark.parametrize("edge", ["background", "ignore"])
@pytest.mark.parametrize("ndim", [1, 2, 3])
def test_surface_of_hard_masks(backend: str, ndim: int, edge: Any) -> None:
    for name, *masks in volumes.hard_pairs(ndim):
        for mask in masks:
            for connectivity in range(1, ndim + 1):
                structure = ndimage.generate_binary_structure(ndim, connectivity)
                eroded = ndimage.binary_erosion(mask, structure, border_value=edge == "ignore")
                found = fastseg.surface(mask, connectivity=connectivity, edge=edge)
                assert found.dtype == bool
                assert_array_equal(found, mask ^ eroded, err_msg=name)


@given(mask=volumes.masks(), data=st.data())
def test_surface_of_any_mask(backend: str, mask: Mask, data: st.DataObject) -> None:
    connectivity = data.draw(st.integers(1, mask.ndim))
    edge: Any = data.draw(st.sampled_from(["background", "ignore"]))
    found = fastseg.surface(mask, connectivity=connectivity, edge=edge)
    assert_array_equal(found, naive.surface(mask, connectivity, edge))


@pytest.mark.parametrize("connectivity", [0, 3, -1, True, "1", None, 1.5, (1,)])
def test_connectivity_is_1_to_ndim(connectivity: Any) -> None:
    with pytest.raises(ValueError, match=r"^connectivity: expected 1 to 2 for 2 axes, got "):
        fastseg.surface(np.ones((3, 3)), connectivity=connectivity)
    connectivity = np.int64(2)
    assert fastseg.surface(np.ones((3, 3)), connectivity=connectivity).sum() == 8


@pytest.mark.parametrize("edge", ["backgrund", None, "", 0])
def test_unknown_edge(edge: Any) -> None:
    with pytest.raises(ValueError, match=f"^edge: unknown {edge!r}; .*background"):
        fastseg.surface(np.ones((3, 3)), edge=edge)
