"""Zarr by its path: folders and zips, of version 2 and 3, arrays, groups, and OME-Zarr's images and labels.

Groups are read here: what a folder holds and what its metadata say takes no library. Arrays are Zarr's.
"""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from fastseg.errors import InputError, shortened
from fastseg.io.chunked import opened_chunks
from fastseg.io.image import Opened, require
from fastseg.io.multiscales import datasets_of, kept_axes, multiscales_in, ome_in
from fastseg.io.objects import grid_of_coordinates
from fastseg.io.store_paths import is_zarr_folder, store_path
from fastseg.io.zarr_arrays import ZarrArray, chunks_of, named_axes, opened_zarr

# So many members of a group are looked at; of more, one has to be named.
_MOST_MEMBERS = 100

# Groups within groups that have one member each.
_DEEPEST = 16


class _Node(NamedTuple):
    """An array, a group, or nothing that Zarr knows."""

    kind: str
    attributes: Mapping[str, Any]
    metadata: Mapping[str, Any]


def open_zarr(path: str) -> Opened:
    """Open a label map in a Zarr store: an array, the only one of a group, or an image of OME-Zarr.

    Of a multiscale image the finest resolution is taken, with its scale and translation; of an image that has labels
    these are meant. Axes of time and channels may have one entry.
    """
    zarr = require("zarr", "reading Zarr", "zarr")
    where = store_path(path)
    assert where is not None
    root, inner = where.file, where.inner
    while os.path.isdir(root) and is_zarr_folder(above := os.path.dirname(os.path.abspath(root))):
        root, inner = above, f"{os.path.basename(os.path.abspath(root))}/{inner}".strip("/")
    store = _Folder(root) if os.path.isdir(root) else _Zip(root)
    return _Finding(zarr, store, path).found(inner)


class _Folder:
    """A store that is a folder."""

    def __init__(self, root: str) -> None:
        self.root = root

    def read(self, key: str) -> bytes | None:
        """Read a file; None if there is none."""
        try:
            with open(os.path.join(self.root, key), "rb") as file:
                return file.read()
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return None

    def folders(self, inner: str) -> list[str]:
        """List the folders within a folder."""
        try:
            with os.scandir(os.path.join(self.root, inner)) as entries:
                return sorted(one.name for one in entries if one.is_dir())
        except (FileNotFoundError, NotADirectoryError):
            return []

    def of_zarr(self, zarr: Any) -> Any:
        """Open it as a store of the library."""
        return zarr.storage.LocalStore(self.root, read_only=True)


class _Zip:
    """A store that is a zip file."""

    def __init__(self, path: str) -> None:
        self.path = path
        try:
            with zipfile.ZipFile(path) as archive:
                self._names = archive.namelist()
        except (zipfile.BadZipFile, EOFError, ValueError, RuntimeError) as error:
            raise InputError(
                f"{path}: not a readable zip file, nor a folder of Zarr: {shortened(error)}"
            ) from error

    def read(self, key: str) -> bytes | None:
        """Read a file; None if there is none."""
        try:
            with zipfile.ZipFile(self.path) as archive:
                return archive.read(key)
        except KeyError:
            return None
        except (zipfile.BadZipFile, EOFError, OSError, ValueError, RuntimeError) as error:
            raise InputError(f"{self.path}: {key} cannot be read: {shortened(error)}") from error

    def folders(self, inner: str) -> list[str]:
        """List the folders within a folder."""
        prefix = f"{inner}/" if inner else ""
        within = (name[len(prefix) :] for name in self._names if name.startswith(prefix))
        return sorted({name.partition("/")[0] for name in within if "/" in name})

    def of_zarr(self, zarr: Any) -> Any:
        """Open it as a store of the library."""
        return zarr.storage.ZipStore(self.path, mode="r", read_only=True)


