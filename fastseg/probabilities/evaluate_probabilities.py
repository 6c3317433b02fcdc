"""Probabilities of voxels beside a reference: one pass over both maps, and every score from its counts."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastseg import dispatch, io
from fastseg._version import __version__
from fastseg.backends.protocol import Backend
from fastseg.errors import InputError
from fastseg.inputs.arrays import Array, as_array, as_label, as_mask, as_spacing
from fastseg.inputs.device import check_in_cpu_memory
from fastseg.inputs.scalars import as_tolerance, as_whole_number, shown
from fastseg.inputs.source import whole_map
from fastseg.inputs.structures import Labels, Structure, as_structures
from fastseg.io.pairs import read_map
from fastseg.measures import probability_scores as scores
from fastseg.measures.joint_histogram import Counts
from fastseg.measures.probability_bins import Cuts
from fastseg.measures.probability_table import ProbabilityTable
from fastseg.probabilities.maps import ChannelAxis, Logits, Maps
from fastseg.probabilities.result import Curves, ProbabilityEvaluation, ratio
from fastseg.results import Row
from fastseg.results.score_facts import SCORES

#: ranges of a reliability table at most: each bin is split once
MOST_RANGES = 1000
#: maps of so many voxels are sorted, which takes as long as their bins take
_SORTED_ANYWAY = 1 << 18
_CHECKED_AT_ONCE = 1 << 22
#: thresholds of the Dice curve, which go through no bin
_THRESHOLDS = np.arange(129) / 128

#: the columns, and whether more is better
COLUMNS: dict[str, bool | None] = {
    "roc_auc": True,
    "average_precision": True,
    "brier": False,
    "brier_reliability": False,
    "brier_resolution": True,
    "brier_uncertainty": None,
    "log_loss": False,
    "ece": False,
    "ace": False,
    "mce": False,
    "soft_dice": True,
    "soft_dice_squared": True,
    "best_dice": True,
    "best_threshold": None,
    "roc_auc_error": False,
    "average_precision_error": False,
    "ace_error": False,
    "best_dice_error": False,
}


def evaluate_probabilities(
    reference: Any,
    probabilities: Any,
    *,
    labels: Labels | None = None,
    channel_axis: ChannelAxis = "first",
    logits: Logits = False,
    mask: Any = None,
    ignore_label: int | None = None,
    bins: int = 15,
    right_closed: bool = False,
    exact: bool = False,
    spacing: float | Sequence[float] | None = None,
    backend: str | None = None,
    case: str = "",
    grid_tolerance: float = io.GridRules().tolerance,
    ignore_grid: bool = False,
    reorient: bool = False,
) -> ProbabilityEvaluation:
    """Compare the probabilities of voxels with a reference: discrimination, calibration, soft Dice, best threshold.

    Parameters
    ----------
    reference : array_like, path or image
        A label map, as :func:`evaluate` takes it, in CPU memory.
    probabilities : array_like, path or image, or sequence of paths
        float16, float32 or float64, from 0 to 1: one map of the reference's shape, or a channel for each label, on an
        axis of its own or in a file each. NaN and what is less than 0 or more than 1 is an error where voxels count.
    labels : iterable of int, or mapping of names to labels, optional
        The structures, as in :func:`evaluate`. The channel of a label is that of its number, and the probability of a
        region the sum over its channels; ``{"tumour": {"reference": (1, 2), "prediction": 0}}`` names channels.
        Default: each channel but 0, the background; of a single map, all of the reference that is not 0.
    channel_axis : {"first", "last"} or int
        Where channels are.
    logits : bool, "sigmoid" or "softmax"
        Whether numbers have to be made probabilities: True by a softmax over several channels, by a sigmoid of one.
        It is computed in float64, and rounded to float32 unless float64 was given.
    mask : array_like, path or image, optional
        Only voxels where it is not 0 count.
    ignore_label : int, optional
        Voxels with this label in the reference do not count.
    bins : int
        Ranges of the reliability table, of equal width, for ``ece``, ``mce`` and the parts of the Brier score; and of
        equally many voxels for ``ace``. At most 1000.
    right_closed : bool
        Whether what lies on an edge belongs to the range below, as in scikit-learn's ``calibration_curve``. Default: to
        the range above, and 1 to the last.
    exact : bool
        Sort the probabilities where bins leave something open, so that every error is 0. It takes more time, and
        memory for every different value.
    spacing : float or sequence of float, optional
        Voxel size along each array axis, for volumes. Default: the reference's own, and 1 for plain arrays.
    backend : {"numba", "scipy"}, optional
    case : str
        Name for the table. Default: that of the file of probabilities.
    grid_tolerance, ignore_grid, reorient
        As in :func:`evaluate`, of one map.

    Returns
    -------
    ProbabilityEvaluation
        A row for each structure; :meth:`~ProbabilityEvaluation.reliability` and
        :meth:`~ProbabilityEvaluation.dice_curve` give its curves. What is undefined is nan: ``roc_auc`` without voxels
        inside or outside, ``average_precision`` and ``best_dice`` without any inside.

    Raises
    ------
    TypeError, ValueError
        For shapes that differ, what are no probabilities, and labels that no channel stands for.

    Notes
    -----
    Both maps are read once. float32 probabilities are counted in bins of their bits, 2048 an octave near 0 and near 1,
    with exact moments within each, and so are float16 and any float64 that float32 holds. ``brier``, ``ece``, ``mce``
    and ``soft_dice`` are exact but for the rounding of sums of bins, ``log_loss`` within 1e-10 of itself. ``roc_auc``,
    ``average_precision``, ``ace`` and ``best_dice`` are exact where no bin holds different values of both sides, as of
    float16 and 8-bit maps; else they are off by no more than ``roc_auc_error`` and so on. Maps of up to 2¹⁸ voxels, and
    float64 maps that float32 does not hold, are sorted, and so exact. Results depend neither on threads nor on order.

    ``log_loss`` takes probabilities from ε to 1 - ε, the ε of the dtype given, as scikit-learn does.

    Examples
    --------
    >>> import numpy as np, fastseg
    >>> reference = np.array([0, 0, 1, 1])
    >>> evaluation = fastseg.evaluate_probabilities(reference, np.array([0.1, 0.4, 0.35, 0.8]), bins=5)
    >>> row = evaluation["1"]
    >>> row["roc_auc"], round(row["average_precision"], 3), round(row["brier"], 4), row["best_threshold"]
    (0.75, 0.833, 0.1581, 0.35)
    >>> [(entry["low"], entry["voxels"], entry["positives"]) for entry in evaluation.reliability()][:3]
    [(0.0, 1, 0), (0.2, 1, 1), (0.4, 1, 0)]
    """
    n_bins = as_whole_number(bins, "bins")
    if not 1 <= n_bins <= MOST_RANGES:
        raise InputError(f"bins: expected 1 to {MOST_RANGES}, got {shown(bins)}")
    dispatch.check_backend(backend)
    rules = io.GridRules(
        as_tolerance(grid_tolerance, "grid_tolerance"), bool(ignore_grid), bool(reorient)
    )
    ignore = None if ignore_label is None else as_label(ignore_label, "ignore_label")
    structures = None if labels is None else as_structures(labels, ignore)
    source = read_map(reference, "reference").source
    label_map = whole_map(source, "probabilities")
    maps = Maps.of(probabilities, source, rules, channel_axis, logits)
    if not case and isinstance(probabilities, (str, os.PathLike)):
        case = io.image_stem(probabilities)
    chosen = _structures(structures, label_map, maps, ignore)
    counted = _as_counted(mask, label_map)
    voxel_size = as_spacing(source.spacing if spacing is None else spacing, label_map.ndim)
    run_on = dispatch.choose("probability_moments", 1, backend, stacklevel=3)

    edges = np.linspace(0, 1, n_bins + 1)
    rows, curves = [], {}
    flat = label_map.ravel(maps.order)
    within = None if counted is None else counted.ravel(maps.order)
    smallest = float(
        np.finfo(np.float32 if maps.logits and maps.dtype == np.float16 else maps.dtype).eps
    )
    for one in chosen:
        channels = (0,) if maps.channels is None else one.prediction
        values = maps.of_channels(channels)
        table, cuts = _table_of(
            values, flat, one, ignore, within, edges, right_closed, exact, run_on
        )
        found, curve = _scores_of(table, edges, cuts, smallest)
        [tp], [fp] = scores.dice_at(table, np.array([0.5]))
        outside, inside = table.totals
        counts = Counts(int(tp), int(fp), inside - int(tp), outside - int(fp))
        curves[one.name] = curve
        empty = counts.empty
        rows.append(
            Row(
                case, one.label, one.name, one.label, one.label, found, counts,
                math.prod(voxel_size), empty, "nan" if empty else "",
            )
        )  # fmt: skip
    about = {
        "fastseg": __version__,
        "shape": list(label_map.shape),
        "spacing": list(voxel_size),
        "unit": "voxels" if spacing is None and source.spacing is None else "mm",
        "labels": {one.name: one.label for one in chosen},
        "logits": maps.logits,
        "ignore_label": ignore,
        "masked": counted is not None,
        "bins": n_bins,
        "right_closed": bool(right_closed),
        "exact": bool(exact),
        "log_loss_epsilon": smallest,
        "backend": run_on.name,
        SCORES: {
            name: {"unit": "", "larger_is_better": better} for name, better in COLUMNS.items()
        },
    }
    return ProbabilityEvaluation(tuple(rows), tuple(COLUMNS), about, (), curves)


def _table_of(
    values: NDArray[Any],
    labels: Array,
    structure: Structure,
    ignore: int | None,
    within: NDArray[np.bool_] | None,
    edges: NDArray[np.float64],
    right_closed: bool,
    exact: bool,
    backend: Backend,
) -> tuple[ProbabilityTable, NDArray[np.float64]]:
    """Count how often each probability occurs, and give the least one of each range but the first."""
    dtype: type[Any] = np.float32
    if values.dtype == np.float64:
        short = values.astype(np.float32)
        if np.array_equal(short, values):
            values = short
        else:
            dtype = np.float64
    cuts = _cuts(edges, dtype, right_closed)
    classes, class_of_label = _classes(labels, structure, ignore, within)
    if dtype is np.float32 and not (values.size <= _SORTED_ANYWAY):
        whole = Cuts(cuts)
        found = backend.operations.probability_moments(values, classes, class_of_label, whole)
        if found.wrong:
            raise _no_probability(values, classes, class_of_label)
        table = ProbabilityTable.of_moments(found, whole)
        if not exact or not (table.low < table.high).any():
            return table, cuts.astype(np.float64)
    own = class_of_label[classes]
    counted = own < 2
    if not counted.all():
        values, own = values[counted], own[counted]
    for start in range(0, values.size, _CHECKED_AT_ONCE):
        part = values[start : start + _CHECKED_AT_ONCE]
        if not ((part >= 0) & (part <= 1)).all():
            raise _no_probability(part, np.zeros(part.size, np.uint8), class_of_label * 0)
    return ProbabilityTable.of_values(values, own == 1), cuts.astype(np.float64)


def _cuts(edges: NDArray[np.float64], dtype: Any, right_closed: bool) -> NDArray[Any]:
    """Find the least number of a type that belongs above each inner edge."""
    inner = edges[1:-1]
    cuts = inner.astype(dtype)
    below = cuts.astype(np.float64) <= inner if right_closed else cuts.astype(np.float64) < inner
    return np.where(below, np.nextafter(cuts, dtype(2)), cuts).astype(dtype)


def _classes(
    labels: Array, structure: Structure, ignore: int | None, within: NDArray[np.bool_] | None
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Give 8-bit labels and what each stands for: 0 outside, 1 inside, 2 what does not count."""
    class_of_label = np.zeros(256, np.int64)
    if within is None and labels.dtype in (np.uint8, np.bool_):
        for label in structure.reference:
            if 0 <= label < 256:
                class_of_label[label] = 1
        if ignore is not None and 0 <= ignore < 256:
            class_of_label[ignore] = 2
        return labels.view(np.uint8), class_of_label
    class_of_label[1:3] = 1, 2
    classes = np.zeros(labels.shape, np.uint8)
    for label in structure.reference:
        classes |= (labels == label).view(np.uint8)
    if ignore is not None:
        classes[labels == ignore] = 2
    if within is not None:
        classes[~within] = 2
    if not (classes == 2).any():
        class_of_label[2] = 0  # a table of what is left out is not needed
    return classes, class_of_label


