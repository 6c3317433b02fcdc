"""The maps of several raters: opened, seen to lie on one grid, and read."""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fastseg import io, threads
from fastseg.errors import GridMismatchError, InputError, InputTypeError, InputWarning
from fastseg.inputs.arrays import Array, Spacing, as_label_map, as_spacing, check_same_shape
from fastseg.inputs.device import check_in_cpu_memory
from fastseg.inputs.scalars import shown
from fastseg.inputs.source import whole_map
from fastseg.io import PreparedPair


@dataclass(frozen=True)
class Maps:
    """Label maps of one shape in memory, the voxel size, what the maps are called, and the grid if they have one."""

    arrays: list[Array]
    spacing: Spacing
    names: list[str]
    grid: io.Grid | None = None


def as_maps(
    maps: Any,
    spacing: Any,
    prediction: Any = None,
    samples: Sequence[Any] = (),
    *,
    least: int = 2,
    rules: io.GridRules = io.GridRules(),  # noqa: B008 - frozen
) -> Maps:
    """Read the raters' maps, after them the prediction if there is one, and then its samples.

    Raises
    ------
    TypeError, ValueError
        For fewer than `least` maps, shapes or grids that differ, arrays on a GPU, and what is no label map.
    """
    values, names = _listed(maps)
    if len(values) < least:
        raise InputError(f"maps: expected at least {least}, a map a rater, got {len(values)}")
    if prediction is not None:
        values, names = [*values, prediction], [*names, "prediction"]
    values = [*values, *samples]
    names = [*names, *(f"sample {number}" for number in range(1, len(samples) + 1))]
    for value, name in zip(values, names, strict=True):
        check_in_cpu_memory(value, name, "raters")
    if all(isinstance(value, np.ndarray) for value in values):
        arrays = [as_label_map(value, name) for value, name in zip(values, names, strict=True)]
        grid, of_image = None, None
    else:
        arrays, grid, of_image = _read(values, names, rules)
    for name, array in zip(names[1:], arrays[1:], strict=True):
        _check(arrays[0], array, names[0], name)
    own = of_image if spacing is None else spacing
    return Maps(arrays, as_spacing(own, arrays[0].ndim), names, grid)


def _listed(maps: Any) -> tuple[list[Any], list[str]]:
    """Take a list of maps, or a mapping of raters' names to maps."""
    if isinstance(maps, dict):
        return list(maps.values()), [str(name) for name in maps]
    if isinstance(maps, (str, bytes, os.PathLike)) or not hasattr(maps, "__len__"):
        raise InputTypeError(
            f"maps: expected a list of label maps, or names and their maps, got {shown(maps)}"
        )
    values = list(maps)
    return values, [f"rater {number}" for number in range(1, len(values) + 1)]


def as_samples(samples: Any) -> list[Any]:
    """Take a list of maps of a model, none of it for None."""
    if samples is None:
        return []
    if isinstance(samples, (str, bytes, os.PathLike)) or not hasattr(samples, "__len__"):
        raise InputTypeError(f"samples: expected a list of label maps, got {shown(samples)}")
    if not len(samples):
        raise InputError("samples: expected at least one label map, got none")
    return list(samples)


def _read(
    values: Sequence[Any], names: Sequence[str], rules: io.GridRules
) -> tuple[list[Array], io.Grid | None, Spacing | None]:
    prepared = [
        _prepared(values[0], value, rules, (names[0], name))
        for value, name in zip(values[1:], names[1:], strict=True)
    ]
    for pair, name in zip(prepared, names[1:], strict=True):
        if not pair.reference_alone:
            raise GridMismatchError(
                f"{name}: covers more than {names[0]} does; give maps of one grid, or the largest of them first"
            )
    if not prepared:
        first = io.read_map(values[0], names[0])
        source = first.source
        return [whole_map(source, "raters")], source.grid, source.spacing
    reads = [prepared[0].reads[0], *(pair.reads[1] for pair in prepared)]
    found = threads.run(lambda read: read(), reads)
    notes = [note for pair in prepared for note in pair.notes]
    notes += [note for one in found for note in one.notes]
    for note in dict.fromkeys(notes):
        warnings.warn(note, InputWarning, stacklevel=4)
    source = found[0].source
    return [whole_map(one.source, "raters") for one in found], source.grid, source.spacing


def _prepared(first: Any, other: Any, rules: io.GridRules, names: tuple[str, str]) -> PreparedPair:
    try:
        return io.prepare_pair(first, other, rules, names)
    except GridMismatchError as error:  # neither of two raters is a reference
        told = re.sub(r"\b(reference|prediction) (?=\S)", "", str(error), count=2)
        raise GridMismatchError(told) from None


def _check(first: Array, other: Array, name: str, other_name: str) -> None:
    if first.shape != other.shape:
        try:
            check_same_shape(first, other)
        except InputError as error:
            told = str(error).replace("reference and prediction", f"{name} and {other_name}")
            raise InputError(told) from None