class _Finding:
    """The search for the array that is meant by a path."""

    def __init__(self, zarr: Any, store: _Folder | _Zip, path: str) -> None:
        self.zarr, self.store, self.path = zarr, store, path
        self.notes: list[str] = []

    def found(self, inner: str, depth: int = 0) -> Opened:
        """Open what a path within the store means."""
        node = self._node(inner)
        if node.kind == "array":
            return self._in_its_image(inner)
        members = [name for name in self.store.folders(inner) if not name.startswith(".")]
        if (node.kind == "nothing" and not members) or depth > _DEEPEST:
            raise self._holds_nothing(inner)
        ome = ome_in(node.attributes)
        if isinstance(names := ome.get("labels"), Sequence) and names:
            return self._label(inner, names, depth)
        multiscales = multiscales_in(node.attributes, self.path)
        if multiscales and "image-label" not in ome and "labels" in members:
            labels = _join(inner, "labels")
            if names := ome_in(self._node(labels).attributes).get("labels"):
                return self._label(labels, names, depth)
        if multiscales:
            if len(multiscales) > 1:
                self.notes.append(
                    f"{self.path}: the first of its {len(multiscales)} multiscale images is taken"
                )
            finest = datasets_of(multiscales[0], self.path)[0]
            steps = finest.get("coordinateTransformations", ())
            return self._array(_join(inner, str(finest["path"]).strip("/")), multiscales[0], steps)
        return self._only_member(inner, [name for name in members if name != "OME"], depth)

    def _label(self, inner: str, names: object, depth: int) -> Opened:
        """Open the only one of a list of label images."""
        if not isinstance(names, Sequence) or not all(isinstance(name, str) for name in names):
            raise InputError(
                f"{self.path}: its metadata make no sense: labels is {shortened(repr(names))}"
            )
        if len(names) > 1:
            raise self._several(inner, list(names), "label images")
        self.notes.append(f"{self.path}: its label image {_join(inner, names[0])} is taken")
        return self.found(_join(inner, names[0]), depth + 1)

    def _only_member(self, inner: str, members: list[str], depth: int) -> Opened:
        """Open the only member of a group, or its only array of two or more axes beside their coordinates."""
        if len(members) == 1:
            return self.found(_join(inner, members[0]), depth + 1)
        if 1 < len(members) <= _MOST_MEMBERS:
            nodes = {name: self._node(_join(inner, name)) for name in members}
            axes = {
                name: len(node.metadata.get("shape", ()))
                for name, node in nodes.items()
                if node.kind == "array"
            }
            maps = [name for name, ndim in axes.items() if ndim > 1]
            if len(axes) == len(members) and len(maps) == 1:
                return self._on_coordinates(inner, maps[0], [*axes])
        if not members:
            raise self._holds_nothing(inner)
        raise self._several(inner, members, "arrays or groups")

    def _on_coordinates(self, inner: str, name: str, members: Sequence[str]) -> Opened:
        """Open an array whose axes have coordinates beside it, as xarray writes them."""
        array = self._opened(_join(inner, name))
        names = named_axes(array)
        axes = kept_axes(array.shape, names, self.path, self.notes)
        grid = None
        if names is not None and len(axes) <= 3:
            places: list[tuple[str, np.ndarray | None, object]] = []
            for axis in axes:
                own = names[axis]
                values, unit = None, None
                if own in members and own != name:
                    coordinates = self._opened(_join(inner, own))
                    try:
                        values = np.asarray(coordinates[...])
                    except Exception as error:
                        raise self._unreadable(_join(inner, own), error) from error
                    unit = coordinates.attrs.get("units")
                places.append((own, values, unit))
            shape = tuple(array.shape[axis] for axis in axes)
            grid = grid_of_coordinates(shape, places, self.path, self.notes)
        stored = ZarrArray(array)
        return opened_chunks(stored, chunks_of(array), self.path, grid, self.notes, axes)

    def _in_its_image(self, inner: str) -> Opened:
        """Open an array, on the grid that a group above it gives it if it is one of a multiscale image."""
        above = inner
        while above:
            above = above.rpartition("/")[0]
            for multiscale in multiscales_in(self._node(above).attributes, self.path):
                for dataset in datasets_of(multiscale, self.path):
                    if _join(above, str(dataset["path"]).strip("/")) == inner:
                        steps = dataset.get("coordinateTransformations", ())
                        return self._array(inner, multiscale, steps)
        return self._array(inner, None, ())

    def _array(
        self,
        inner: str,
        multiscale: Mapping[str, Any] | None,
        steps: Sequence[Mapping[str, Any]],
    ) -> Opened:
        if self._node(inner).kind != "array":
            raise InputError(
                f"{self.path}: its metadata name the array {inner!r:.80}, which is not there"
            )
        return opened_zarr(self._opened(inner), self.path, multiscale, steps, self.notes)

    def _opened(self, inner: str) -> Any:
        """Open an array with Zarr."""
        try:
            return self.zarr.open_array(store=self.store.of_zarr(self.zarr), path=inner, mode="r")
        except MemoryError:
            raise
        except Exception as error:  # unknown codecs and types, metadata that make no sense
            raise self._unreadable(inner, error) from error

    def _unreadable(self, inner: str, error: Exception) -> InputError:
        what = f"the array {inner!r:.80}" if inner else "the array"
        return InputError(
            f"{self.path}: {what} cannot be read: {shortened(error) or type(error).__name__}"
        )

    def _node(self, inner: str) -> _Node:
        """Read what the metadata say of a folder, of version 3 or 2."""
        own = self._json(_join(inner, "zarr.json"))
        if own is not None:
            attributes = own.get("attributes", {})
            kind = str(own.get("node_type"))
            return _Node(kind, attributes if isinstance(attributes, Mapping) else {}, own)
        attributes = self._json(_join(inner, ".zattrs"))
        metadata = self._json(_join(inner, ".zarray"))
        if metadata is not None:
            return _Node("array", attributes or {}, metadata)
        is_group = attributes is not None or self.store.read(_join(inner, ".zgroup")) is not None
        return _Node("group" if is_group else "nothing", attributes or {}, {})

    def _json(self, key: str) -> Mapping[str, Any] | None:
        text = self.store.read(key)
        if text is None:
            return None
        try:
            value = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise InputError(
                f"{self.path}: its metadata {key} are not JSON: {shortened(error)}"
            ) from error
        if not isinstance(value, Mapping):
            raise InputError(f"{self.path}: its metadata make no sense: {key} is no JSON object")
        return value

    def _holds_nothing(self, inner: str) -> InputError:
        if self._node(inner).kind != "nothing":
            return InputError(f"{self.path}: a group of Zarr that holds no array")
        if inner:
            return InputError(f"{self.path}: there is no array or group {inner!r:.80} in it")
        return InputError(f"{self.path}: it holds no array of Zarr")

    def _several(self, inner: str, names: list[str], what: str) -> InputError:
        root = getattr(self.store, "root", None) or getattr(self.store, "path", "")
        shown = ", ".join(map(repr, names[:8])) + (f", … ({len(names)})" if len(names) > 8 else "")
        example = f"{root}/{_join(inner, names[0])}"
        return InputError(
            f"{self.path}: it holds several {what}: {shortened(shown)}; name the one that is meant: {example}"
        )


def _join(inner: str, name: str) -> str:
    return f"{inner}/{name}" if inner and name else inner or name
