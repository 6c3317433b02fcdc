"""What a protocol gets of a case: two label maps as arrays, and what can be measured of them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fastseg import dispatch
from fastseg.backends.protocol import Backend
from fastseg.inputs.arrays import Array, Spacing, as_spacing, check_same_shape, matched
from fastseg.inputs.source import Source, whole_map
from fastseg.inputs.structures import Label, Structure
from fastseg.measures.joint_histogram import Counts, JointHistogram
from fastseg.measures.regions import Measured, Region, Request
from fastseg.protocols.framework.protocol import Axes
from fastseg.results.instance import Instance
from fastseg.results.rows import Level, Row
from fastseg.threads import lazy

# What protocols are made of.
_OPERATIONS = ("joint_histogram", "connected_components", "surface_distributions")


@dataclass(frozen=True, eq=False)
class LabelPair:
    """Two label maps of one shape, in the order of axes of the protocol's script.

    Attributes
    ----------
    case : str
    reference, prediction : ndarray
        Labels, of one dtype and one memory order, C or Fortran.
    spacing : tuple of float
        Voxel size along each axis.
    given : tuple of Structure, or None
        What was asked for; None for all labels.
    backend : Backend
        For arrays in CPU memory.
    is_image : bool
        Whether a side lies on a grid, as files and images do, rather than being a plain array.
    """

    case: str
    reference: Array
    prediction: Array
    spacing: Spacing
    given: tuple[Structure, ...] | None
    backend: Backend
    is_image: bool = False

    @classmethod
    def of(
        cls,
        reference: Source,
        prediction: Source,
        *,
        case: str = "",
        spacing: float | Spacing | None = None,
        structures: tuple[Structure, ...] | None = None,
        axes: Axes = "xyz",
        backend: str | None = None,
    ) -> LabelPair:
        """Bring two sources into memory and into the order of axes that a script has.

        Raises
        ------
        InputError, InputTypeError
            For maps of different shapes, and for arrays on a GPU.
        """
        maps = [whole_map(reference, "protocols"), whole_map(prediction, "protocols")]
        check_same_shape(*maps)
        own = reference.spacing if reference.spacing is not None else prediction.spacing
        steps = as_spacing(own if spacing is None else spacing, maps[0].ndim)
        is_image = reference.grid is not None or prediction.grid is not None
        if is_image and axes == "zyx":
            maps, steps = [labels.T for labels in maps], steps[::-1]
        chosen = dispatch.choose(_OPERATIONS, maps[0].ndim, backend)
        return cls(case, *matched(*maps), steps, structures, chosen, is_image)

    @property
    def ndim(self) -> int:
        """How many axes the maps have."""
        return int(self.reference.ndim)

    @property
    def shape(self) -> tuple[int, ...]:
        """Voxels along each axis."""
        shape: tuple[int, ...] = self.reference.shape
        return shape

    @property
    def diagonal(self) -> float:
        """The diagonal of the image, in the units of the spacing: number of voxels times voxel size along each axis."""
        return math.hypot(
            *(size * step for size, step in zip(self.shape, self.spacing, strict=True))
        )

    @property
    def voxel_volume(self) -> float:
        """Volume of a voxel, in the units of the spacing."""
        return math.prod(self.spacing)

    @lazy
    def histogram(self) -> JointHistogram:
        """How often each pair of labels occurs, and in which box."""
        return self.joint_histogram(self.reference, self.prediction)

    @lazy
    def labels(self) -> tuple[Structure, ...]:
        """What to evaluate: what was asked for, or every label of either map but 0."""
        if self.given is not None:
            return self.given
        return tuple(Structure.of(str(label), label) for label in self.histogram.labels if label)

    def joint_histogram(self, reference: Array, prediction: Array) -> JointHistogram:
        """Count the pairs of labels of any two maps of one shape: of parts of these, or of their components."""
        return self.backend.operations.joint_histogram(*matched(reference, prediction))

    def measure(
        self,
        reference: Array,
        prediction: Array,
        regions: Sequence[Region],
        request: Request,
    ) -> list[Measured]:
        """Measure regions of any two maps of one shape; see :class:`fastseg.backends.protocol.Operations`."""
        if not regions:
            return []
        return self.backend.operations.measure(*matched(reference, prediction), regions, request)

    def row(
        self,
        structure: Structure,
        values: Mapping[str, float],
        *,
        counts: Counts | None = None,
        level: Level = "structure",
        reference_label: Label | None = None,
        prediction_label: Label | None = None,
        instance: Instance | None = None,
    ) -> Row:
        """Make a row of the table.

        Parameters
        ----------
        structure : Structure
            What it is about; of an instance, what it is one of.
        values : mapping
            From names of scores to numbers.
        counts : Counts, optional
            Of voxels; those of the structure unless given.
        level : {"structure", "instance"}
        reference_label, prediction_label : int, tuple of int or None
            The ids of an instance; a structure has its own.
        instance : Instance, optional
        """
        if counts is None:
            counts = self.histogram.pair_counts(structure.reference, structure.prediction)
        if level == "structure":
            reference_label = structure.label
            prediction_label = structure.label
            if structure.reference != structure.prediction:
                one = structure.prediction
                prediction_label = one[0] if len(one) == 1 else one
        return Row(
            self.case,
            structure.label,
            structure.name,
            reference_label,
            prediction_label,
            {name: float(value) for name, value in values.items()},
            counts,
            self.voxel_volume,
            counts.empty,
            "",
            level,
            instance=instance,
        )
