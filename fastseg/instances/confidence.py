"""How sure a prediction is of its instances: numbers by their ids, or what probabilities are within them."""

from __future__ import annotations

import functools
import os
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from fastseg import io
from fastseg.errors import InputError, InputTypeError, InputWarning
from fastseg.inputs.arrays import as_array
from fastseg.inputs.choices import did_you_mean, unknown
from fastseg.inputs.device import check_in_cpu_memory
from fastseg.inputs.scalars import as_number
from fastseg.inputs.source import Source
from fastseg.instances.case_instances import CaseInstances
from fastseg.instances.structure_instances import StructureInstances
from fastseg.io.image import Opened
from fastseg.io.objects import as_opened
from fastseg.io.same_grid import aligned

Floats = NDArray[np.float64]

#: how an instance's confidence is made of the probabilities of its voxels
OfVoxels = Literal["max", "mean"]
OF_VOXELS: tuple[OfVoxels, ...] = ("max", "mean")


def image_of_case(place: str, case: str) -> Path:
    """Find the image at some place: that of a case, where it is a folder of them.

    Raises
    ------
    InputError
        If the folder has no image of the case's name, or several.
    """
    path = Path(place)
    if not path.is_dir() or io.is_image_folder(path):
        return path
    name = path / case
    beside: Mapping[str, list[Path]] = {}
    if name.parent.is_dir():
        beside = _images_by_stem(name.parent, name.parent.stat().st_mtime_ns)
    found = beside.get(name.name, [])
    if len(found) != 1:
        have = f"{len(found)} images" if found else "no image"
        raise InputError(f"confidence: {have} of the case {case!r:.200} in {place}")
    return found[0]


@functools.lru_cache(maxsize=8)
def _images_by_stem(folder: Path, modified: int) -> Mapping[str, list[Path]]:
    """List a folder once for all its cases, as long as it is not modified."""
    found: dict[str, list[Path]] = {}
    for path in folder.iterdir():
        found.setdefault(io.image_stem(path), []).append(path)
    return found


class Confidences:
    """What was given as ``confidence=``, checked as far as this is possible without the maps.

    Parameters
    ----------
    given : mapping, array_like, path or image, or None
        Ids to numbers, or names of structures to these; or probabilities of voxels.
    of_voxels : {"max", "mean"}
    """

    def __init__(self, given: Any, of_voxels: OfVoxels = "max") -> None:
        self._of_voxels = as_of_voxels(of_voxels)
        self._by_id: dict[int, float] | None = None
        self._by_name: dict[str, dict[int, float]] | None = None
        self._voxels: NDArray[Any] | None = None
        self._image: Opened | None = None
        if isinstance(given, Mapping):
            if given and all(isinstance(value, Mapping) for value in given.values()):
                self._by_name = {str(name): _by_id(part) for name, part in given.items()}
            else:
                self._by_id = _by_id(given)
        elif isinstance(given, (str, os.PathLike)):
            self._image = io.open_image(given)
        elif given is not None:
            self._image = as_opened(given, "confidence")
            if self._image is None:
                self._voxels = _probabilities(given)

    @classmethod
    def of_case(cls, place: str, case: str, of_voxels: OfVoxels) -> Confidences:
        """Take the image at some place, see :func:`image_of_case`."""
        return cls(image_of_case(place, case), of_voxels)

    def __bool__(self) -> bool:
        known = (self._by_id, self._by_name, self._voxels, self._image)
        return any(one is not None for one in known)

    def check(self, reference: Source, rules: io.GridRules, names: list[str]) -> None:
        """Raise unless they fit the maps and the structures; an image is read, and brought into their order of axes."""
        if self._image is not None:
            how = aligned(reference, self._image, rules)
            if how.reference is not None:
                raise InputError(
                    f"confidence: {self._image.name} does not lie on the grid of the label maps: resample it"
                )
            for note in how.notes:
                warnings.warn(note, InputWarning, stacklevel=4)
            array = _probabilities(self._image.read().array)
            self._voxels = array if how.prediction is None else how.prediction.applied(array)
        shape = reference.shape
        if self._voxels is not None and self._voxels.shape != shape:
            raise InputError(
                f"confidence: expected probabilities of the maps' shape {shape}, got {self._voxels.shape}"
            )
        for name in self._by_name or ():
            if name not in names:
                raise InputError(
                    f"confidence: no structure is called {name!r}; {did_you_mean(name, names)}"
                )

    def of_all(self, found: CaseInstances, plane: tuple[int, ...]) -> Floats:
        """Give the confidence of each predicted instance of a case; nan where none was given.

        `plane` is the shape of the maps as they are measured, without axes of one entry.
        """
        if not self or not found.structures:
            return np.full(len(found.table.prediction), np.nan)
        if self._voxels is None:
            return np.concatenate([self._of_ids(one) for one in found.structures])
        voxels = self._voxels.reshape(plane)
        return np.concatenate([self._of_voxels_of(one, voxels) for one in found.structures])

    def _of_ids(self, instances: StructureInstances) -> Floats:
        """Look the instances of a structure up."""
        numbers = self._by_id or {}
        if self._by_name is not None:
            numbers = self._by_name.get(instances.structure.name, {})
        ids = instances.sides[1].ids.tolist()
        missing = [one for one in ids if one not in numbers]
        if missing:
            raise InputError(
                f"confidence: none given for the predicted instance {missing[0]} of {instances.structure.name!r}"
                + (f" and {len(missing) - 1} more of them" if len(missing) > 1 else "")
            )
        return np.array([numbers[one] for one in ids], np.float64)

    def _of_voxels_of(self, instances: StructureInstances, probabilities: NDArray[Any]) -> Floats:
        """Join the probabilities of the voxels of each instance, in C order."""
        numbers = instances.prediction_numbers
        inside = numbers != 0
        values = probabilities[instances.box][inside].astype(np.float64)
        if np.isnan(values).any():
            raise InputError("confidence: the probabilities of predicted voxels hold NaN")
        own = numbers[inside]
        order = np.argsort(own, kind="stable")
        _, first = np.unique(own[order], return_index=True)
        if not len(first):
            return np.empty(0)
        if self._of_voxels == "max":
            return np.maximum.reduceat(values[order], first)
        sums: Floats = np.add.reduceat(values[order], first)
        return sums / instances.table.prediction.sizes


def _by_id(given: Mapping[Any, Any]) -> dict[int, float]:
    found = {}
    for key, value in given.items():
        if isinstance(key, (bool, str)) or not hasattr(key, "__index__"):
            raise InputTypeError(
                f"confidence: expected ids of predicted instances, got {key!r:.80}"
            )
        number = as_number(value, f"confidence[{key!r}]")
        if number != number:
            raise InputError(f"confidence[{key!r}]: expected a number, got nan")
        found[int(key)] = number
    return found


def _probabilities(given: Any) -> NDArray[Any]:
    check_in_cpu_memory(given, "confidence", "instances")
    return as_array(given, "confidence")


def as_of_voxels(of_voxels: str) -> OfVoxels:
    """Check how confidences are made of probabilities."""
    for known in OF_VOXELS:
        if of_voxels == known:
            return known
    raise unknown("confidence_of", of_voxels, OF_VOXELS)
