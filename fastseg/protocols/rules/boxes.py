"""Boxes with a class and a score, as nnDetection keeps them: (x1, y1, x2, y2) or (x1, y1, x2, y2, z1, z2)."""

from __future__ import annotations

import contextlib
import io as streams
import json
import os
import pickle
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastseg.errors import InputError, InputTypeError
from fastseg.inputs.device import check_in_cpu_memory
from fastseg.inputs.scalars import shown

Floating = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Boxes:
    """Boxes of one image.

    Attributes
    ----------
    corners : ndarray (n, 4) or (n, 6)
        In the type that they were given in: overlaps are computed in it.
    classes : int64 ndarray (n,)
    scores : ndarray (n,)
        How sure each is; ones for a reference.
    """

    corners: Floating
    classes: NDArray[np.int64]
    scores: Floating

    @classmethod
    def read(cls, given: Any, argument: str, keys: Sequence[Sequence[str]]) -> Boxes:
        """Take boxes from a mapping, or from a file that holds one.

        Parameters
        ----------
        given : mapping, or path to .npz, .pkl or .json
        argument : str
            What messages call it.
        keys : sequence of sequence of str
            Names under which corners, classes and, if there are any, scores may stand.

        Raises
        ------
        InputError, InputTypeError, OSError
            For anything else.
        """
        held = _mapping(given, argument)
        found = [_array(held, names, argument) for names in keys]
        corners = found[0]
        if corners.size == 0:
            corners = corners.reshape(0, corners.shape[-1] if corners.shape[-1] in (4, 6) else 6)
        if corners.ndim != 2 or corners.shape[1] not in (4, 6) or corners.dtype.kind not in "iuf":
            raise InputError(
                f"{argument}: expected boxes of 4 or 6 numbers each, got shape {corners.shape} of {corners.dtype}"
            )
        classes = found[1].reshape(-1)
        if classes.size and not _are_whole(classes):
            raise InputError(f"{argument}: expected whole numbers of classes")
        scores = found[2].reshape(-1) if len(found) > 2 else np.ones(len(corners))
        if scores.size and scores.dtype.kind not in "biuf":
            raise InputError(f"{argument}: expected numbers as scores, got {scores.dtype}")
        if not len(corners) == len(classes) == len(scores):
            raise InputError(
                f"{argument}: {len(corners)} boxes, {len(classes)} classes and {len(scores)} scores"
            )
        if not (np.isfinite(corners).all() and not np.isnan(scores).any()):
            raise InputError(f"{argument}: boxes or scores are not finite")
        if corners.dtype.kind == "u":  # differences of these would wrap around
            corners = corners.astype(np.int64)
        lows, highs = ends_of(corners)
        if (turned := (corners[:, lows] > corners[:, highs]).any(axis=1)).any():
            order = "(x1, y1, x2, y2, z1, z2)" if len(lows) > 2 else "(x1, y1, x2, y2)"
            raise InputError(
                f"{argument}: expected boxes {order}, got {shown(corners[turned.argmax()].tolist())}, which ends "
                "before it starts"
            )
        return cls(corners, classes.astype(np.int64), scores)

    def of_class(self, number: int) -> Boxes:
        """Give those of one class."""
        own = self.classes == number
        return Boxes(self.corners[own], self.classes[own], self.scores[own])

    def __len__(self) -> int:
        return len(self.corners)


def ends_of(corners: Floating) -> tuple[list[int], list[int]]:
    """Tell in which columns boxes start and stop, axis by axis."""
    return ([0, 1, 4], [2, 3, 5]) if corners.shape[1] == 6 else ([0, 1], [2, 3])


def _are_whole(classes: NDArray[Any]) -> bool:
    if classes.dtype.kind not in "biuf" or not np.isfinite(classes).all():
        return False
    return bool((classes == np.floor(classes)).all())


def box_ious(first: Floating, second: Floating) -> Floating:
    """Divide the common volume of each pair of boxes by the volume of both; nan for two boxes without any."""

    def volumes(lows: Any, highs: Any) -> Any:
        sides = [high - low for low, high in zip(lows, highs, strict=True)]
        product = sides[0] * sides[1]
        return product * sides[2] if len(sides) > 2 else product

    lows, highs = ends_of(first)
    one = volumes(first[:, lows].T, first[:, highs].T)
    other = volumes(second[:, lows].T, second[:, highs].T)
    starts = [np.maximum(first[:, None, axis], second[:, axis]) for axis in lows]
    stops = [np.minimum(first[:, None, axis], second[:, axis]) for axis in highs]
    sides = [np.clip(stop - start, 0, None) for start, stop in zip(starts, stops, strict=True)]
    both = sides[0] * sides[1] * sides[2] if len(sides) > 2 else sides[0] * sides[1]
    with np.errstate(invalid="ignore", divide="ignore"):
        found: Floating = both / (one[:, None] + other - both)
    return found


def _array(held: Mapping[str, Any], names: Sequence[str], argument: str) -> NDArray[Any]:
    for name in names:
        if name in held:
            try:
                return np.asarray(held[name])
            except ValueError as error:
                raise InputError(f"{argument}: {name!r} is no array ({error})") from error
    raise InputError(
        f"{argument}: expected {' or '.join(map(repr, names))} among {', '.join(map(str, held)) or 'nothing'}"
    )


def _mapping(given: Any, argument: str) -> Mapping[str, Any]:
    """Take a mapping, or read a file that holds one."""
    if isinstance(given, Mapping):
        for name, value in given.items():
            check_in_cpu_memory(value, f"{argument}[{name!r}]", "boxes")
        return given
    check_in_cpu_memory(given, argument, "boxes")
    if not isinstance(given, (str, os.PathLike)):
        raise InputTypeError(
            f"{argument}: expected a mapping with boxes, or a file of .npz, .pkl or .json, got {type(given).__name__}"
        )
    name = os.fsdecode(given)
    with open(name, "rb") as file:
        content = file.read()
    read = (
        _members if name.endswith(".npz") else _unpickled if name.endswith(".pkl") else json.loads
    )
    try:
        held = read(content)
    except (ValueError, EOFError, pickle.UnpicklingError, ImportError, AttributeError) as error:
        raise InputError(f"{name}: cannot be read ({error!s:.200})") from error
    if not isinstance(held, Mapping):
        raise InputError(f"{name}: expected a mapping with boxes, got {type(held).__name__}")
    return held


def _members(content: bytes) -> dict[str, Any]:
    """Read the arrays of numbers in a file of .npz, which may hold objects beside them."""
    found = {}
    with np.load(streams.BytesIO(content), allow_pickle=False) as members:
        for key in members.files:
            with contextlib.suppress(ValueError):
                found[key] = members[key]
    return found


def _unpickled(content: bytes) -> Any:
    return _ArraysAlone(streams.BytesIO(content)).load()


class _ArraysAlone(pickle.Unpickler):
    """A reader of pickles that makes arrays, numbers and text, and runs nothing else of what a file may ask for."""

    _ALLOWED = frozenset(
        (f"{module}.{inner}", name)
        for module in ("numpy.core", "numpy._core")
        for inner, name in (
            ("multiarray", "_reconstruct"),
            ("multiarray", "scalar"),
            ("numeric", "_frombuffer"),
        )
    ) | {("numpy", "ndarray"), ("numpy", "dtype"), ("_codecs", "encode")}

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in self._ALLOWED:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, which is no array")
        return super().find_class(module, name)
