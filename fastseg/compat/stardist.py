"""Drop-in for ``stardist.matching``: which objects of two label images match, and the statistics of it.

All numbers, their types and the order of their rounding are stardist's: its float32 scores, and of several best
assignments the same one. The labels are counted in one pass over both images rather than sorted and renumbered, and an
assignment is solved only where an object has two partners that reach the threshold.

Images with labels so large that stardist runs out of memory are taken. Left to stardist: all other names.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from fastseg.compat._support.masks import joint_histogram
from fastseg.compat._support.patching import Host, Patch, rest_of
from fastseg.inputs.arrays import Array
from fastseg.protocols.rules.threshold_assignment import Overlaps, Scored

__all__ = ["matching", "matching_dataset", "matching_dataset_lazy"]

__getattr__ = rest_of("stardist.matching")

_FIELDS = (
    "criterion",
    "thresh",
    "fp",
    "tp",
    "fn",
    "precision",
    "recall",
    "accuracy",
    "f1",
    "n_true",
    "n_pred",
    "mean_true_score",
    "mean_matched_score",
    "panoptic_quality",
)
_MATCHES = ("matched_pairs", "matched_scores", "matched_tps")
# what is a mean over images where it is taken by image
_RATIOS = (*_FIELDS[5:9], *_FIELDS[11:])

# named as there, where each call makes a class of its own
_Statistics = namedtuple("Matching", _FIELDS)  # type: ignore[misc]
_WithMatches = namedtuple("Matching", (*_FIELDS, *_MATCHES))  # type: ignore[misc]
_OfDataset = namedtuple("DatasetMatching", (*_FIELDS, "by_image"))  # type: ignore[misc]

_CRITERIA: dict[str, Callable[[Overlaps], Scored]] = {
    "iou": lambda overlaps: overlaps.iou(np.float32),
    "iot": lambda overlaps: overlaps.of_reference(np.float32),
    "iop": lambda overlaps: overlaps.of_prediction(np.float32),
}


def matching(
    y_true: Array,
    y_pred: Array,
    thresh: float | Iterable[float] | None = 0.5,
    criterion: str = "iou",
    report_matches: bool = False,
) -> Any:
    """Match the objects of two label images, as ``stardist.matching.matching``.

    Parameters
    ----------
    y_true, y_pred : ndarray of non-negative integers
        Of one shape; 0 is background.
    thresh : float or iterable of float
        What the score of a pair must reach; None is 0.
    criterion : {"iou", "iot", "iop"}
        The score: intersection over union, over the true, or over the predicted object.
    report_matches : bool
        Whether to give all pairs of the assignment and their scores, with those below the threshold.

    Returns
    -------
    Matching, or tuple of these where there are several thresholds
        A named tuple of criterion, thresh, fp, tp, fn, precision, recall, accuracy (TP / (TP + FP + FN)), f1, n_true,
        n_pred, mean_true_score, mean_matched_score (mean IoU of true objects, of matched ones), panoptic_quality; with
        `report_matches` also matched_pairs, matched_scores and matched_tps.

    Raises
    ------
    ValueError
        For images that are no arrays of non-negative integers, differ in shape or are empty, and another criterion.

    Examples
    --------
    >>> import numpy as np
    >>> from fastseg.compat.stardist import matching
    >>> y_true = np.zeros((100, 100), np.uint16)
    >>> y_true[10:20, 10:20] = 1
    >>> statistics = matching(y_true, np.roll(y_true, 3, axis=0))
    >>> int(statistics.tp), round(float(statistics.mean_matched_score), 3)
    (1, 0.538)
    """
    for image, name in ((y_true, "y_true"), (y_pred, "y_pred")):
        _check_labels(image, name)
    if y_true.shape != y_pred.shape:
        raise ValueError(
            f"y_true ({y_true.shape}) and y_pred ({y_pred.shape}) have different shapes"
        )
    if criterion not in _CRITERIA:
        raise ValueError(f"Matching criterion '{criterion}' not supported.")
    if thresh is None:
        thresh = 0
    single = np.isscalar(thresh)
    thresholds = [float(each) for each in ([thresh] if single else thresh)]  # type: ignore[union-attr, arg-type, list-item]
    if not y_true.size:
        raise ValueError("zero-size array to reduction operation minimum which has no identity")
    overlaps = Overlaps.of(joint_histogram(*(_native(image) for image in (y_true, y_pred))))
    scores = _CRITERIA[criterion](overlaps)
    found = tuple(
        _statistics(overlaps, scores, threshold, criterion, bool(report_matches))
        for threshold in thresholds
    )
    return found[0] if single else found


def _check_labels(image: Any, name: str) -> None:
    """Raise as stardist does for what is no label image."""
    whole = isinstance(image, np.ndarray) and image.dtype.kind in "iu"
    if not whole or (len(image) and image.dtype.kind == "i" and image.min() < 0):
        raise ValueError(f"{name} must be an array of non-negative integers.")


def _native(image: Array) -> Array:
    return np.asarray(image.astype(image.dtype.newbyteorder("="), copy=False))


def _statistics(
    overlaps: Overlaps, scores: Scored, threshold: float, criterion: str, report_matches: bool
) -> Any:
    """Match by one threshold; sums and quotients are of the types that they have there."""
    n_true, n_pred = overlaps.shape
    matches: tuple[Any, ...] = ((), (), ())
    if not min(overlaps.shape):
        tp: Any = 0
        total: Any = 0.0
    elif report_matches:
        rows, columns, values = scores.assigned(threshold)
        reached = values >= threshold
        tp = np.count_nonzero(reached)
        total = np.sum(values[reached])
        ids = overlaps.reference_ids[rows].tolist(), overlaps.prediction_ids[columns].tolist()
        matches = (
            tuple(zip(*ids, strict=True)),
            tuple(values),
            tuple(reached.nonzero()[0].tolist()),
        )
    else:
        *_, values = scores.accepted(threshold)
        tp = np.count_nonzero(values >= threshold)
        total = np.sum(values)
    fp, fn = n_pred - tp, n_true - tp
    statistics = (
        *(criterion, threshold, fp, tp, fn),
        *_ratios(tp, fp, fn),
        *(n_true, n_pred),
        _quotient(total, n_true),
        _quotient(total, tp),
        _quotient(total, tp + fp / 2 + fn / 2),
    )
    return _WithMatches(*statistics, *matches) if report_matches else _Statistics(*statistics)


def _ratios(tp: Any, fp: Any, fn: Any) -> tuple[Any, Any, Any, Any]:
    """Precision, recall, accuracy and F1."""
    if not tp > 0:
        return 0, 0, 0, 0
    return tp / (tp + fp), tp / (tp + fn), tp / (tp + fp + fn), (2 * tp) / (2 * tp + fp + fn)


def _quotient(total: Any, divisor: Any) -> Any:
    return total / divisor if np.abs(divisor) > 1e-10 else 0.0


def matching_dataset(
    y_true: Sequence[Array],
    y_pred: Sequence[Array],
    thresh: float | Sequence[float] = 0.5,
    criterion: str = "iou",
    by_image: bool = False,
    show_progress: bool | int = True,
    parallel: bool = False,
) -> Any:
    """Match the objects of many pairs of label images, as ``stardist.matching.matching_dataset``.

    Parameters
    ----------
    y_true, y_pred : sequence of ndarray
        The pairs; images of one pair have one shape.
    thresh, criterion
        As in :func:`matching`.
    by_image : bool
        Whether ratios are means over the images, rather than ratios of the sums of all counts.
    show_progress : bool or int
        Whether to show a bar, where tqdm is installed; a number above 1 is how many pairs there are.
    parallel : bool
        Whether to match several pairs at a time.

    Returns
    -------
    DatasetMatching, or tuple of these where there are several thresholds
        The fields of :func:`matching`, counts summed, and by_image.

    Raises
    ------
    ValueError
        As :func:`matching`, and where there are no pairs.

    Examples
    --------
    >>> import numpy as np
    >>> from fastseg.compat.stardist import matching_dataset
    >>> images = [np.array([[1, 1, 0, 2]]), np.array([[0, 3, 3, 3]])]
    >>> pooled = matching_dataset(images, images[:1] * 2, show_progress=False)
    >>> int(pooled.tp), int(pooled.fp), float(pooled.recall)
    (2, 2, 0.6666666666666666)
    """
    if len(y_true) != len(y_pred):
        raise ValueError("y_true and y_pred must have the same length.")
    pairs = tuple(zip(y_true, y_pred, strict=True))
    return matching_dataset_lazy(pairs, thresh, criterion, by_image, show_progress, parallel)


def matching_dataset_lazy(
    y_gen: Iterable[tuple[Array, Array]],
    thresh: float | Sequence[float] = 0.5,
    criterion: str = "iou",
    by_image: bool = False,
    show_progress: bool | int = True,
    parallel: bool = False,
) -> Any:
    """Match the objects of pairs of label images as they come, as ``stardist.matching.matching_dataset_lazy``.

    Parameters
    ----------
    y_gen : iterable of pairs of ndarray
    thresh, criterion, by_image, show_progress, parallel
        As in :func:`matching_dataset`.

    Returns
    -------
    DatasetMatching, or tuple of these
        As :func:`matching_dataset`.

    Examples
    --------
    >>> import numpy as np
    >>> from fastseg.compat.stardist import matching_dataset_lazy
    >>> image = np.array([[1, 1, 0, 2]])
    >>> matching_dataset_lazy(((image, image) for _ in range(3)), show_progress=False).f1
    np.float64(1.0)
    """
    single = np.isscalar(thresh)
    thresholds: Any = (thresh,) if single else thresh

    def of_pair(pair: tuple[Array, Array]) -> Any:
        return matching(*pair, thresh=thresholds, criterion=criterion)

    pairs = _with_progress(y_gen, show_progress)
    if parallel:
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor() as pool:
            found = tuple(pool.map(of_pair, pairs))
    else:
        found = tuple(map(of_pair, pairs))
    gathered = tuple(
        _gathered([of_image[i] for of_image in found], threshold, criterion, bool(by_image))
        for i, threshold in zip(range(len(thresholds)), thresholds, strict=False)
    )
    return gathered[0] if single else gathered


def _gathered(statistics: list[Any], threshold: float, criterion: str, by_image: bool) -> Any:
    """Sum the statistics of all images, in their order, and make the ratios of it."""
    if not statistics:
        raise ValueError("unexpected keys")
    sums: dict[str, Any] = dict.fromkeys(_FIELDS, 0)
    for one in statistics:
        for field in _FIELDS[2:]:
            value = getattr(one, field)
            if field == "mean_true_score" and not by_image:
                value = value * one.n_true  # the sum of the scores
            sums[field] = sums[field] + value
    if by_image:
        for field in _RATIOS:
            sums[field] = sums[field] / len(statistics)
    else:
        tp, fp, fn, total = sums["tp"], sums["fp"], sums["fn"], sums["mean_true_score"]
        sums.update(zip(_FIELDS[5:9], _ratios(tp, fp, fn), strict=True))
        sums["mean_true_score"] = _quotient(total, sums["n_true"])
        sums["mean_matched_score"] = _quotient(total, tp)
        sums["panoptic_quality"] = _quotient(total, tp + fp / 2 + fn / 2)
    sums.update(criterion=criterion, thresh=threshold)
    return _OfDataset(**sums, by_image=by_image)


def _with_progress(pairs: Iterable[Any], show: bool | int) -> Iterable[Any]:
    """Show a bar, as stardist does, where there is what it takes."""
    if not show:
        return pairs
    try:
        from tqdm import tqdm
    except ImportError:
        return pairs
    shown: Iterable[Any] = tqdm(pairs, **({"total": int(show)} if int(show) > 1 else {}))
    return shown


PATCHES = Host(
    distribution="stardist",
    since="0.9",
    until="0.10",
    rows=(
        Patch("stardist.matching", "matching", matching),
        Patch("stardist.matching", "matching_dataset", matching_dataset),
        Patch("stardist.matching", "matching_dataset_lazy", matching_dataset_lazy),
    ),
)
