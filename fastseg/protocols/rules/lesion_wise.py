"""Scores of each lesion of a reference: against all predicted lesions, whole, that lie where its dilation reaches."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import ndimage

from fastseg.inputs.arrays import Spacing
from fastseg.inputs.structures import Label
from fastseg.measures.distributions import SurfaceReductions
from fastseg.measures.regions import ManyRegions, Request
from fastseg.measures.surface_distances import Boundary
from fastseg.protocols.rules.lesions import Lesions, Numbers
from fastseg.results.instance import Instance

Pairs = dict[tuple[int, int], int]

# Possible pairs that are counted faster in a table than by sorting.
_FEW_PAIRS = 1 << 16


#: how often masks may be dilated, by the names of options; an image is filled sooner
DILATIONS = dict.fromkeys(("dilation", "wide_dilation", "consolidation"), (0.0, 1000.0))


@dataclass(frozen=True)
class Contacts:
    """Which predicted lesions each lesion of the reference touches once it is dilated, and how far they overlap.

    Attributes
    ----------
    touched : dict of int to list of int
        For each lesion of the reference, in the order of their numbers, the predicted ones, ascending.
    overlaps : dict of (int, int) to int
        Voxels of those pairs that share any.
    """

    touched: dict[int, list[int]]
    overlaps: Pairs

    @classmethod
    def between(cls, reference: Lesions, prediction: Lesions) -> Contacts:
        """Look at each predicted voxel for what reaches it.

        The dilations of lesions that were merged by them are the components of the dilated mask, so that none needs to
        be dilated by itself.
        """
        assert reference.reach is not None
        assert reference.lesion_of_reach is not None
        reached = reference.lesion_of_reach[reference.reach.numbers_at(prediction.positions)]
        inside = reference.labels.reshape(-1)[prediction.places].astype(np.int64)
        near = _counted(reached, prediction.numbers, prediction.count)
        return cls.of(reference, near, _counted(inside, prediction.numbers, prediction.count))

    @classmethod
    def one_by_one(cls, reference: Lesions, prediction: Lesions, dilation: int) -> Contacts:
        """Dilate each lesion by itself, in its box: where their dilations may overlap."""
        window = reference.window
        structure = ndimage.generate_binary_structure(3, 2)
        ends = [window.axes_xyz(side) for side in reference.boxes]  # and so in memory order
        near: Pairs = {}
        for lesion in reference.ids:
            box = tuple(
                slice(
                    max(0, int(ends[0][lesion, axis]) - dilation),
                    int(ends[1][lesion, axis]) + dilation,
                )
                for axis in range(3)
            )
            grown = reference.labels[box] == lesion
            if dilation:
                grown = ndimage.binary_dilation(grown, structure, iterations=dilation)
            touched = np.unique(prediction.labels[box][grown])
            near |= {(lesion, predicted): 1 for predicted in touched[touched > 0].tolist()}
        inside = reference.labels.reshape(-1)[prediction.places].astype(np.int64)
        return cls.of(reference, near, _counted(inside, prediction.numbers, prediction.count))

    @classmethod
    def of(cls, reference: Lesions, near: Pairs, overlaps: Pairs) -> Contacts:
        """Gather pairs by lesion."""
        touched: dict[int, list[int]] = {lesion: [] for lesion in reference.ids}
        for lesion, predicted in sorted(near):
            touched[lesion].append(predicted)
        return cls(touched, overlaps)

    def shared_out(self, sizes: Numbers) -> Contacts:
        """Give each predicted lesion to one lesion alone: with which it shares most voxels, the first of several.

        Parameters
        ----------
        sizes : int64 ndarray
            Of the lesions of the reference; where nothing is shared, the largest that is touched gets it.
        """
        owner: dict[int, tuple[int, int, int]] = {}
        for lesion, several in self.touched.items():
            for predicted in several:
                claim = self.overlaps.get((lesion, predicted), 0), int(sizes[lesion]), -lesion
                owner[predicted] = max(claim, owner.get(predicted, claim))
        touched = {
            lesion: [predicted for predicted in several if owner[predicted][2] == -lesion]
            for lesion, several in self.touched.items()
        }
        return Contacts(touched, self.overlaps)

    def overlap(self, lesion: int) -> int:
        """Count the voxels that a lesion shares with all that it touches."""
        return sum(self.overlaps.get((lesion, predicted), 0) for predicted in self.touched[lesion])

    def partner(
        self, reference: Lesions, prediction: Lesions, lesion: int, score: float
    ) -> dict[str, Any]:
        """Give what the row of a lesion says of its counterpart, and of where both lie."""
        several = self.touched[lesion]
        offset = [part.start for part in reference.window.box[::-1]]

        def box(side: Lesions, ids: list[int]) -> tuple[tuple[int, int], ...]:
            starts, stops = side.boxes[0][ids].min(axis=0), side.boxes[1][ids].max(axis=0)
            return tuple(
                (first + int(start), first + int(stop))
                for first, start, stop in zip(offset, starts, stops, strict=True)
            )

        label: Label | None = None
        if several:
            label = several[0] if len(several) == 1 else tuple(several)
        return {
            "prediction_label": label,
            "instance": Instance(
                score if several else math.nan,
                reference_box=box(reference, [lesion]),
                prediction_box=box(prediction, several) if several else None,
            ),
        }

    @property
    def used(self) -> set[int]:
        """The predicted lesions that are touched."""
        return {predicted for several in self.touched.values() for predicted in several}


def _counted(lesions: Numbers, predicted: Numbers, n_predicted: int) -> Pairs:
    """Count how often each pair occurs, without those of 0."""
    keep = lesions > 0
    keys = lesions[keep] * (n_predicted + 1) + predicted[keep]
    greatest = (int(lesions.max(initial=0)) + 1) * (n_predicted + 1)
    if greatest <= _FEW_PAIRS:
        of_each = np.bincount(keys, minlength=1)
        found = of_each.nonzero()[0]
        counts = of_each[found]
    else:
        found, counts = np.unique(keys, return_counts=True)
    first, second = np.divmod(found, n_predicted + 1)
    return dict(
        zip(zip(first.tolist(), second.tolist(), strict=True), counts.tolist(), strict=True)
    )


def dice(overlap: int, reference: int, prediction: int) -> float:
    """Give twice the overlap over the sum of both; 1 where there is neither."""
    total = reference + prediction
    return 2.0 * overlap / total if total else 1.0


def lesion_surfaces(
    reference: Lesions,
    prediction: Lesions,
    contacts: Contacts,
    spacing: Spacing,
    boundary: Boundary,
    furthest: float = math.inf,
) -> dict[int, SurfaceReductions]:
    """Measure between the surface of each lesion that touches any, and the surface of all that it touches."""
    pairs = [(lesion, several) for lesion, several in contacts.touched.items() if several]
    if not pairs:
        return {}
    window = reference.window
    starts, stops = (ends[[lesion for lesion, _ in pairs]] for ends in reference.boxes)
    for place, (_, several) in enumerate(pairs):
        starts[place] = np.minimum(starts[place], prediction.boxes[0][several].min(axis=0))
        stops[place] = np.maximum(stops[place], prediction.boxes[1][several].max(axis=0))
    regions = ManyRegions(
        [(lesion,) for lesion, _ in pairs],
        [tuple(several) for _, several in pairs],
        starts,
        stops,
        [0.0] * len(pairs),
    )
    request = Request(frozenset(("surface_distributions",)), spacing, boundary, furthest=furthest)
    maps = window.along_xyz(reference.labels), window.along_xyz(prediction.labels)
    found = window.pair.measure(*maps, regions, request)
    return {
        lesion: one["surface_distributions"] for (lesion, _), one in zip(pairs, found, strict=True)
    }


def nnunet_nsd(surfaces: SurfaceReductions, tolerance: float) -> float:
    """Give the normalised surface Dice of nnU-Net's first version: each surface counts the same, however large.

    To the bit: shares of the prediction's elements first, and 1e-8 below.
    """
    forward, backward = surfaces.distributions
    shares = []
    for one in (backward, forward):  # from the prediction, from the reference
        total = int(one.counts.sum())
        within = int(one.counts[one.distances <= tolerance].sum())
        shares.append((within / total, (total - within) / total))
    (tp_a, fp), (tp_b, fn) = shares
    return (tp_a + tp_b) / (tp_a + tp_b + fp + fn + 1e-8)


def mean_with_penalty(
    values: Sequence[float], n_false: int, penalty: float, nothing: float
) -> float:
    """Average over lesions and false positives, each of which counts as the penalty; `nothing` where there are neither.

    NumPy adds up, as pandas does.
    """
    n = len(values) + n_false
    if not n:
        return nothing
    return float((np.sum(np.array(values, np.float64)) + n_false * penalty) / n)