def _no_probability(
    values: NDArray[Any], classes: NDArray[np.uint8], class_of_label: NDArray[np.int64]
) -> InputError:
    wrong = ~((values >= 0) & (values <= 1)) & (class_of_label[classes] < 2)
    n = int(np.count_nonzero(wrong))
    first = float(values[wrong][0])
    voxels = "1 voxel" if n == 1 else f"{n:,} voxels or more"
    return InputError(
        f"probabilities: expected numbers from 0 to 1, got {first:g} ({voxels}); pass logits=True for logits, and "
        "mask= where voxels should not count"
    )


def _scores_of(
    table: ProbabilityTable, edges: NDArray[np.float64], cuts: NDArray[np.float64], smallest: float
) -> tuple[dict[str, float], Curves]:
    """Compute every column, and the curves."""
    auc, precision = scores.roc_auc(table), scores.average_precision(table)
    by_range = scores.reliability(table, edges, cuts)
    of_ranges = scores.calibration(by_range)
    adaptive = scores.adaptive_calibration_error(table, len(edges) - 1)
    best, threshold = scores.best_dice(table)
    values = (
        auc.value,
        precision.value,
        scores.brier(table),
        of_ranges.reliability,
        of_ranges.resolution,
        of_ranges.uncertainty,
        scores.log_loss(table, smallest),
        of_ranges.ece,
        adaptive.value,
        of_ranges.mce,
        scores.soft_dice(table),
        scores.soft_dice(table, squared=True),
        best.value,
        threshold,
        auc.error,
        precision.error,
        adaptive.error,
        best.error,
    )
    records = [
        {
            "low": low,
            "high": high,
            "voxels": n,
            "positives": hits,
            "confidence": ratio(sum_of, n),
            "frequency": ratio(hits, n),
        }
        for low, high, n, hits, sum_of in zip(
            edges[:-1].tolist(),
            edges[1:].tolist(),
            by_range.counts.tolist(),
            by_range.positives.tolist(),
            by_range.sums.tolist(),
            strict=True,
        )
    ]
    _, inside = table.totals
    counts = (column.tolist() for column in scores.dice_at(table, _THRESHOLDS))
    dice = [
        {
            "threshold": at,
            "dice": ratio(2 * tp, tp + fp + inside),
            "tp": tp,
            "fp": fp,
            "fn": inside - tp,
        }
        for at, tp, fp in zip(_THRESHOLDS.tolist(), *counts, strict=True)
    ]
    return dict(zip(COLUMNS, values, strict=True)), Curves(records, dice)


