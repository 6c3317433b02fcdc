"""Paths into stores: ``cells.zarr/labels/nuclei``, ``scan.h5:/labels``; which part of them is a file or a folder."""

from __future__ import annotations

import os
import re
from typing import NamedTuple

ZARR_SUFFIXES = (".ome.zarr.zip", ".zarr.zip", ".ome.zarr", ".zarr", ".ozx")
HDF5_SUFFIXES = (".hdf5", ".h5")

#: the files that tell a folder of Zarr from others
METADATA = ("zarr.json", ".zarray", ".zgroup", ".zattrs")

_STORE = re.compile(
    rf"(?P<file>.*(?:{'|'.join(map(re.escape, (*ZARR_SUFFIXES, *HDF5_SUFFIXES)))}))(?:[:/\\](?P<inner>.*))?",
    re.IGNORECASE | re.DOTALL,
)


class StorePath(NamedTuple):
    """A path into a store.

    Attributes
    ----------
    file : str
        The store: a file or a folder.
    inner : str
        What is meant within it, without slashes at its ends; empty for all of it.
    """

    file: str
    inner: str


def store_path(path: str) -> StorePath | None:
    """Take a path into a store apart; None for the path of any other file.

    Examples
    --------
    >>> store_path("a/cells.zarr/labels/nuclei")
    StorePath(file='a/cells.zarr', inner='labels/nuclei')
    >>> store_path("scan.h5:/labels")
    StorePath(file='scan.h5', inner='labels')
    >>> store_path("scan.nii.gz")
    """
    found = _STORE.fullmatch(path)
    if found is None:
        return StorePath(path, "") if is_zarr_folder(path) else None
    inner = (found["inner"] or "").replace("\\", "/").strip("/")
    return StorePath(found["file"], inner)


def is_zarr_folder(path: str) -> bool:
    """Tell whether a folder, whatever its name, is a group or an array of Zarr."""
    return os.path.isdir(path) and any(
        os.path.isfile(os.path.join(path, name)) for name in METADATA
    )
