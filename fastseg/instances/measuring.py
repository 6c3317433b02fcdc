"""What is measured of matched pairs, and of structures as a whole: as few calls of the backend as there can be."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from fastseg import threads
from fastseg.evaluation.case import furthest_of, widths_of
from fastseg.inputs.arrays import Spacing
from fastseg.instances.matched_case import MatchedCase
from fastseg.instances.settings import InstanceSettings
from fastseg.instances.structure_instances import CaseMaps, StructureInstances, voxels_of
from fastseg.measures.regions import ManyRegions, Measured, Region, Request
from fastseg.metrics import Metric

# Voxels of a box that is worth the work of all threads: smaller ones are measured side by side.
_LARGE_BOX = 1 << 24
# What a voxel of a smaller one costs, on the scale of `threads.LEAST_COST`.
_COST_OF_A_VOXEL = 8


@dataclass(frozen=True)
class Measuring:
    """What a case is measured with.

    Attributes
    ----------
    case : CaseMaps
    settings : InstanceSettings
    spacing : tuple of float
    tolerances, bands : sequence of float
        Of each structure: its tolerance, and the width of its boundary band.
    """

    case: CaseMaps
    settings: InstanceSettings
    spacing: Spacing
    tolerances: Sequence[float]
    bands: Sequence[float]

    def _request(self, metrics: Iterable[Metric]) -> Request:
        """Ask for what some metrics are functions of."""
        measurements = self.settings.measured_of(metrics)
        of_distances = [m for m in metrics if m.measurement == "surface_distributions"]
        within = bool(of_distances) and all(metric.within_tolerance for metric in of_distances)
        furthest = furthest_of(self.tolerances) if within else math.inf
        return Request(measurements, self.spacing, self.settings.boundary, furthest=furthest)

    def pairs(self, found: MatchedCase) -> list[Measured]:
        """Measure every row of the partners that has both sides: labels of the maps as they are all at once."""
        request = self._request(self.settings.metrics)
        if not request.measurements or not len(found.matching.scores):
            return []
        structures = found.instances.structures
        widths = widths_of(self.bands, request.measurements)
        regions = _regions(found, widths)
        measured: list[Sequence[Measured]] = [[]] * len(structures)
        wanted = [place for place, own in enumerate(regions) if len(own)]
        if shared := [place for place in wanted if not structures[place].in_box]:
            joined = _joined([regions[place] for place in shared])
            answers = self.case.operations.measure(*self.case.maps, joined, request)
            first = 0
            for place in shared:
                stop = first + len(regions[place])
                measured[place] = answers[first:stop]
                first = stop
        boxes = [place for place in wanted if structures[place].in_box]
        sizes = {place: voxels_of(structures[place].box) for place in boxes}
        small = [place for place in boxes if sizes[place] < _LARGE_BOX]

        def measure(place: int) -> list[Measured]:
            return structures[place].pair.measure(regions[place], request)

        for place in boxes:
            if sizes[place] >= _LARGE_BOX:
                measured[place] = measure(place)
        cost = _COST_OF_A_VOXEL * sum(sizes[place] for place in small)
        for place, answer in zip(small, threads.run(measure, small, cost), strict=True):
            measured[place] = answer
        return [answer for answers in measured for answer in answers]

    def wholes(self, structures: Sequence[StructureInstances]) -> list[Measured]:
        """Measure every structure as a whole that both maps have."""
        request = self._request(self.settings.structure_metrics)
        wholes: list[Measured] = [{} for _ in structures]
        if not request.measurements:
            return wholes
        widths = widths_of(self.bands, request.measurements)
        places = [place for place, one in enumerate(structures) if not one.counts.empty]
        regions = [
            Region(one.structure.reference, one.structure.prediction, one.box, widths[place])
            for place, one in enumerate(structures)
            if not one.counts.empty
        ]
        if regions:
            answers = self.case.operations.measure(*self.case.maps, regions, request)
            for place, answer in zip(places, answers, strict=True):
                wholes[place] = answer
        return wholes


def _regions(found: MatchedCase, widths: Sequence[float]) -> list[ManyRegions]:
    """List the pairs of each structure, in the maps that hold their labels."""
    structures, (first, second) = found.instances.structures, found.instances.edges
    starts, stops = found.partners.pair_boxes
    regions = []
    place = 0
    for one, width, row, end, edge in zip(
        structures, widths, first, first[1:], second, strict=False
    ):
        references, predictions = [], []
        for labels, rows in zip(
            one.sides[0].labels, found.partners.predictions[row:end], strict=True
        ):
            if rows:
                references.append(labels)
                own = [one.sides[1].labels[prediction - edge] for prediction in rows]
                predictions.append(own[0] if len(own) == 1 else sum(own, ()))
        part = slice(place, place + len(references))
        place = part.stop
        regions.append(
            ManyRegions(
                references,
                predictions,
                starts[part] - one.start,
                stops[part] - one.start,
                [width] * len(references),
            )
        )
    return regions


def _joined(parts: Sequence[ManyRegions]) -> ManyRegions:
    """Make one list of several."""
    return ManyRegions(
        [labels for part in parts for labels in part.reference],
        [labels for part in parts for labels in part.prediction],
        np.concatenate([part.starts for part in parts]),
        np.concatenate([part.stops for part in parts]),
        [width for part in parts for width in part.tolerances],
    )
