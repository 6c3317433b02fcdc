"""The surface distances of all structures of a case as columns, of whatever kind each is."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from fastseg.measures.distributions import SurfaceReductions
from fastseg.measures.many_distributions import ManyDistributions, OneOfMany, Segments

Floats = NDArray[np.float64]


class Surfaces:
    """Elements and distances of both surfaces of each structure, (n, 2): of the reference, and of the prediction.

    Elements count the same whatever their areas. What was not measured, or has no surface, is nan.
    """

    def __init__(
        self,
        n: int,
        parts: Sequence[tuple[NDArray[np.intp], Segments, NDArray[np.intp]]],
        all_distances: bool,
    ) -> None:
        self._n, self._parts, self._all_distances = n, parts, all_distances

    @classmethod
    def of(
        cls, measured: Sequence[SurfaceReductions | None], all_distances: bool = True
    ) -> Surfaces:
        """Put what was measured of each structure side by side; `all_distances` tells whether far ones are known."""
        homes: dict[int, tuple[ManyDistributions, list[int], list[int]]] = {}
        alone: list[int] = []
        for row, found in enumerate(measured):
            if isinstance(found, OneOfMany):
                many, place = found.home
                _, rows, places = homes.setdefault(id(many), (many, [], []))
                rows.append(row)
                places.append(place)
            elif found is not None and all(len(side.counts) for side in found.distributions):
                alone.append(row)
        parts: list[tuple[NDArray[np.intp], Segments, NDArray[np.intp]]] = [
            (np.array(rows, np.intp), many.segments, np.array(places, np.intp))
            for many, rows, places in homes.values()
        ]
        if alone:
            sides = [side for row in alone for side in measured[row].distributions]  # type: ignore[union-attr]
            parts.append((np.array(alone, np.intp), Segments.of(sides), np.arange(len(alone))))
        return cls(len(measured), parts, all_distances)

    def _column(self, take: Callable[[Segments], NDArray[np.generic]]) -> Floats:
        found = np.full((self._n, 2), np.nan)
        for rows, segments, places in self._parts:
            found[rows] = take(segments).reshape(-1, 2)[places]
        return found

    @property
    def measured(self) -> NDArray[np.bool_]:
        """Whose surfaces were measured, (n,)."""
        found = np.zeros(self._n, bool)
        for rows, _, _ in self._parts:
            found[rows] = True
        return found

    @property
    def elements(self) -> Floats:
        """How many elements each surface has."""
        return self._column(lambda segments: segments.totals)

    def percentile(self, percentile: float) -> Floats:
        """Give a percentile of the distances from each surface to the other one; nan unless all are known."""
        if not self._all_distances:
            return np.full((self._n, 2), np.nan)
        with np.errstate(invalid="ignore"):  # between infinite ones there is none
            return self._column(lambda segments: segments.percentile(percentile))
