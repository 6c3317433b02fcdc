"""What a backend is: an entry in the list of them, and the operations that its module offers.

A module is a backend if it has the functions of :class:`Operations`, with these names and parameters; mypy compares
all of them with it in :mod:`fastseg.dispatch`. Arrays lie in the backend's own memory, have one shape and, where there
are two, one dtype and one memory order, C or Fortran: callers have seen to that.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, cast

import numpy as np
from numpy.typing import DTypeLike, NDArray

from fastseg.inputs.arrays import Array, Spacing
from fastseg.inputs.device import memory_of, to_memory
from fastseg.measures.joint_histogram import JointHistogram
from fastseg.measures.regions import Measured, Region, Request
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
    """

    name: str
    module: str
    install: str
    memory: str = "cpu"

    @lazy
    def operations(self) -> Operations:
        """Its functions; an ImportError if the module cannot be imported here."""
        return cast(Operations, importlib.import_module(self.module))

    def placed(self, *arrays: Array) -> list[Array]:
        """Bring arrays into the backend's memory, copying those that lie elsewhere."""
        return [to_memory(array, self.memory) for array in arrays]

    def returned(self, result: Any, like: Array) -> Any:
        """Bring a result of the backend into the memory that the input came in."""
        return to_memory(result, memory_of(like))
