"""Probabilities of voxels beside a reference: one pass over both maps, and every score from its counts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastseg import io
from fastseg.inputs.structures import Labels
from fastseg.probabilities.maps import ChannelAxis, Logits
from fastseg.probabilities.one_case import Options, evaluate_case
from fastseg.probabilities.result import ProbabilityEvaluation


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
    options = Options.checked(
        labels=labels,
        channel_axis=channel_axis,
        logits=logits,
        ignore_label=ignore_label,
        bins=bins,
        right_closed=right_closed,
        exact=exact,
        spacing=spacing,
        backend=backend,
        grid_tolerance=grid_tolerance,
        ignore_grid=ignore_grid,
        reorient=reorient,
    )
    return evaluate_case(reference, probabilities, options, mask, case)
