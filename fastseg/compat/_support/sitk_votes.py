"""SimpleITK's filters over the label maps of several raters: STAPLE of masks and of labels, and voting.

Each filter derives from SimpleITK's, which holds its settings, and gives what was computed here in place of what it
would have computed; what it leaves to SimpleITK is computed there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import SimpleITK as sitk  # noqa: N813 - as everybody calls it
from numpy.typing import NDArray

from fastseg.compat._support.sitk_images import plain_arrays
from fastseg.inputs.arrays import Array
from fastseg.measures.vote_patterns import VotePatterns, painted, vote_patterns
from fastseg.raters.fusion import majority
from fastseg.raters.staple import MultiLabelStaple, Staple, multi_label_staple, staple

# SimpleITK's own, also while it is patched.
_STAPLE: Any = sitk.STAPLE
_MULTI_LABEL_STAPLE: Any = sitk.MultiLabelSTAPLE
_LABEL_VOTING: Any = sitk.LabelVoting

# What stands for "no such number" in SimpleITK's settings.
_NOT_SET = 2**64 - 1
_ANY_NUMBER = 2**32 - 1
# A square matrix of as many labels for each rater is not what anybody wants.
_MOST_LABELS = 1 << 12
# How near a voxel must be to the foreground's value, for ITK.
_EPSILON = 1e-10


class STAPLEImageFilter(sitk.STAPLEImageFilter):
    """Probability of a structure that several raters drew, as ``SimpleITK.STAPLEImageFilter``.

    Examples
    --------
    >>> import numpy as np, SimpleITK
    >>> from fastseg.compat.simpleitk import STAPLEImageFilter
    >>> masks = [SimpleITK.GetImageFromArray(np.array([row], np.uint8)) for row in ([0, 1, 1], [0, 1, 1], [0, 0, 1])]
    >>> staple = STAPLEImageFilter()
    >>> SimpleITK.GetArrayFromImage(staple.Execute(masks)).round(3).tolist()
    [[0.0, 1.0, 1.0]]
    >>> [round(one, 3) for one in staple.GetSensitivity()]
    [1.0, 1.0, 0.5]
    """

    _found: Staple | None = None

    def Execute(self, *images: Any) -> Any:  # noqa: N802
        """Estimate, from one read of all images."""
        self._found = None
        host: Any = super()
        given = _images(images)
        arrays = plain_arrays(given)
        steps = host.GetMaximumIterations()
        if arrays is not None and arrays[0].dtype.kind in "iu" and steps:
            foreground = host.GetForegroundValue()
            value = round(foreground) if abs(foreground) < 2**53 else 0
            label = value if abs(value - foreground) < _EPSILON else None
            patterns = vote_patterns(arrays)
            held = patterns.holds([] if label is None else [label])
            votes = patterns.votes_of(held)
            found = staple(
                votes, host.GetConfidenceWeight(), None if steps == _ANY_NUMBER else steps
            )
            if not found.undefined:
                self._found = found
                row = VotePatterns(votes.votes, votes.counts).rows_of(held)
                return _image(arrays, patterns, found.probabilities[row], given[0])
        return host.Execute(*images)

    def GetSensitivity(self) -> tuple[float, ...]:  # noqa: N802
        """Of each rater."""
        host: Any = super()
        if self._found is None:
            return tuple(host.GetSensitivity())
        return tuple(self._found.sensitivity.tolist())

    def GetSpecificity(self) -> tuple[float, ...]:  # noqa: N802
        """Of each rater."""
        host: Any = super()
        if self._found is None:
            return tuple(host.GetSpecificity())
        return tuple(self._found.specificity.tolist())

    def GetElapsedIterations(self) -> int:  # noqa: N802
        """How many steps it took after the first."""
        host: Any = super()
        return int(host.GetElapsedIterations() if self._found is None else self._found.iterations)


class MultiLabelSTAPLEImageFilter(sitk.MultiLabelSTAPLEImageFilter):
    """The most probable label map of several raters', as ``SimpleITK.MultiLabelSTAPLEImageFilter``.

    Examples
    --------
    >>> import numpy as np, SimpleITK
    >>> from fastseg.compat.simpleitk import MultiLabelSTAPLEImageFilter
    >>> maps = [SimpleITK.GetImageFromArray(np.array([row], np.uint8)) for row in ([0, 1, 2], [0, 1, 2], [0, 2, 2])]
    >>> SimpleITK.GetArrayFromImage(MultiLabelSTAPLEImageFilter().Execute(maps)).tolist()
    [[0, 1, 2]]
    """

    _found: MultiLabelStaple | None = None

    def Execute(self, *images: Any) -> Any:  # noqa: N802
        """Estimate, from one read of all images."""
        self._found = None
        host: Any = super()
        given = _images(images)
        label = host.GetLabelForUndecidedPixels()
        arrays = _label_maps(given, label)
        prior = host.GetPriorProbabilities()
        patterns = None if arrays is None else vote_patterns(arrays)
        if arrays is None or patterns is None or not _fits(patterns, prior):
            return host.Execute(*images)
        steps = host.GetMaximumNumberOfIterations()
        many = max(patterns.found) + 1
        undecided = _undecided(label, many, arrays[0].dtype)
        self._found = multi_label_staple(
            patterns,
            undecided,
            None if steps == _ANY_NUMBER else steps,
            as_itk=True,
            termination_update=host.GetTerminationUpdateThreshold(),
            prior=np.array(prior[:many]) if prior else None,
        )
        labels = self._found.consensus.astype(arrays[0].dtype)
        return _image(arrays, patterns, labels, given[0])

    def GetConfusionMatrix(self, input: int) -> tuple[float, ...]:  # noqa: N802
        """Of one rater: how probably each label (a row) is given where each is true (a column), row by row."""
        host: Any = super()
        if self._found is None or not 0 <= input < len(self._found.confusion):
            return tuple(host.GetConfusionMatrix(input))
        return tuple(self._found.confusion[input].ravel().tolist())


class LabelVotingImageFilter(sitk.LabelVotingImageFilter):
    """The label that most raters give, as ``SimpleITK.LabelVotingImageFilter``.

    Examples
    --------
    >>> import numpy as np, SimpleITK
    >>> from fastseg.compat.simpleitk import LabelVotingImageFilter
    >>> maps = [SimpleITK.GetImageFromArray(np.array([row], np.uint8)) for row in ([0, 1, 2], [0, 2, 2])]
    >>> SimpleITK.GetArrayFromImage(LabelVotingImageFilter().Execute(maps)).tolist()
    [[0, 3, 2]]
    """

    def Execute(self, *images: Any) -> Any:  # noqa: N802
        """Count votes, in one read of all images."""
        host: Any = super()
        given = _images(images)
        label = host.GetLabelForUndecidedPixels()
        arrays = _label_maps(given, label)
        if arrays is None:
            return host.Execute(*images)
        patterns = vote_patterns(arrays)
        dtype = arrays[0].dtype
        many = max(patterns.found) + 1
        winners = majority(patterns, _undecided(label, many, dtype)).astype(dtype)
        return _image(arrays, patterns, winners, given[0])


def STAPLE(*args: Any) -> Any:  # noqa: N802
    """Estimate the probability of a structure, as ``SimpleITK.STAPLE``.

    Parameters
    ----------
    *args
        Images, or a list of them, then confidenceWeight (1), foregroundValue (1) and maximumIterations (any number).
    """
    settings = ("SetConfidenceWeight", "SetForegroundValue", "SetMaximumIterations")
    return _executed(STAPLEImageFilter, _STAPLE, settings, args)


def MultiLabelSTAPLE(*args: Any) -> Any:  # noqa: N802
    """Find the most probable labels, as ``SimpleITK.MultiLabelSTAPLE``.

    Parameters
    ----------
    *args
        Images, or a list of them, then labelForUndecidedPixels (the largest label and 1), terminationUpdateThreshold
        (1e-5), maximumNumberOfIterations (any number) and priorProbabilities (how often each label is given).
    """
    settings = (
        "SetLabelForUndecidedPixels",
        "SetTerminationUpdateThreshold",
        "SetMaximumNumberOfIterations",
        "SetPriorProbabilities",
    )
    return _executed(MultiLabelSTAPLEImageFilter, _MULTI_LABEL_STAPLE, settings, args)


def LabelVoting(*args: Any) -> Any:  # noqa: N802
    """Find the labels that most raters give, as ``SimpleITK.LabelVoting``.

    Parameters
    ----------
    *args
        Images, or a list of them, then labelForUndecidedPixels (the largest label and 1).
    """
    settings = ("SetLabelForUndecidedPixels",)
    return _executed(LabelVotingImageFilter, _LABEL_VOTING, settings, args)


def _executed(made: Any, host: Any, settings: Sequence[str], args: tuple[Any, ...]) -> Any:
    """Run a filter on what its function was called with; what is no such call is SimpleITK's to refuse."""
    images = [one for one in args if isinstance(one, sitk.Image)]
    if not images and args:
        images = _images(args[:1])
        values = args[1:]
    else:
        values = args[len(images) :]
    if plain_arrays(images) is None or len(values) > len(settings):
        return host(*args)
    runs = made()
    try:
        for name, value in zip(settings, values, strict=False):
            getattr(runs, name)(value)
    except (TypeError, ValueError, OverflowError):
        return host(*args)
    return runs.Execute(images)


