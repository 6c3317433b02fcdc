"""Scripts that know no labels: they take the map as it is, unless structures are asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from fastseg.inputs.arrays import Array, Box
from fastseg.inputs.structures import Structure
from fastseg.protocols.framework.label_pair import LabelPair
from fastseg.results.rows import Row


class Maps(NamedTuple):
    """Both maps as a script gets them, and under which name.

    Attributes
    ----------
    structure : Structure
        All labels that occur, or what was asked for.
    reference, prediction : ndarray
        Labels as they are, or a structure's voxels as 1.
    """

    structure: Structure
    reference: Array
    prediction: Array


def whole_maps(pair: LabelPair, name: str) -> Iterator[Maps]:
    """Give what a script is run on: both maps with all their labels, or one pair of masks for each structure."""
    if pair.given is None:
        found = tuple(label for label in pair.histogram.labels if label)
        label = found if len(found) > 1 else (*found, 1)[0]
        yield Maps(Structure.of(name, label), pair.reference, pair.prediction)
        return
    for structure in pair.given:
        masks = [
            np.isin(labels, np.array(wanted)).astype(np.uint8)
            for labels, wanted in (
                (pair.reference, structure.reference),
                (pair.prediction, structure.prediction),
            )
        ]
        yield Maps(structure, *masks)


def cropped(pair: LabelPair, maps: Maps, margin: int = 1) -> tuple[Maps, tuple[int, ...]]:
    """Cut both maps to the box of all that is in either, with a margin inside the image; tell where the box begins."""
    box: Box | None = pair.histogram.box(maps.structure.reference, maps.structure.prediction)
    if box is None:
        box = (slice(0, 1),) * pair.ndim
    cut = tuple(
        slice(max(0, side.start - margin), min(size, side.stop + margin))
        for side, size in zip(box, pair.shape, strict=True)
    )
    parts = Maps(maps.structure, maps.reference[cut], maps.prediction[cut])
    return parts, tuple(side.start for side in cut)


def by_structure(rows: Sequence[Row]) -> dict[str, dict[str, list[float]]]:
    """Gather the values of a cohort: of each structure and score, in the order of the rows."""
    found: dict[str, dict[str, list[float]]] = {}
    for row in rows:
        scores = found.setdefault(row.name, {})
        for score, value in row.values_by_metric.items():
            scores.setdefault(score, []).append(value)
    return found


def named(structure: str, score: str, only: bool) -> str:
    """Name a score of a cohort: by the organiser's name alone where there is but one structure."""
    return score if only else f"{structure}/{score}"
