"""Detection maps: floats that say, voxel by voxel, how sure a lesion is; candidates are their connected components."""

from __future__ import annotations

import os
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastseg import dispatch, io
from fastseg.backends.protocol import Backend
from fastseg.errors import InputError, InputWarning
from fastseg.inputs.arrays import Array, Box, Spacing, as_array, as_label_map, matched
from fastseg.inputs.device import check_in_cpu_memory
from fastseg.io.image import Image, Opened
from fastseg.io.objects import as_opened
from fastseg.io.same_grid import aligned
from fastseg.measures.joint_histogram import JointHistogram
from fastseg.protocols.framework.protocol import Axes

# What candidates are made of.
_OPERATIONS = ("joint_histogram", "connected_components")


@dataclass(frozen=True, eq=False)
class DetectionPair:
    """A label map of the reference and a detection map of the prediction, with the axes of a protocol's script.

    Attributes
    ----------
    case : str
    reference : ndarray of bool or integers
    detections : ndarray of floats, integers or bool
        None of them negative or nan. Its shape is the reference's, but for plain arrays, which may differ.
    spacing : tuple of float
        Voxel size along each axis.
    """

    case: str
    reference: Array
    detections: Array
    spacing: Spacing

    @classmethod
    def of(cls, reference: Any, prediction: Any, case: str, axes: Axes) -> DetectionPair:
        """Read both maps, see that they lie on one grid where they are images, and check their values.

        Parameters
        ----------
        reference, prediction : array_like, path or image
            A prediction of None is one that is missing: a map of zeros.
        case : str
        axes : {"xyz", "zyx"}
            The order in which images are handed over; plain arrays stay as they are.

        Raises
        ------
        GridMismatchError, InputError, InputTypeError, OSError
            For what cannot be read, for two grids, for values that are negative or nan, and for arrays on a GPU.
        """
        first = _opened(reference, "reference")
        second = first if prediction is None else _opened(prediction, "prediction")
        are_files = io.is_image_path(reference) or io.is_image_path(prediction)
        spacing: Spacing | None = None
        maps = [first.read().array, second.read().array]
        if prediction is None:
            maps[1] = np.zeros_like(maps[0])
        if are_files or first.grid is not None or second.grid is not None:
            alignment = aligned(first, second, io.GridRules(), are_files)
            for note in (*alignment.notes, *first.notes, *second.notes):
                warnings.warn(note, InputWarning, stacklevel=4)
            for side, how in enumerate((alignment.reference, alignment.prediction)):
                maps[side] = maps[side] if how is None else how.applied(maps[side])
            if alignment.grid is not None:
                spacing = alignment.grid.spacing
                if axes == "zyx":
                    maps, spacing = [one.T for one in maps], spacing[::-1]
        labels = as_label_map(maps[0], "reference")
        _check_confidences(maps[1])
        return cls(case, labels, maps[1], spacing or (1.0,) * labels.ndim)


def _opened(value: Any, name: str) -> Opened:
    """Open a file's header, or take what is in memory."""
    if isinstance(value, (str, os.PathLike)):
        return io.open_image(value)
    check_in_cpu_memory(value, name, "detections")
    opened = as_opened(value, name)
    return Image(as_array(value, name), None, name).opened() if opened is None else opened


def _check_confidences(detections: Array) -> None:
    lowest = detections.min()
    if not lowest >= 0:
        what = "is nan" if lowest != lowest else f"is {lowest}"
        raise InputError(
            f"prediction: the lowest confidence {what}; expected 0 for the background and more for candidates"
        )


@dataclass(frozen=True, eq=False)
class Candidates:
    """The connected components of a detection map.

    Attributes
    ----------
    components : int32 ndarray
        0 for the background, and 1 to `n` in the order in which first voxels come in C order.
    confidences : ndarray (n,) of the detection map's type
        The highest value of each.
    """

    components: NDArray[np.int32]
    confidences: Array

    @classmethod
    def of(cls, detections: Array, backend: Backend, *, by_value: bool = False) -> Candidates:
        """Find the candidates of a detection map; voxels that share a corner are connected.

        Parameters
        ----------
        detections : ndarray
        backend : Backend
        by_value : bool
            Whether voxels are connected only where their confidence is the same.

        Raises
        ------
        InputError
            Unless `by_value`: if it holds more different confidences than it has components, as a map of
            probabilities does.
        """
        mask = detections != 0
        values = detections[mask]
        sources: Array = mask
        if by_value:
            sources = np.zeros(detections.shape, np.int32)
            sources[mask] = np.unique(values, return_inverse=True)[1].reshape(-1) + 1
        components, count = connected(sources, backend)
        highest = np.zeros(count, detections.dtype)
        own = components[mask] - 1
        np.maximum.at(highest, own, values)
        if not by_value and (values != highest[own]).any():  # else there is one a component
            different = len(np.unique(values))
            if different > count:
                raise InputError(
                    f"prediction: {different} different confidences in {count} components: a map of probabilities; "
                    "give each candidate one confidence"
                )
        return cls(components, highest)


def occupied(first: Array, second: Array) -> Box:
    """Find the box of all that is not 0 in two maps of one shape, floats of which are not negative.

    Components are numbered within it as in the whole.
    """
    # largest values are found faster than comparisons are written, where none is negative
    maps = [one != 0 if one.dtype.kind == "i" else one for one in (first, second)]
    box: list[slice] = []
    for _ in range(first.ndim):  # the axes that were looked at are not looked through again
        others = tuple(range(1, maps[0].ndim))
        along = [np.maximum.reduce(one, axis=others) if others else one for one in maps]
        places = np.flatnonzero((along[0] != 0) | (along[1] != 0))
        box.append(slice(int(places[0]), int(places[-1]) + 1) if len(places) else slice(0, 1))
        maps = [np.maximum.reduce(one, axis=0) for one in maps]
    return tuple(box)


def connected(labels: Array, backend: Backend) -> tuple[NDArray[np.int32], int]:
    """Number the components of a mask, or of each label, of voxels that share a corner."""
    found, count = backend.operations.connected_components(labels, labels.ndim, np.dtype(np.int32))
    return found, count


def backend_for(ndim: int) -> Backend:
    """Choose the backend that finds and compares candidates."""
    return dispatch.choose(_OPERATIONS, ndim)


def overlaps(reference: Array, prediction: Array, backend: Backend) -> JointHistogram:
    """Count the voxels that components of either side share."""
    return backend.operations.joint_histogram(*matched(reference, prediction))
