"""Label maps whose labels are instances: all of them together, or those of each structure that is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from fastseg.errors import InputError
from fastseg.inputs.arrays import Array
from fastseg.inputs.structures import Structure
from fastseg.measures.instance_table import InstanceTable
from fastseg.measures.joint_histogram import Counts, JointHistogram
from fastseg.protocols.framework.label_pair import LabelPair

#: what all instances are together, where no labels tell it
ALL_INSTANCES = "instances"


class InstanceMaps(NamedTuple):
    """The instances of a structure in both maps.

    Attributes
    ----------
    structure : Structure
        Its labels are those of the instances.
    reference, prediction : ndarray
        Ids of instances, 0 elsewhere.
    histogram : JointHistogram
        Of the two.
    """

    structure: Structure
    reference: Array
    prediction: Array
    histogram: JointHistogram

    @property
    def table(self) -> InstanceTable:
        """The sparse table of the instances."""
        return InstanceTable.of(self.histogram)

    @property
    def counts(self) -> Counts:
        """Voxels in an instance of both maps, of the prediction alone, of the reference alone, and of neither."""
        inside = self.histogram.reference_labels != 0, self.histogram.prediction_labels != 0
        voxels = self.histogram.counts
        tp, fp, fn = (
            int(voxels[pairs].sum())
            for pairs in (inside[0] & inside[1], ~inside[0] & inside[1], inside[0] & ~inside[1])
        )
        return Counts(tp, fp, fn, self.histogram.total - tp - fp - fn)


def instance_maps(pair: LabelPair) -> Iterator[InstanceMaps]:
    """Give the instances of both maps: every label but 0 is one, or those of each structure that was asked for.

    Raises
    ------
    InputError
        For numbers below 0, which are no instances' in any of the scripts.
    """
    for name, side in zip(("reference", "prediction"), pair.histogram.sides, strict=True):
        if (lowest := int(side.labels[0])) < 0:
            raise InputError(
                f"{name}: expected numbers of instances, and 0 for the background, got {lowest}; renumber them"
            )
    if pair.given is None:
        of_sides = [
            tuple(label for label in side.labels.tolist() if label) for side in pair.histogram.sides
        ]
        structure = Structure(ALL_INSTANCES, 1, of_sides[0], of_sides[1])
        yield InstanceMaps(structure, pair.reference, pair.prediction, pair.histogram)
        return
    for structure in pair.given:
        first = _only(pair.reference, structure.reference)
        second = _only(pair.prediction, structure.prediction)
        yield InstanceMaps(structure, first, second, pair.joint_histogram(first, second))


def _only(labels: Array, wanted: tuple[int, ...]) -> Array:
    return np.where(np.isin(labels, np.array(wanted)), labels, labels.dtype.type(0))


def at_threshold(structure: Structure, threshold: float, only: bool) -> Structure:
    """Name what is scored at one of several thresholds: ``instances@0.75``."""
    return structure if only else structure._replace(name=f"{structure.name}@{threshold:g}")
