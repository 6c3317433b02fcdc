"""Where surfaces lie apart, as an image for viewers, and where the largest distance of each structure is."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import DTypeLike, NDArray

from fastseg import io
from fastseg.errors import InputError
from fastseg.inputs.arrays import Spacing
from fastseg.inputs.choices import did_you_mean, unknown
from fastseg.inputs.structures import Label, label_text
from fastseg.measures.distance_maps import DIRECTIONS, Direction, MappedRegion, paint
from fastseg.results.display import NOTHING
from fastseg.results.files import encodable
from fastseg.results.table import text_table
from fastseg.threads import lazy

Floats = NDArray[np.float64]

BOTH = "both"
#: what :meth:`DistanceMap.save` writes one of
IMAGES = (BOTH, *DIRECTIONS)


@dataclass(frozen=True)
class LargestDistance:
    """The largest distance between the two surfaces of a structure, and where it is.

    Attributes
    ----------
    distance : float
        The Hausdorff distance, in the units of the spacing; inf where one of both has no such structure.
    direction : {"prediction_to_reference", "reference_to_prediction"}
        On which surface it begins: the first named.
    index : tuple of int
        The voxel there, along the axes of the arrays. Of several equally far ones that nearest to their middle.
    position : tuple of float, or None
        Its centre in mm: x to the right, y to the front, z to the head (RAS+); None where no orientation is known.
    too_far : bool
        Whether the prediction goes beyond the reference there, or falls short of it.
    """

    distance: float
    direction: Direction
    index: tuple[int, ...]
    position: tuple[float, float, float] | None
    too_far: bool


@dataclass(frozen=True, eq=False)
class MappedStructure:
    """The distances of one structure.

    Attributes
    ----------
    name : str
    label : int or tuple of int
    region : MappedRegion or None
        None where neither map has it.
    """

    name: str
    label: Label
    region: MappedRegion | None


@dataclass(frozen=True, eq=False)
class DistanceMap:
    """Signed distances on the surfaces of two label maps.

    Positive where the prediction goes beyond the reference, negative where it falls short: on the prediction's surface
    outside and inside the reference, on the reference's surface inside and outside the prediction.

    Attributes
    ----------
    structures : tuple of MappedStructure
        Each with the surface voxels of either map and their distances.
    shape : tuple of int
        Of the images, along the axes of the maps.
    spacing : tuple of float
    grid : Grid or None
        Where the voxels lie.
    unit : str
        Of distances: "mm", or "voxels" where no voxel size was known.
    background : float
        What stands where there is no surface: 0 or nan.
    order : {"C", "F"}
        In which order images lie in memory.
    overlap : bool
        Whether structures share labels.
    like : path or image, or None
        The one that says where the voxels lie.
    sources : tuple of path or image
        What was compared; no file of these is replaced.
    """

    structures: tuple[MappedStructure, ...]
    shape: tuple[int, ...]
    spacing: Spacing
    grid: io.Grid | None
    unit: str
    background: float
    order: Literal["C", "F"]
    overlap: bool
    like: Any = None
    sources: tuple[Any, ...] = ()

    @lazy
    def prediction_to_reference(self) -> Floats:
        """An image of the prediction's surface: how far the reference's is from each voxel of it."""
        return self._image("prediction_to_reference", np.dtype(np.float64), math.inf)

    @lazy
    def reference_to_prediction(self) -> Floats:
        """An image of the reference's surface: how far the prediction's is from each voxel of it."""
        return self._image("reference_to_prediction", np.dtype(np.float64), math.inf)

    @lazy
    def both(self) -> Floats:
        """Both in one image; where a voxel has several distances, of two structures say, the largest."""
        return self._image(BOTH, np.dtype(np.float64), math.inf)

    @lazy
    def largest(self) -> dict[str, LargestDistance | None]:
        """The largest distance of each structure by its name; None where neither map has it. It needs no image."""
        return {one.name: self._largest(one) for one in self.structures}

    def __getitem__(self, structure: str | int) -> LargestDistance | None:
        """Give the largest distance of a structure, by its name or label."""
        for one in self.structures:
            if structure in (one.name, one.label):
                return self.largest[one.name]
        known = [one.name for one in self.structures]
        raise KeyError(f"no structure {structure!r:.80}; {did_you_mean(structure, known)}")

    def save(
        self,
        path: str | os.PathLike[str],
        direction: Direction | Literal["both"] = "both",
        dtype: DTypeLike = np.float32,
    ) -> None:
        """Write one of the images to a file that lies where the reference does, for ITK-SNAP, 3D Slicer and the like.

        Parameters
        ----------
        path : str or path-like
            As :func:`fastseg.write_image` takes it.
        direction : {"both", "prediction_to_reference", "reference_to_prediction"}
        dtype : {float32, float64}
            float32 takes half the room; float64 has every bit.

        Raises
        ------
        TypeError, ValueError, OSError
            As :func:`fastseg.write_image`.

        Notes
        -----
        Viewers cannot scale what is infinite: where a structure is missing on one side, the length of the image's
        diagonal stands for its distance.
        """
        if direction not in IMAGES:
            raise unknown("direction", direction, IMAGES)
        wanted = np.dtype(dtype)
        if wanted not in (np.dtype(np.float32), np.dtype(np.float64)):
            raise InputError(f"dtype: expected float32 or float64, got {wanted}")
        io.check_written_path(path, *self.sources)
        io.write_image(path, self._image(direction, wanted, self.diagonal), self._place())

    @property
    def diagonal(self) -> float:
        """How far the corners of the image lie apart."""
        return math.hypot(
            *(n * size for n, size in zip(self.shape, self.spacing, strict=True) if n > 1)
        )

    def __str__(self) -> str:
        """Write the largest distances as a table."""
        if not self.structures:
            return NOTHING
        header = ("name", "label", f"hd ({self.unit})", "prediction", "voxel", "x y z (mm, RAS+)")
        lines = []
        for one in self.structures:
            found = self.largest[one.name]
            cells = ["–"] * 4
            if found is not None:
                side = "too far" if found.too_far else "falls short"
                at = found.position
                cells = [
                    f"{found.distance:.4g}",
                    side if found.distance else "equal",
                    ", ".join(map(str, found.index)),
                    "–" if at is None else ", ".join(f"{along:.1f}" for along in at),
                ]
            lines.append([encodable(one.name), label_text(one.label), *cells])
        return text_table(header, lines, left=("name", "prediction"))

    __repr__ = __str__

    def to_rows(self) -> list[dict[str, Any]]:
        """Give the largest distance of each structure as a row of a table."""
        rows = []
        for one in self.structures:
            found = self.largest[one.name]
            row: dict[str, Any] = {"name": one.name, "label": one.label}
            rows.append(row | ({} if found is None else asdict(found)))
        return rows

    def _largest(self, structure: MappedStructure) -> LargestDistance | None:
        found = None if structure.region is None else structure.region.farthest(self.spacing)
        if found is None:
            return None
        direction, one = found
        return LargestDistance(
            one.distance, direction, one.place, self._position(one.place), one.too_far
        )

    def _position(self, place: Sequence[int]) -> tuple[float, float, float] | None:
        if self.grid is None or self.grid.affine is None:
            return None
        index = [*place, *[0] * (3 - len(place)), 1]
        x, y, z = (float(at) for at in (self.grid.affine @ index)[:3])
        return x, y, z

    def _image(self, direction: str, dtype: np.dtype[Any], unreachable: float) -> NDArray[Any]:
        """Paint an image, smaller distances first where structures overlap."""
        if self.background == 0:  # takes memory only where there are surfaces
            image = np.zeros(self.shape, dtype, self.order)
        else:
            image = np.full(self.shape, self.background, dtype, self.order)
        names = [name for name in DIRECTIONS if direction in (BOTH, name)]
        regions = [one.region for one in self.structures if one.region is not None]
        for name in names:
            # structures that share no labels have no voxel of a surface in common, and both surfaces of one only 0
            alone = not self.overlap and (name == names[0] or len(regions) == 1)
            for region in regions:
                paint(image, region.side(name), unreachable, alone)
        return image

    def _place(self) -> Any:
        """Say what a file is like: the reference itself, if it lies where the maps were compared."""
        if self.like is not None and self.grid is not None:
            own = io.grid_of(self.like)
            if own is not None and io.is_one_grid(own, self.grid):
                return self.like
        if self.grid is None:
            return io.Grid(self.shape, self.spacing, None)
        return self.grid
