"""What is given as probabilities: arrays or files, with channels or without, of probabilities or of logits."""

from __future__ import annotations

import os
import warnings
import zipfile
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from fastseg import io
from fastseg.errors import InputError, InputTypeError, InputWarning
from fastseg.inputs.arrays import as_array
from fastseg.inputs.choices import unknown
from fastseg.inputs.device import check_in_cpu_memory
from fastseg.inputs.scalars import as_whole_number, shown
from fastseg.inputs.source import Source
from fastseg.io.objects import as_opened
from fastseg.io.same_grid import aligned

#: where the axis of channels is
ChannelAxis = Literal["first", "last"] | int
#: what makes probabilities of the numbers given; none, or chosen by the number of channels
Logits = bool | Literal["sigmoid", "softmax"]

# Voxels that are made probabilities at once.
_AT_ONCE = 1 << 20
_SHORT = (np.float16, np.float32)


class Maps:
    """The probabilities of all voxels, of one map or of several channels.

    Attributes
    ----------
    channels : int or None
        None for one map that has no axis of channels.
    dtype : dtype
        Of what was given: float16, float32 or float64.
    """

    def __init__(self, parts: list[NDArray[Any]], has_axis: bool, logits: Logits) -> None:
        self._parts = parts
        self.channels = len(parts) if has_axis else None
        self.dtype = np.result_type(*{part.dtype for part in parts})
        self.shape: tuple[int, ...] = parts[0].shape
        self.logits = as_logits(logits, len(parts))
        self._logsum: NDArray[np.float64] | None = None
        first = parts[0]
        self.order: Literal["C", "F"] = (
            "F" if first.flags.f_contiguous and not first.flags.c_contiguous else "C"
        )

    @classmethod
    def of(
        cls,
        given: Any,
        reference: Source,
        rules: io.GridRules,
        channel_axis: ChannelAxis,
        logits: Logits,
    ) -> Maps:
        """Open what was given and see that it fits the reference.

        Raises
        ------
        InputError, InputTypeError
            For another shape, an axis that is not there, and what are no floats.
        """
        several = isinstance(given, Sequence) and not isinstance(given, (str, bytes))
        if several and given and all(isinstance(one, (str, os.PathLike)) for one in given):
            parts = [_as_floats(_opened(one, reference, rules)) for one in given]
            _check_shapes(parts, reference.shape)
            return cls(parts, True, logits)
        array = _as_floats(_opened(given, reference, rules))
        shape = reference.shape
        if array.shape == shape:
            return cls([array], False, logits)
        axis = _as_axis(channel_axis, array, shape)
        parts = [np.asarray(part) for part in np.moveaxis(array, axis, 0)]
        _check_shapes(parts, shape)
        return cls(parts, True, logits)

    def of_channels(self, channels: tuple[int, ...]) -> NDArray[Any]:
        """Give the probability of some channels together, (n,), in `order`: float32, or float64 if that was given."""
        numbers = [self._parts[one].ravel(self.order) for one in channels]
        plain = not self.logits and len(numbers) == 1
        if plain:
            return numbers[0] if numbers[0].dtype != np.float16 else numbers[0].astype(np.float32)
        dtype = np.float32 if self.dtype in _SHORT else np.float64
        found = np.empty(numbers[0].size, dtype)
        for start in range(0, found.size, _AT_ONCE):
            part = slice(start, start + _AT_ONCE)
            sums = sum(self._probabilities(one[part], part) for one in numbers)
            if len(numbers) > 1:  # roundings may make it more
                sums = np.where((sums > 1) & (sums < 1 + 1e-3 * len(numbers)), 1.0, sums)
            found[part] = sums
        return found

    def _probabilities(self, numbers: NDArray[Any], part: slice) -> Any:
        numbers = numbers.astype(np.float64)
        if not self.logits:
            return numbers
        with np.errstate(over="ignore", under="ignore", invalid="ignore"):
            if self.logits == "sigmoid":
                small = np.exp(-np.abs(numbers))
                return np.where(numbers >= 0, 1.0, small) / (1 + small)
            return np.exp(numbers - self._log_sums()[part])

    def _log_sums(self) -> NDArray[np.float64]:
        """The logarithm of the sum of the exponentials of all channels."""
        if self._logsum is None:
            numbers = [one.ravel(self.order) for one in self._parts]
            self._logsum = np.empty(numbers[0].size)
            for start in range(0, len(self._logsum), _AT_ONCE):
                part = slice(start, start + _AT_ONCE)
                stack = np.stack([one[part].astype(np.float64) for one in numbers])
                top = stack.max(axis=0)
                self._logsum[part] = top + np.log(np.exp(stack - top).sum(axis=0))
        return self._logsum


