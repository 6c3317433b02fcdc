"""Raw voxels in a file, which are mapped into memory: nothing is read before it is measured."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple

import numpy as np

from fastseg.inputs.source import ArraySource, ConvertedSource, Scaling, Source
from fastseg.io.image import Grid

# From this size on voxels are converted window by window; smaller maps are measured faster when they are read.
CONVERTED_FROM = 1 << 30


class Mapped(NamedTuple):
    """How a file is mapped; see :class:`fastseg.io.image.Opened` of the same attributes."""

    map: Callable[[Grid | None], Source]
    map_from: int


def mapped(
    path: str,
    start: int,
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
    *,
    order: Literal["C", "F"] = "F",
    segments: Mapping[str, tuple[int, ...]] | None = None,
    scaling: Scaling | None = None,
    map_from: int = CONVERTED_FROM,
    name: str = "",
) -> Mapped:
    """Map voxels that lie one after another in a file that is long enough.

    Labels that lie as they are measured, in the machine's byte order and at their multiples, are measured there. All
    others (floats, scaled, of the other byte order) are converted window by window, from `map_from` bytes on. Messages
    call it by its `name`, which is its path unless given.
    """
    names = {} if segments is None else segments
    called = name or path
    as_it_lies = (
        scaling is None
        and dtype.kind in "biu"
        and dtype.isnative
        and start % max(1, dtype.alignment) == 0
    )

    def source(grid: Grid | None) -> Source:
        try:
            array = np.asarray(np.memmap(path, dtype, "r", start, shape, order))
        except (OSError, ValueError) as error:  # no room among the addresses, or cut meanwhile
            raise MemoryError(f"{path}: it cannot be mapped into memory: {error}") from error
        spacing = None if grid is None else grid.spacing
        if as_it_lies:
            return ArraySource(array, spacing, grid, called, names)
        return ConvertedSource(array, spacing, grid, called, names, scaling=scaling)

    return Mapped(source, 0 if as_it_lies else map_from)
