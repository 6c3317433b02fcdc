"""Drop-in for SimpleITK's ``LabelOverlapMeasuresImageFilter``, ``HausdorffDistanceImageFilter`` and votes of raters.

The classes derive from SimpleITK's and give the same values; what else a filter has (commands, progress, threads) is
there and not used. Overlap measures equal ITK's to the bit, also where they are undefined: a quotient by 0 is the
largest double (1.8e308). The false positive error, FP / (FP + TN), is what the installed ITK makes of it. ITK 5.4 asks
whether the source holds the label at all, not whether it divides by 0 (repaired in ITK's main branch): of a label that
the source lacks it gives the largest double, where the formula has 0, and of one that fills both images nan.

ITK's Hausdorff distance goes from all voxels of one mask to the nearest of the other, not between surfaces, with the
images' spacing; it computes in float32, where distances here are exact, so they agree to 1e-6 of their size. A label
that is in neither image gives 0 without ITK's warning, and labels may be NumPy's integers.

``STAPLE``, ``MultiLabelSTAPLE``, ``LabelVoting`` and their filters go over the patterns of votes, not over the voxels:
STAPLE's probabilities, sensitivities and specificities agree to 1e-10, as sums are made in another order; labels are
the same, also where votes tie, which ITK 5.4's MultiLabelSTAPLE counts in a place beyond the end of a row. With a
largest label that fills the pixel type (255 of uint8) that loops for ever; here undecided pixels are 0 then.

Left to SimpleITK: images that do not share size, pixel type and place exactly, empty masks, pixels that are not plain
numbers, anything but two or three axes; STAPLE where it has nan, no iterations, and labels from 4096 on.
"""

from __future__ import annotations

import functools
import math
import operator
import sys
from collections.abc import Callable
from typing import Any

import SimpleITK as sitk  # noqa: N813 - as everybody calls it

from fastseg import dispatch
from fastseg.compat._support.patching import Host, Patch, rest_of
from fastseg.compat._support.sitk_images import plain_arrays
from fastseg.compat._support.sitk_votes import (
    STAPLE,
    LabelVoting,
    LabelVotingImageFilter,
    MultiLabelSTAPLE,
    MultiLabelSTAPLEImageFilter,
    STAPLEImageFilter,
)
from fastseg.compat._support.volumetric import directed_distances
from fastseg.inputs.arrays import Array
from fastseg.measures.joint_histogram import Counts, JointHistogram

__all__ = [
    "STAPLE",
    "HausdorffDistanceImageFilter",
    "LabelOverlapMeasuresImageFilter",
    "LabelVoting",
    "LabelVotingImageFilter",
    "MultiLabelSTAPLE",
    "MultiLabelSTAPLEImageFilter",
    "STAPLEImageFilter",
]

__getattr__ = rest_of("SimpleITK")

_UNDEFINED = sys.float_info.max  # what ITK gives for a quotient by 0

_HOST: Any = sitk.LabelOverlapMeasuresImageFilter  # SimpleITK's own, also while it is patched


class LabelOverlapMeasuresImageFilter(sitk.LabelOverlapMeasuresImageFilter):
    """Overlap of the labels of two images, as ``SimpleITK.LabelOverlapMeasuresImageFilter``.

    The source is the prediction, the target the reference. Getters take a label, or none for all labels but 0 together.

    Examples
    --------
    >>> import numpy as np, SimpleITK
    >>> from fastseg.compat.simpleitk import LabelOverlapMeasuresImageFilter
    >>> overlap = LabelOverlapMeasuresImageFilter()
    >>> overlap.Execute(*(SimpleITK.GetImageFromArray(np.array([row], np.uint8)) for row in ([0, 1, 1], [1, 1, 1])))
    >>> overlap.GetDiceCoefficient(1), overlap.GetVolumeSimilarity()
    (0.8, -0.4)
    """

    _histogram: JointHistogram | None = None

    def Execute(self, sourceImage: Any, targetImage: Any) -> None:  # noqa: N802, N803
        """Count, in one read of both images."""
        self._histogram = None
        arrays = _arrays(sourceImage, targetImage)
        if arrays is None or arrays[0].dtype.kind not in "iu":
            host: Any = super()
            host.Execute(sourceImage, targetImage)
            return
        backend = dispatch.choose("joint_histogram", arrays[0].ndim)
        source, target = arrays
        self._histogram = backend.operations.joint_histogram(target, source)

    def _measure(self, name: str, label: tuple[int, ...]) -> float:
        """Apply a formula to the counts of a label, or to their sums over all labels but 0."""
        if self._histogram is None:  # SimpleITK has counted, or nobody
            value: float = getattr(super(), name)(*label)
            return value
        found = self._histogram.labels
        wanted = [_as_label(label)] if label else [one for one in found if one]
        if label and wanted[0] not in found:
            return 0.0
        counts = [self._histogram.pair_counts([one]) for one in wanted]
        sums = Counts(*(sum(each[i] for each in counts) for i in range(4)))
        if name == "GetFalsePositiveError" and label and _asks_for_the_source():
            return _false_positive_error(sums)
        return _FORMULAS[name](sums)

    def GetDiceCoefficient(self, *label: int) -> float:  # noqa: N802
        """2 TP / (2 TP + FP + FN)."""
        return self._measure("GetDiceCoefficient", label)

    def GetMeanOverlap(self, *label: int) -> float:  # noqa: N802
        """The Dice coefficient."""
        return self._measure("GetDiceCoefficient", label)

    def GetJaccardCoefficient(self, *label: int) -> float:  # noqa: N802
        """TP / (TP + FP + FN)."""
        return self._measure("GetJaccardCoefficient", label)

    def GetUnionOverlap(self, *label: int) -> float:  # noqa: N802
        """The Jaccard coefficient."""
        return self._measure("GetJaccardCoefficient", label)

    def GetVolumeSimilarity(self, *label: int) -> float:  # noqa: N802
        """2 (FP − FN) / (2 TP + FP + FN): negative where the source is smaller."""
        return self._measure("GetVolumeSimilarity", label)

    def GetFalseNegativeError(self, *label: int) -> float:  # noqa: N802
        """FN / (TP + FN)."""
        return self._measure("GetFalseNegativeError", label)

    def GetFalsePositiveError(self, *label: int) -> float:  # noqa: N802
        """FP / (FP + TN); of a label that the source lacks, ITK 5.4's largest double."""
        return self._measure("GetFalsePositiveError", label)

    def GetFalseDiscoveryRate(self, *label: int) -> float:  # noqa: N802
        """FP / (TP + FP)."""
        return self._measure("GetFalseDiscoveryRate", label)


