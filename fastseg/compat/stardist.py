"""Drop-in for ``stardist.matching``: which objects of two label images match, and the statistics of it.

All numbers, their types and the order of their rounding are stardist's: its float32 scores, and of several best
assignments the same one. The labels are counted in one pass over both images rather than sorted and renumbered, and an
assignment is solved only where an object has two partners that reach the threshold.

Images with labels so large that stardist runs out of memory are taken. Left to stardist: all other names.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from fastseg.compat._support.masks import joint_histogram
from fastseg.compat._support.patching import Host, Patch, rest_of
from fastseg.inputs.arrays import Array
from fastseg.measures.instance_table import InstanceTable
from fastseg.protocols.rules.threshold_assignment import Scored
from fastseg.protocols.rules.threshold_statistics import (
    FIELDS,
    gathered,
    statistics_of,
    statistics_of_values,
)

__all__ = ["matching", "matching_dataset", "matching_dataset_lazy"]

__getattr__ = rest_of("stardist.matching")

_FIELDS = ("criterion", "thresh", *FIELDS)
_MATCHES = ("matched_pairs", "matched_scores", "matched_tps")


def _named_tuple(name: str, fields: tuple[str, ...]) -> Any:
    return namedtuple(name, fields, module=__name__)


# named as there, where each call makes a class of its own
_Statistics = _named_tuple("Matching", _FIELDS)
_WithMatches = _named_tuple("Matching", (*_FIELDS, *_MATCHES))
_OfDataset = _named_tuple("DatasetMatching", (*_FIELDS, "by_image"))

_CRITERIA = {"iou": "iou", "iot": "recall", "iop": "precision"}


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
    thresholds = [float(each) for each in ([thresh] if single else thresh)]  # type: ignore[union-attr, arg-type]
    if not y_true.size:
        raise ValueError("zero-size array to reduction operation minimum which has no identity")
    table = InstanceTable.of(joint_histogram(*(_native(image) for image in (y_true, y_pred))))
    scores = Scored.of(table, _CRITERIA[criterion], np.float32)
    found = tuple(
        _statistics(table, scores, threshold, criterion, bool(report_matches))
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
    table: InstanceTable, scores: Scored, threshold: float, criterion: str, report_matches: bool
) -> Any:
    """Match by one threshold."""
    if not report_matches:
        return _Statistics(criterion, threshold, **statistics_of(scores, threshold))
    rows, columns, values = scores.assigned(threshold)
    reached = values >= threshold
    ids = table.reference.ids[rows].tolist(), table.prediction.ids[columns].tolist()
    return _WithMatches(
        criterion,
        threshold,
        **statistics_of_values(scores.shape, values[reached]),
        matched_pairs=tuple(zip(*ids, strict=True)),
        matched_scores=tuple(values),
        matched_tps=tuple(reached.nonzero()[0].tolist()),
    )


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
    """Sum the statistics of all images, and make the ratios of it."""
    if not statistics:
        raise ValueError("unexpected keys")
    found = gathered([one._asdict() for one in statistics], by_image)
    return _OfDataset(criterion, threshold, **found, by_image=by_image)


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
