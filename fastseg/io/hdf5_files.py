"""HDF5 files: one dataset of each, named behind the file, as in ``scan.h5:/labels``, or the only one."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import numpy as np

from fastseg.errors import InputError, shortened
from fastseg.io.chunked import opened_chunks
from fastseg.io.image import Grid, Opened, check_spacing, require
from fastseg.io.multiscales import kept_axes
from fastseg.io.store_paths import store_path

# What PlantSeg and its like call the voxel size of a dataset, in micrometres.
_SIZE_IN_MICROMETRES = "element_size_um"


def open_hdf5(path: str) -> Opened:
    """Open a dataset of an HDF5 file, which is read chunk by chunk.

    It gives a voxel size where it has the attribute ``element_size_um``. Axes of one entry beyond three are left out.
    """
    h5py = require("h5py", "reading HDF5", "hdf5")
    where = store_path(path)
    assert where is not None
    try:
        file = h5py.File(where.file, "r")
    except OSError as error:
        raise InputError(f"{path}: not a readable HDF5 file: {shortened(error)}") from error
    stored = _dataset(h5py, file, where.file, where.inner, path)
    notes: list[str] = []
    try:
        np.dtype(stored.dtype)
        axes = kept_axes(stored.shape or (), None, path, notes)
        grid = _grid(stored, axes, path)
    except (TypeError, OSError, RuntimeError) as error:
        raise InputError(f"{path}: the dataset cannot be read: {shortened(error)}") from error
    return opened_chunks(stored, stored.chunks, path, grid, notes, axes)


def _dataset(h5py: Any, file: Any, file_path: str, inner: str, path: str) -> Any:
    """Find the dataset that is named, or the only one below what is named."""
    try:
        found = file[inner] if inner else file
    except (KeyError, OSError, RuntimeError) as error:
        names = _datasets(h5py, file)
        raise InputError(
            f"{path}: there is no dataset {inner!r:.80} in it; it holds {_shown(names)}"
        ) from error
    if isinstance(found, h5py.Dataset):
        return found
    below = _datasets(h5py, found)
    maps = [name for name, dataset in below.items() if len(dataset.shape or ()) > 1]
    chosen = list(below) if len(below) == 1 else maps
    if len(chosen) == 1:
        return below[chosen[0]]
    remedy = f"; name the one that is meant: {file_path}:{next(iter(below))}" if below else ""
    raise InputError(f"{path}: expected one dataset, but it holds {_shown(below)}{remedy}")


def _datasets(h5py: Any, group: Any) -> dict[str, Any]:
    """List the datasets at any depth, by their names in the file."""
    found: dict[str, Any] = {}

    def look(_: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset):
            found[item.name] = item

    # where it is damaged, what was found until then can be named
    with suppress(OSError, RuntimeError, KeyError):
        group.visititems(look)
    return found


def _shown(names: dict[str, Any]) -> str:
    more = f", … ({len(names)} in all)" if len(names) > 8 else ""
    return shortened(", ".join(list(names)[:8]) + more) if names else "none"


def _grid(stored: Any, axes: tuple[int, ...], path: str) -> Grid | None:
    sizes = stored.attrs.get(_SIZE_IN_MICROMETRES)
    if sizes is None:
        return None
    values = np.ravel(sizes)
    if values.dtype.kind not in "iuf" or len(values) not in (len(axes), len(stored.shape)):
        raise InputError(
            f"{path}: expected one number an axis in its {_SIZE_IN_MICROMETRES}, not {shortened(repr(sizes))}"
        )
    own = values if len(values) == len(axes) else values[list(axes)]
    spacing = tuple(float(size) * 1e-3 for size in own)
    check_spacing(spacing, path, "the voxel sizes")
    return Grid(tuple(int(stored.shape[axis]) for axis in axes), spacing, None)
