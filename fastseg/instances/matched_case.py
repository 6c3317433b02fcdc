"""The instances of a case once they are matched, and what all its rows need."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from fastseg.evaluation.rows import options_of
from fastseg.instances.case_instances import CaseInstances
from fastseg.instances.partners import Floats, Partners
from fastseg.instances.settings import InstanceSettings
from fastseg.measures.matching import Matching
from fastseg.metrics import Options


class CaseFacts(NamedTuple):
    """What all rows of a case need.

    Attributes
    ----------
    case : str
    settings : InstanceSettings
    n_ignored : int
        Voxels that are ignored.
    diagonal, voxel_volume : float
        Of the image, and of a voxel.
    shape : tuple of int
        Of the maps as they were given; `axes` are those that they were measured along.
    tolerances, bands : sequence of float
        Of each structure: its tolerance, and the width of its boundary band.
    """

    case: str
    settings: InstanceSettings
    n_ignored: int
    diagonal: float
    voxel_volume: float
    shape: tuple[int, ...]
    axes: tuple[int, ...]
    tolerances: Sequence[float]
    bands: Sequence[float]

    def options(self) -> list[Options]:
        """Give the options of metrics for each structure."""
        return options_of(self.settings, self.tolerances, self.voxel_volume)


@dataclass(frozen=True, eq=False)
class MatchedCase:
    """The instances of a case once they are matched.

    Attributes
    ----------
    instances : CaseInstances
    matching : Matching
        Of all structures.
    partners : Partners
        Of all structures.
    confidences : float64 ndarray
        Of each predicted instance.
    """

    instances: CaseInstances
    matching: Matching
    partners: Partners
    confidences: Floats

    def places(self) -> Iterator[tuple[range, range]]:
        """Tell which rows of the partners are of each structure: those with a reference instance, and false ones."""
        first, second = self.instances.edges
        n = self.partners.n_references
        ends = (n + np.searchsorted(self.partners.false_rows, second)).tolist()
        for own, others in zip(itertools.pairwise(first), itertools.pairwise(ends), strict=True):
            yield range(*own), range(*others)