def as_logits(logits: Logits, channels: int) -> Literal["", "sigmoid", "softmax"]:
    """Check what makes probabilities of numbers; True is a softmax over several channels, and else a sigmoid."""
    if isinstance(logits, str):
        if logits not in ("sigmoid", "softmax"):
            raise unknown("logits", logits, ("sigmoid", "softmax", False, True))
        if logits == "softmax" and channels < 2:
            raise InputError("logits: a softmax needs several channels; pass logits='sigmoid'")
        return logits
    if not logits:
        return ""
    return "softmax" if channels > 1 else "sigmoid"


def _opened(given: Any, reference: Source, rules: io.GridRules) -> Any:
    """Read an image, in the reference's order of axes where both have a grid; an array is what it is."""
    if isinstance(given, (str, os.PathLike)):
        if _is_of_nnunet(given):
            # (channels, z, y, x), whatever reader nnU-Net was given; images with a grid are read as (x, y, z)
            array = io.open_image(given).read().array
            return array if reference.grid is None else np.moveaxis(array.T, -1, 0)
        image = io.open_image(given)
    else:
        opened = as_opened(given, "probabilities")
        if opened is None:
            return given
        image = opened
    array = image.read().array
    if image.grid is None or image.shape != reference.shape:
        return array
    how = aligned(reference, image, rules)
    if how.reference is not None:
        raise InputError(
            f"probabilities: {image.name} does not lie on the grid of the reference: resample it"
        )
    for note in how.notes:
        warnings.warn(note, InputWarning, stacklevel=5)
    return array if how.prediction is None else how.prediction.applied(array)


def _is_of_nnunet(path: str | os.PathLike[str]) -> bool:
    """Tell whether a file holds what nnU-Net writes: one array of this name, or of that of its first version."""
    if not os.fspath(path).lower().endswith(".npz"):
        return False
    try:
        with zipfile.ZipFile(path) as archive:
            names = [name.removesuffix(".npy") for name in archive.namelist()]
    except (OSError, zipfile.BadZipFile):
        return False  # which is told where it is read
    return names in (["probabilities"], ["softmax"])


def _as_floats(given: Any) -> NDArray[Any]:
    check_in_cpu_memory(given, "probabilities", "probabilities")
    array = as_array(given, "probabilities")
    if array.dtype.kind != "f":
        raise InputTypeError(
            f"probabilities: expected floats from 0 to 1, got dtype {array.dtype}; label maps are for "
            "fastseg.evaluate, and 8-bit maps are divided by 255 first"
        )
    if array.dtype.itemsize > 8:
        raise InputTypeError(
            f"probabilities: expected float16, float32 or float64, got {array.dtype}; convert it (astype)"
        )
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def _as_axis(axis: ChannelAxis, array: NDArray[Any], shape: tuple[int, ...]) -> int:
    if array.ndim != len(shape) + 1:
        raise InputError(
            f"probabilities: expected the reference's shape {shape}, or one axis of channels more, got {array.shape}"
        )
    if isinstance(axis, str):
        if axis not in ("first", "last"):
            raise unknown("channel_axis", axis, ("first", "last"))
        return 0 if axis == "first" else array.ndim - 1
    number = as_whole_number(axis, "channel_axis")
    if not -array.ndim <= number < array.ndim:
        raise InputError(
            f"channel_axis: expected 'first', 'last' or an axis of {array.shape}, got {shown(axis)}"
        )
    return number % array.ndim


def _check_shapes(parts: list[NDArray[Any]], shape: tuple[int, ...]) -> None:
    for part in parts:
        if part.shape != shape:
            raise InputError(
                f"probabilities: expected channels of the reference's shape {shape}, got {part.shape}; "
                "channel_axis= says which axis is that of channels"
            )
