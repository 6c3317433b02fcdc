"""Which structures a file names by itself, and which labels nobody asked for."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence

from fastseg.errors import InputError, InputWarning
from fastseg.evaluation.settings import Settings
from fastseg.inputs.source import Source
from fastseg.inputs.structures import SIDES, Label, Structure
from fastseg.measures.joint_histogram import JointHistogram


def named_structures(
    settings: Settings, histogram: JointHistogram, reference: Source, prediction: Source
) -> Sequence[Structure]:
    """List what to evaluate where a file names its own segments.

    What was asked for by name is, on the side of such a file, the segment of this name. Where nothing was asked for,
    segments of one name belong together if both files name theirs; else labels do, under the names that there are.

    Raises
    ------
    InputError
        If the segments of a file overlap, and the other map has no names that say which they are.
    """
    sides = reference.segments, prediction.segments
    if settings.structures is not None:
        return [
            structure._replace(
                reference=sides[0].get(structure.name, structure.reference),
                prediction=sides[1].get(structure.name, structure.prediction),
            )
            for structure in settings.structures
        ]
    own_labels = reference.own_labels and prediction.own_labels
    if all(sides) and (not own_labels or set(sides[0]) & set(sides[1])):
        names = dict.fromkeys((*sides[0], *sides[1]))
        own = [
            side if source.own_labels else {}
            for side, source in zip(sides, (reference, prediction), strict=True)
        ]
        return [
            Structure(name, _label(own, name, place), *(side.get(name, ()) for side in sides))
            for place, name in enumerate(names, start=1)
        ]
    if not own_labels:
        source = reference if not reference.own_labels else prediction
        listed = ", ".join(map(repr, source.segments))
        raise InputError(
            f"{source.name}: its segments overlap, so that only their names tell them apart ({listed:.200}), and the "
            'other map has no names: say which label is which segment, as in labels={"liver": 1} (--labels)'
        )
    if all(sides):
        warnings.warn(
            f"{reference.name} and {prediction.name} call no segment the same: their labels are compared",
            InputWarning,
            stacklevel=5,
        )
    names_of = {
        labels[0]: name
        for side in (sides[1], sides[0])
        for name, labels in side.items()
        if len(labels) == 1
    }
    return [
        Structure.of(names_of.get(label, str(label)), label)
        for label in histogram.labels
        if label and label != settings.ignore_label
    ]


def _label(sides: Sequence[Mapping[str, tuple[int, ...]]], name: str, place: int) -> Label:
    """Give the label that stands for a segment in tables: the reference's, else the prediction's, else its place."""
    labels = sides[0].get(name) or sides[1].get(name) or (place,)
    return labels[0] if len(labels) == 1 else labels


def unlisted_labels(
    structures: Sequence[Structure], histogram: JointHistogram, ignored: int | None
) -> dict[str, dict[int, int]]:
    """Count, on either side, the voxels of labels that are in the map and in no structure."""
    found: dict[str, dict[int, int]] = {}
    for side in SIDES:
        sizes = histogram.sizes(side)
        for label in {0, ignored, *(label for one in structures for label in getattr(one, side))}:
            sizes.pop(label, None)
        if sizes:
            found[side] = sizes
    return found