def _images(images: tuple[Any, ...]) -> list[Any]:
    """Take several images, or one list of them."""
    if len(images) == 1 and isinstance(images[0], (list, tuple)):
        return list(images[0])
    return list(images)


def _label_maps(images: Sequence[Any], undecided: int) -> list[Array] | None:
    """Views of label maps, which for ITK are unsigned; None for others, and where labels are large."""
    arrays = plain_arrays(images)
    if arrays is None or arrays[0].dtype.kind != "u" or 1 << 63 <= undecided < _NOT_SET:
        return None
    return arrays if max(int(one.max()) for one in arrays) < _MOST_LABELS else None


def _fits(patterns: VotePatterns, prior: Sequence[float]) -> bool:
    return not prior or len(prior) > max(patterns.found)


def _undecided(label: int, many: int, dtype: np.dtype[Any]) -> int:
    """Choose the label of ties: the next one, if none is set; as the pixel type holds it."""
    chosen = many if label == _NOT_SET else label
    return chosen % (1 << (8 * dtype.itemsize))


def _image(arrays: list[Array], patterns: VotePatterns, values: NDArray[Any], like: Any) -> Any:
    """Make the image whose voxels have the value of their pattern."""
    made = painted(arrays, lambda rows: values[patterns.rows_of(rows)], values.dtype)
    image = sitk.GetImageFromArray(made)
    image.CopyInformation(like)
    return image
