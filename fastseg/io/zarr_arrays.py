"""Arrays of Zarr, on the grids of the multiscale images (OME-Zarr) that they are resolutions of."""

from __future__ import annotations

import asyncio
import importlib
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from fastseg.io.chunked import opened_chunks
from fastseg.io.image import Opened
from fastseg.io.multiscales import datasets_of, grid_of, kept_axes, multiscales_in

# Seconds for chunks that are being decoded when another one cannot be.
_LONGEST_WAIT = 60.0
_WAITING = "fastseg waits for Zarr"


def from_zarr(array: Any) -> Opened:
    """Take an array of Zarr, with the scale that its group's metadata give it if it is one of a multiscale image."""
    name = f"the Zarr array {array.name or ''}".rstrip()
    return opened_zarr(array, name, *_multiscale_of(array))


def opened_zarr(
    array: Any,
    name: str,
    multiscale: Mapping[str, Any] | None = None,
    transformations: Sequence[Mapping[str, Any]] = (),
    notes: Sequence[str] = (),
) -> Opened:
    """Take an array of Zarr, on the grid of the multiscale image that it is one resolution of."""
    said = list(notes)
    if multiscale is None:
        axes = kept_axes(array.shape, named_axes(array), name, said)
        grid = None
    else:
        axes, grid = grid_of(array.shape, multiscale, transformations, name, said)
    return opened_chunks(ZarrArray(array), chunks_of(array), name, grid, said, axes)


class ZarrArray:
    """An array of Zarr, of which nothing goes on after an error.

    Where a chunk cannot be decoded, Zarr goes on with the others, and what is left of them when the process ends is
    told on the terminal, line after line.
    """

    def __init__(self, array: Any) -> None:
        self._array = array
        self.shape, self.dtype = array.shape, array.dtype

    def __getitem__(self, box: Any) -> Any:
        try:
            return self._array[box]
        except Exception:
            _settle()
            raise


def _settle() -> None:
    """Wait until all that Zarr has begun is done.

    Two threads may wait at once, one for each map of a pair: neither waits for the other's waiting.
    """

    async def others() -> None:
        mine = asyncio.current_task()
        if mine is not None:
            mine.set_name(_WAITING)
        begun = {task for task in asyncio.all_tasks() if task.get_name() != _WAITING}
        if begun:
            await asyncio.wait(begun, timeout=_LONGEST_WAIT)

    with suppress(Exception):  # there is no public way to its loop
        importlib.import_module("zarr.core.sync").sync(others())


def chunks_of(array: Any) -> Sequence[int] | None:
    """Give the chunks of an array of Zarr, those within its shards if it has any."""
    try:
        chunks: Sequence[int] = array.chunks
    except NotImplementedError:  # of different sizes
        return None
    return chunks


def named_axes(array: Any) -> Sequence[str] | None:
    """Give the names of the axes of an array of Zarr, as version 3 keeps them, or xarray in version 2."""
    names = getattr(array.metadata, "dimension_names", None) or array.attrs.get("_ARRAY_DIMENSIONS")
    if not isinstance(names, Sequence) or len(names) != array.ndim:
        return None
    return [str(name) for name in names]


def _multiscale_of(
    array: Any,
) -> tuple[Mapping[str, Any] | None, Sequence[Mapping[str, Any]]]:
    """Find the metadata of the multiscale image that an array is one resolution of."""
    zarr = sys.modules["zarr"]
    path = str(array.path).strip("/")
    parents = [path.rpartition("/")[0]] if "/" in path else [""] if path else []
    for parent in parents:
        try:
            group: Any = zarr.open_group(array.store, path=parent, mode="r")
        except Exception:  # whatever its store says: there is no group
            continue
        for multiscale in multiscales_in(dict(group.attrs), array.name):
            for dataset in datasets_of(multiscale, array.name):
                if f"{parent}/{dataset['path']}".strip("/") == path:
                    return multiscale, dataset.get("coordinateTransformations", ())
    return None, ()
