"""What a backend is: an entry in the list of them, and the operations that its module offers.

A module is a backend if it has the functions of :class:`Operations`, with these names and parameters; mypy compares
all of them with it in :mod:`fastseg.dispatch`. Arrays lie in the backend's own memory, have one shape and, where there
are two, one dtype and one memory order, C or Fortran: callers have seen to that.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, cast

import numpy as np
from numpy.typing import DTypeLike, NDArray

from fastseg.backends.shared.offsets import Floats, Words
from fastseg.backends.shared.packed import Near, PackedPair, Places, Range
from fastseg.inputs.arrays import Array, Box, Spacing
from fastseg.inputs.device import memory_of, to_memory
from fastseg.measures.component_pairs import ComponentPair
from fastseg.measures.components import RegionComponents
from fastseg.measures.distributions import Distribution
from fastseg.measures.joint_histogram import JointHistogram
from fastseg.measures.label_sides import LabelBoxes
from fastseg.measures.overlap import Overlap
from fastseg.measures.probability_bins import Cuts, Moments
from fastseg.measures.regions import LabelRegion, Measured, Region, Request
from fastseg.measures.surface_distances import Boundary, SurfaceDistances
from fastseg.threads import lazy


class Operations(Protocol):
    """The functions of a backend's module."""

    def unsupported(self, operation: str, ndim: int) -> str | None:
        """Say why an operation is not offered for arrays of so many axes; None if it is.

        It is asked about functions of this protocol and, in place of ``measure``, about measurements, by their names.
        """

    def joint_histogram(self, reference: Any, prediction: Any) -> JointHistogram:
        """Count the pairs of labels of two label maps."""

    def measure(
        self, reference: Any, prediction: Any, regions: Sequence[Region], request: Request
    ) -> list[Measured]:
        """Measure all that is requested of every region that both maps have.

        Which regions are measured one by one, side by side or together is for the backend to decide.

        Returns
        -------
        list of mapping
            For each region, in their order, what was measured by the measurement's name, of the class that
            :data:`fastseg.metrics.MEASUREMENTS` says.
        """

    def surface(self, mask: Any, connectivity: int, edge: str) -> Any:
        """Find the surface voxels of a bool array, as a bool array."""

    def surface_distances(
        self,
        reference: Any,
        prediction: Any,
        region: Region,
        spacing: Spacing,
        boundary: Boundary,
    ) -> SurfaceDistances:
        """Measure every surface element's distance to the other surface; the two maps may differ in dtype."""

    def distance_transform_edt(
        self, foreground: Any, spacing: Spacing, indices: bool, dtype: DTypeLike
    ) -> tuple[Any, NDArray[np.int32] | None]:
        """Transform a bool or uint8 array: distances, and indices of the nearest background or None."""

    def connected_components(
        self, labels: Any, connectivity: int, dtype: np.dtype[Any]
    ) -> tuple[Any, int]:
        """Number the components of a bool array, or of each label of a label map, and tell how many there are."""

    def region_components(
        self, regions: Sequence[LabelRegion], connectivity: int
    ) -> Sequence[RegionComponents]:
        """Find the components of regions of maps of one shape, type and memory order, those of each in its box."""

    def position_sums(
        self, labels: Any, boxes: LabelBoxes | None = None
    ) -> tuple[Any, NDArray[np.int64]]:
        """Find each label but 0, ascending, and add up the positions of its voxels along the axes, (n, ndim).

        Where boxes of all of them are known they may save to read the map.
        """

    def voronoi_regions(
        self,
        instances: Any,
        spacing: Spacing,
        first_voxel: bool,
        at: tuple[NDArray[np.int64], ...] | None,
    ) -> Any:
        """Give each voxel of a map of numbers of at least 0, some above, the number of the nearest instance.

        Of equally near ones it is the lowest number, or with `first_voxel` that of the nearest voxel that comes first
        in Fortran order. Distances are compared as float64 has them, which is without a rounding where spacings are
        whole numbers: :func:`fastseg.backends.shared.exactness.comparable_steps`. With coordinates `at` which it is
        asked, along each axis, it is given of these voxels alone, in their order.
        """

    def skeletonize(self, mask: Any, all_faces: bool) -> Any:
        """Thin a bool array of two or three axes, in their order: :func:`fastseg.skeletonize`.

        Voxels are taken from the sides along the last two axes, and with `all_faces` from above and below too.
        """

    def component_pair(
        self, reference: Any, prediction: Any, connectivity: int, region: Region | None = None
    ) -> ComponentPair:
        """Find the components of two bool arrays, or of each label of two label maps, beside each other.

        Those of the masks that a region's labels make, where one is given; its box means nothing.
        """

    def components_beside(
        self, reference: RegionComponents, prediction: RegionComponents
    ) -> ComponentPair:
        """Take components that :meth:`region_components` found in one box, with one connectivity, as a pair."""

    def probability_moments(
        self, probabilities: Any, labels: Any, class_of_label: NDArray[np.int64], cuts: Cuts
    ) -> Moments:
        """Count the voxels of each fine bin of probabilities, and sum up where they lie in it.

        Parameters
        ----------
        probabilities : float32 array (n,)
        labels : uint8 array (n,)
        class_of_label : int64 ndarray (256,)
            What a label stands for: 0 outside of the structure, 1 in it, 2 is left out.
        cuts : Cuts
            Where bins are split.
        """

    def signed_rank_sums(
        self, differences: NDArray[np.float64], weights: NDArray[np.uint16]
    ) -> NDArray[np.int64]:
        """Rank the sizes of differences in bootstrap samples, as Wilcoxon's test does.

        Parameters
        ----------
        differences : float64 ndarray (n_pairs, n_cases)
            Of two algorithms each; zero and nan are left out.
        weights : uint16 ndarray (n_samples, n_cases)
            How often each case is in each sample.

        Returns
        -------
        int64 ndarray (3, n_pairs, n_samples)
            Twice the sum of the ranks of positive differences, how many differences there are, and the sum of t³ - t
            over how many each size occurs.
        """