def _as_label(label: tuple[Any, ...]) -> int:
    """Read the one label that a getter takes, a whole number; SimpleITK raises a TypeError for anything else."""
    try:
        [number] = (operator.index(one) for one in label)
        if -(1 << 63) <= number < 1 << 63:
            return number
    except (TypeError, ValueError):
        pass
    raise TypeError(
        "Wrong number or type of arguments for overloaded function; expected one label, a whole number, "
        f"got {', '.join(map(repr, label))[:200]}"
    )


@functools.cache
def _asks_for_the_source() -> bool:
    """Tell whether this ITK's false positive error of a label is undefined where the source lacks it, as in 5.4."""
    overlap = _HOST()
    source, target = sitk.Image(2, 1, sitk.sitkUInt8), sitk.Image(2, 1, sitk.sitkUInt8)
    target[0, 0] = 1
    overlap.Execute(source, target)
    return bool(overlap.GetFalsePositiveError(1) == _UNDEFINED)


def _false_positive_error(n: Counts) -> float:
    """As ITK 5.4 has it for one label: it looks at the source's size, then divides by whatever there is."""
    if not n.prediction:
        return _UNDEFINED
    return n.fp / (n.fp + n.tn) if n.fp + n.tn else math.nan


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else _UNDEFINED


def _jaccard(n: Counts) -> float:
    return _ratio(n.tp, n.tp + n.fp + n.fn)


def _dice(n: Counts) -> float:
    """From the Jaccard coefficient, as ITK has it: without any voxel this is inf."""
    return 2.0 * _jaccard(n) / (1.0 + _jaccard(n))


_FORMULAS: dict[str, Callable[[Counts], float]] = {
    "GetDiceCoefficient": _dice,
    "GetJaccardCoefficient": _jaccard,
    "GetVolumeSimilarity": lambda n: _ratio(2.0 * (n.fp - n.fn), 2 * n.tp + n.fp + n.fn),
    "GetFalseNegativeError": lambda n: _ratio(n.fn, n.tp + n.fn),
    "GetFalsePositiveError": lambda n: _ratio(n.fp, n.fp + n.tn),
    "GetFalseDiscoveryRate": lambda n: _ratio(n.fp, n.tp + n.fp),
}


class HausdorffDistanceImageFilter(sitk.HausdorffDistanceImageFilter):
    """Hausdorff distance between all nonzero voxels, as ``SimpleITK.HausdorffDistanceImageFilter``.

    Examples
    --------
    >>> import numpy as np, SimpleITK
    >>> from fastseg.compat.simpleitk import HausdorffDistanceImageFilter
    >>> distance = HausdorffDistanceImageFilter()
    >>> distance.Execute(*(SimpleITK.GetImageFromArray(np.array([row])) for row in ([1, 0, 0], [1, 0, 1])))
    >>> distance.GetHausdorffDistance(), distance.GetAverageHausdorffDistance()
    (2.0, 0.5)
    """

    _found: tuple[float, float] | None = None

    def Execute(self, image1: Any, image2: Any) -> None:  # noqa: N802
        """Measure in the units of the images' spacing."""
        self._found = None
        arrays = _arrays(image1, image2)
        if arrays is None or not (arrays[0].any() and arrays[1].any()):
            host: Any = super()
            host.Execute(image1, image2)
            return
        spacing = image1.GetSpacing()[::-1]
        directions = directed_distances(arrays[0] != 0, arrays[1] != 0, spacing)
        means = [float(distances.mean()) for distances in directions]
        self._found = max(float(distances.max()) for distances in directions), sum(means) / 2

    def GetHausdorffDistance(self) -> float:  # noqa: N802
        """The largest distance of a voxel of either image to the other."""
        host: Any = super()
        return float(host.GetHausdorffDistance() if self._found is None else self._found[0])

    def GetAverageHausdorffDistance(self) -> float:  # noqa: N802
        """The mean of the two directions' mean distances."""
        host: Any = super()
        return float(host.GetAverageHausdorffDistance() if self._found is None else self._found[1])


def _arrays(first: Any, second: Any) -> tuple[Array, Array] | None:
    """Views of two images' voxels, None unless both are plain and lie in the same place."""
    arrays = plain_arrays([first, second])
    return None if arrays is None else (arrays[0], arrays[1])


PATCHES = Host(
    distribution="SimpleITK",
    since="2.4",
    until="2.6",
    rows=tuple(
        Patch(module, drop_in.__name__, drop_in)
        for module in ("SimpleITK", "SimpleITK.SimpleITK")
        for drop_in in (
            HausdorffDistanceImageFilter,
            LabelOverlapMeasuresImageFilter,
            LabelVoting,
            LabelVotingImageFilter,
            MultiLabelSTAPLE,
            MultiLabelSTAPLEImageFilter,
            STAPLE,
            STAPLEImageFilter,
        )
    ),
)