def _as_counted(mask: Any, labels: Array) -> NDArray[np.bool_] | None:
    """Take the mask of what counts."""
    if mask is None:
        return None
    if isinstance(mask, (str, os.PathLike)):
        mask = whole_map(read_map(mask, "mask").source, "probabilities")
    check_in_cpu_memory(mask, "mask", "probabilities")
    found = as_mask(as_array(mask, "mask"), "mask")
    if found.shape != labels.shape:
        raise InputError(f"mask: expected the reference's shape {labels.shape}, got {found.shape}")
    return found


def _structures(
    wanted: tuple[Structure, ...] | None, labels: Array, maps: Maps, ignore: int | None
) -> tuple[Structure, ...]:
    """List what is evaluated, and see that there is a channel for each."""
    if maps.channels is None:
        if wanted is None:
            there = (
                np.flatnonzero(np.bincount(labels.ravel()))
                if labels.dtype == np.uint8
                else np.unique(labels)
            )
            found = tuple(int(one) for one in there.tolist() if one and one != ignore) or (1,)
            if len(found) > 1:
                return (Structure.of("foreground", found),)
            return (Structure.of(str(found[0]), found[0]),)
        if len(wanted) != 1:
            raise InputError(
                f"labels: one map of probabilities is of one structure, got {len(wanted)}; a region is "
                "{'name': (1, 2)}, and several structures need an axis of channels"
            )
        return wanted
    if wanted is None:
        if maps.channels == 1:
            raise InputError(
                "probabilities: of one channel nothing tells which label it is of; leave the axis out, or name it: "
                "labels={'name': {'reference': 1, 'prediction': 0}}"
            )
        highest = int(labels.max())
        if ignore is not None and highest == ignore:
            others = labels[labels != ignore]
            highest = int(others.max()) if others.size else 0
        if highest >= maps.channels or int(labels.min()) < 0:
            raise InputError(
                f"probabilities: {maps.channels} channels, and the reference has the label {highest}; labels= says "
                "which channel is of which label, as in {'liver': {'reference': 6, 'prediction': 1}}"
            )
        wanted = tuple(
            Structure.of(str(one), one) for one in range(1, maps.channels) if one != ignore
        )
    for one in wanted:
        for channel in one.prediction:
            if not 0 <= channel < maps.channels:
                raise InputError(
                    f"labels: {one.name!r} is of channel {channel}, and there are {maps.channels}, from 0 on"
                )
    return wanted
