"""Two label maps as partitions: Rand scores and variation of information of all their instances at once."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from fastseg import dispatch, io
from fastseg.evaluation.case import open_pair
from fastseg.evaluation.pieces import PiecewisePair
from fastseg.evaluation.settings import Settings
from fastseg.inputs.arrays import as_labels, check_same_shape, matched
from fastseg.inputs.device import memory_of
from fastseg.inputs.scalars import is_scalar
from fastseg.inputs.source import Source
from fastseg.measures.joint_histogram import JointHistogram
from fastseg.measures.partitions import Partition
from fastseg.metrics import Options, resolve


def evaluate_partition(
    reference: Any,
    prediction: Any,
    *,
    metrics: str | Iterable[str] | None = None,
    ignore_reference: int | Iterable[int] | None = 0,
    ignore_prediction: int | Iterable[int] | None = None,
    backend: str | None = None,
    grid_tolerance: float = io.GridRules().tolerance,
    ignore_grid: bool = False,
    reorient: bool = False,
) -> dict[str, float]:
    """Compare two label maps as partitions of the same voxels, whatever their instances are called.

    Parameters
    ----------
    reference, prediction : array_like, path or image
        Label maps of one shape, as :func:`evaluate` takes them: each label is an instance, 0 too unless ignored.
    metrics : str or iterable of str, optional
        Names, see ``list_metrics("partitions")``. Default: all.
    ignore_reference, ignore_prediction : int, iterable of int, or None
        Voxels that have such a label there do not count. Default: the reference's background, 0. With None, all
        voxels count, and background is one instance more.
    backend : {"numba", "scipy", "cupy"}, optional
    grid_tolerance, ignore_grid, reorient
        As :func:`evaluate` takes them.

    Returns
    -------
    dict of str to float
        Rand scores are ratios, parts of the variation of information are bits. nan where no voxel is left, and for
        adapted Rand scores where no two voxels share a label.

    Raises
    ------
    TypeError, ValueError
        For shapes or grids that differ, labels that are not whole numbers, unknown names.

    Notes
    -----
    Counts are exact: sums of squares are whole numbers of any size, and a ratio of two of them is rounded once.
    scikit-image's ``adapted_rand_error`` calls precision what is recall here, and the other way round.
    For CREMI's numbers pass the label that its reference has for background, 2**64 - 1, as `ignore_reference`.

    Examples
    --------
    >>> import fastseg
    >>> scores = fastseg.evaluate_partition([1, 1, 1, 1, 2, 2], [7, 7, 8, 8, 9, 9])
    >>> round(scores["variation_of_information_split"], 3), scores["variation_of_information_merge"]
    (0.667, 0.0)
    >>> scores["adapted_rand_precision"], round(scores["adapted_rand_recall"], 3)
    (1.0, 0.429)
    """
    chosen = resolve(metrics, of="partitions")
    ignored = (
        _as_ignored(ignore_reference, "ignore_reference"),
        _as_ignored(ignore_prediction, "ignore_prediction"),
    )
    settings = Settings.checked(
        metrics="dice",
        backend=backend,
        grid_tolerance=grid_tolerance,
        ignore_grid=ignore_grid,
        reorient=reorient,
        flags=False,
    )
    histogram = _histogram(*open_pair(reference, prediction, settings), backend)
    partition = Partition.of(histogram, *ignored)
    return {metric.name: metric.function(partition, Options()) for metric in chosen}


def _as_ignored(labels: int | Iterable[int] | None, name: str) -> list[int]:
    if labels is None:
        return []
    return as_labels([labels] if is_scalar(labels) else labels, name)


def _histogram(reference: Source, prediction: Source, backend: str | None) -> JointHistogram:
    """Count the pairs of labels of two maps, in memory or in pieces."""
    first, second = reference.array, prediction.array
    if first is None or second is None:
        check_same_shape(reference, prediction)
        chosen = dispatch.choose("joint_histogram", len(reference.shape), backend)
        return PiecewisePair(chosen, reference, prediction).histogram()
    check_same_shape(first, second)
    chosen = dispatch.choose("joint_histogram", first.ndim, backend, memory=memory_of(first))
    return chosen.operations.joint_histogram(*chosen.placed(*matched(first, second)))
