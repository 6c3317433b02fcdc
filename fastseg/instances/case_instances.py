"""The instances of all structures of a case in one table: blocks of it share no pair, so all are matched at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fastseg.instances.components import Longs
from fastseg.instances.structure_instances import StructureInstances
from fastseg.measures.instance_table import Instances, InstanceTable
from fastseg.measures.matching import Matching
from fastseg.threads import lazy


@dataclass(frozen=True, eq=False)
class CaseInstances:
    """The instances of all structures, one structure after the other, with numbers from 1 as ids.

    Attributes
    ----------
    structures : sequence of StructureInstances
    ndim : int
    """

    structures: Sequence[StructureInstances]
    ndim: int

    @lazy
    def edges(self) -> tuple[list[int], list[int]]:
        """Where the instances of each structure begin, and where all end, of reference and prediction."""
        first, second = [0], [0]
        for one in self.structures:
            first.append(first[-1] + len(one.table.reference))
            second.append(second[-1] + len(one.table.prediction))
        return first, second

    def _joined(self, part: Callable[[StructureInstances], Any], width: int = 0) -> Longs:
        """Put one below the other what each structure has."""
        parts = [part(one) for one in self.structures]
        if not parts:
            return np.empty((0, width) if width else 0, np.int64)
        return np.concatenate(parts)

    def _side(self, side: str) -> Instances:
        sizes = self._joined(lambda one: getattr(one.table, side).sizes)
        return Instances(
            np.arange(1, len(sizes) + 1),
            sizes,
            self._joined(lambda one: getattr(one.table, side).starts, self.ndim),
            self._joined(lambda one: getattr(one.table, side).stops, self.ndim),
        )

    @lazy
    def table(self) -> InstanceTable:
        """All of them."""
        many = [len(one.table.overlaps) for one in self.structures]
        first, second = (np.repeat(np.array(of[:-1], np.int64), many) for of in self.edges)
        return InstanceTable(
            self._side("reference"),
            self._side("prediction"),
            self._joined(lambda one: one.table.reference_rows) + first,
            self._joined(lambda one: one.table.prediction_rows) + second,
            self._joined(lambda one: one.table.overlaps),
        )

    @lazy
    def sums(self) -> tuple[Longs, Longs]:
        """The positions of the voxels of each instance of either side, added up."""
        return (
            self._joined(lambda one: one.sums(0), self.ndim),
            self._joined(lambda one: one.sums(1), self.ndim),
        )

    @lazy
    def centers(self) -> Longs:
        """The reference instance, by its number, at the centroid of each prediction; 0 where there is none."""
        found = []
        for one, edge in zip(self.structures, self.edges[0], strict=False):
            rows = np.searchsorted(one.table.reference.ids, one.centers)
            found.append(np.where(one.centers != 0, rows + edge + 1, 0))
        return np.concatenate(found) if found else np.empty(0, np.int64)

    def parted(self, matching: Matching) -> list[Matching]:
        """Give each structure its part of a matching of all."""
        found = []
        ends = np.searchsorted(matching.reference_rows, self.edges[0]).tolist()
        for place, one in enumerate(self.structures):
            pairs = slice(ends[place], ends[place + 1])
            first, second = self.edges[0][place : place + 2], self.edges[1][place]
            found.append(
                Matching(
                    one.table,
                    matching.reference_rows[pairs] - first[0],
                    matching.prediction_rows[pairs] - second,
                    matching.scores[pairs],
                    matching.score,
                    matching.reference_scores[first[0] : first[1]],
                )
            )
        return found
