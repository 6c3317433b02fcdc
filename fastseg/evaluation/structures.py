"""The structures of a case: which there are, how many voxels each has and where it lies."""

from __future__ import annotations

from collections.abc import Sequence

from fastseg.errors import InputError
from fastseg.evaluation.naming import named_structures
from fastseg.evaluation.settings import Settings
from fastseg.inputs.source import Source
from fastseg.inputs.structures import Structure
from fastseg.measures.joint_histogram import Counts, JointHistogram
from fastseg.measures.regions import ManyRegions, Region

# Up to so many structures a look-up each takes less time than array operations.
_FEW = 8


def structures_in(
    settings: Settings, histogram: JointHistogram, reference: Source, prediction: Source
) -> Sequence[Structure]:
    """List what to evaluate: by the names that a file has for its segments, or else by labels."""
    if reference.segments or prediction.segments:
        return named_structures(settings, histogram, reference, prediction)
    return structures_of(settings, histogram)


def structures_of(settings: Settings, histogram: JointHistogram) -> Sequence[Structure]:
    """List what to evaluate: what was asked for, or all that was found but the background."""
    if settings.structures is not None:
        return settings.structures
    if histogram.reference_labels.dtype == histogram.prediction_labels.dtype == bool:
        if settings.ignore_label == 1:
            raise InputError(
                "ignore_label: two bool masks have the one label 1, so that leaving it out leaves nothing"
            )
        return (Structure("1", 1, (1,), (1,)),)  # a pair of masks has a row even if both are empty
    found = []
    for label in histogram.labels:
        if label and label != settings.ignore_label:
            alone = (label,)
            found.append(Structure(str(label), label, alone, alone))
    return found


def counts_of(histogram: JointHistogram, structures: Sequence[Structure]) -> list[Counts]:
    """Count the voxels of each structure."""
    labels = _single_labels(structures)
    if labels is None:
        return [histogram.pair_counts(one.reference, one.prediction) for one in structures]
    tp, fp, fn = histogram.counts_of_each(labels)
    tn = histogram.total - tp - fp - fn
    return list(map(Counts, tp.tolist(), fp.tolist(), fn.tolist(), tn.tolist()))


def regions_of(
    histogram: JointHistogram, structures: Sequence[Structure], widths: Sequence[float]
) -> Sequence[Region]:
    """Make the regions that a backend measures, of structures that occur; each has a width of its band."""
    labels = _single_labels(structures)
    if labels is None:
        regions = []
        for one, width in zip(structures, widths, strict=True):
            sides = one.reference, one.prediction
            regions.append(Region(*sides, histogram.box(*sides), width))
        return regions
    sides_of_each = [(one.reference, one.prediction) for one in structures]
    reference, prediction = zip(*sides_of_each, strict=True)
    return ManyRegions(reference, prediction, *histogram.boxes_of_each(labels), widths)


def _single_labels(structures: Sequence[Structure]) -> list[int] | None:
    """Give the label of each of many structures; None where they are few, or one has other labels on either side."""
    if len(structures) <= _FEW:
        return None
    for one in structures:
        if len(one.reference) != 1 or one.reference != one.prediction:
            return None
    return [one.reference[0] for one in structures]