class PackedOperations(Protocol):
    """What a backend does with masks as bits, for label maps that are never whole in memory."""

    @property
    def BYTES_PER_VOXEL(self) -> float:  # noqa: N802 - a constant of a module
        """How many bytes `near`, `nearest` and `band_overlap` take for each voxel of a window."""

    def pack(self, labels: Any, wanted: tuple[int, ...], box: Box, reverse: bool) -> Words:
        """Pack the voxels of a box that have one of some labels, along the axes of the volume."""

    def components(
        self, words: Words, width: int, connectivity: int, reverse: bool
    ) -> RegionComponents:
        """Find the components of a packed mask of three axes, whose rows are `width` voxels long."""

    def dilated(self, words: Words, width: int, iterations: int) -> Words:
        """Dilate a packed mask of three axes by faces and edges, so often."""

    def measure(self, pair: PackedPair, tolerance: float, request: Request) -> Measured:
        """Measure a structure whose whole box is there."""

    def distributions(
        self,
        pair: PackedPair,
        codes: tuple[NDArray[np.uint8], NDArray[np.uint8]],
        areas: Floats,
        spacing: Spacing,
    ) -> tuple[Distribution, Distribution]:
        """Count the distances between two packed sets of surface elements, both ways; inf where one is empty.

        Parameters
        ----------
        pair : PackedPair
            Both sets, as if they were masks.
        codes : pair of uint8 ndarray
            For each element in memory order, which of the ascending `areas` it has.
        """

    def near(
        self,
        pair: PackedPair,
        core: tuple[Range, Range],
        spacing: Spacing,
        boundary: Boundary,
        most: int,
    ) -> tuple[tuple[Words, Words], Iterator[Near]]:
        """Search both ways for the surface elements of a core of voxels, as far as its window tells.

        Returns
        -------
        pair of uint64 ndarray
            The core's surface elements, of the reference and of the prediction.
        iterator of Near
            For all of these elements, about `most` at a time.
        """

    def nearest(
        self,
        pair: PackedPair,
        queries: tuple[Places, Places],
        spacing: Spacing,
        boundary: Boundary,
    ) -> tuple[Floats, Floats]:
        """Measure from positions to the nearest surface element that the window tells of; inf if it tells of none.

        Parameters
        ----------
        queries : pair of integer ndarray (n, 3)
            Within the rows of the window, but not always in its slices and rows: to the prediction, to the reference.

        Returns
        -------
        pair of float64 ndarray (n,)
            Squared distances.
        """

    def band_overlap(
        self, pair: PackedPair, core: tuple[Range, Range], spacing: Spacing, width: float
    ) -> Overlap | None:
        """Count the voxels of both bands in a core, from which the window leads farther than the width.

        None where there are better ways for bands so wide.
        """


@dataclass(frozen=True)
class Backend:
    """One entry of the list of backends.

    Attributes
    ----------
    name : str
    module : str
        Full name of the module that has its :class:`Operations`; imported when it is first needed.
    install : str
        How to get what it needs.
    memory : {"cpu", "cuda"}
        Where its arrays lie.
    packed_module : str or None
        Full name of the module that has its :class:`PackedOperations`, if it has any.
    """

    name: str
    module: str
    install: str
    memory: str = "cpu"
    packed_module: str | None = None

    @lazy
    def operations(self) -> Operations:
        """Its functions; an ImportError if the module cannot be imported here."""
        return cast(Operations, importlib.import_module(self.module))

    @lazy
    def packed(self) -> PackedOperations | None:
        """What it does with packed masks; None if it takes none."""
        if self.packed_module is None:
            return None
        return cast(PackedOperations, importlib.import_module(self.packed_module))

    def placed(self, *arrays: Array) -> list[Array]:
        """Bring arrays into the backend's memory, copying those that lie elsewhere."""
        return [to_memory(array, self.memory) for array in arrays]

    def returned(self, result: Any, like: Array) -> Any:
        """Bring a result of the backend into the memory that the input came in."""
        return to_memory(result, memory_of(like))
