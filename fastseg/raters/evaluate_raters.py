"""Several raters of one image: how far they agree, and whether a prediction is as good as they are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from fastseg import io
from fastseg.errors import InputError
from fastseg.inputs.structures import Labels
from fastseg.raters.case import evaluate_maps
from fastseg.raters.maps import as_maps, as_samples
from fastseg.raters.results import RESERVED, RaterEvaluation
from fastseg.raters.settings import DEFAULT_METRICS, RaterSettings


def evaluate_raters(
    maps: Any,
    prediction: Any = None,
    *,
    samples: Any = None,
    labels: Labels | None = None,
    spacing: float | Sequence[float] | None = None,
    metrics: str | Iterable[str] = DEFAULT_METRICS,
    tolerance: float = 1.0,
    consensus: str = "majority",
    levels: str | Iterable[str] = "nominal",
    seed: int = 0,
    grid_tolerance: float = io.GridRules().tolerance,
    ignore_grid: bool = False,
    reorient: bool = False,
) -> RaterEvaluation:
    """Tell how far several raters of one image agree, and where a prediction stands among them.

    Parameters
    ----------
    maps : list of label maps, or mapping of raters' names to label maps
        At least two of one shape, as :func:`evaluate` takes them, in the memory of the CPU.
    prediction : array_like, path or image, optional
    samples : list of label maps, optional
        Several maps that a model draws of one image, of which ``energy_distance`` tells how far they are from the
        raters as a distribution.
    labels : iterable of int, or mapping of names to labels or regions, optional
        Default: every label but 0 that any map has.
    spacing : float or sequence of float, optional
        Voxel size along each array axis. Default: the first image's own, and 1 for plain arrays.
    metrics : str or iterable of str
        What two maps are compared by: names of :func:`list_metrics`. "dice" and "iou" are free; all others measure
        every pair. Where it matters, the consensus is the reference, then a rater, of two raters the first.
    tolerance : float
        Of ``nsd``, in the units of the spacing.
    consensus : {"majority", "staple", "simple"}
        Of each structure by itself, as a mask: found by more than half of the raters, more probable than 0.5, or by
        SIMPLE.
    levels : {"nominal", "ordinal", "interval"} or several of them
        How far apart labels are for Krippendorff's alpha of all labels together: all alike, by how many votes lie
        between, by the difference of their numbers. "nominal" is always there; one structure has no other.
    seed : int
        Of the bootstrap over raters.
    grid_tolerance, ignore_grid, reorient
        As in :func:`evaluate`; the first map has the grid.

    Returns
    -------
    RaterEvaluation
        A row for each number. Of each structure: ``fleiss_kappa``, ``krippendorff_alpha``, ``cohen_kappa`` of each pair
        and their mean; each metric of each pair, their mean, and of each rater with the consensus; STAPLE's
        ``staple_sensitivity`` and ``staple_specificity`` of each rater; ``volume`` of each rater. With a prediction:
        each metric with each rater, their mean, and with the consensus; ``relative_<metric>``, which is the mean with
        the raters over the mean of the raters' pairs, with a 95 % interval; ``energy_distance``, also of the samples,
        ``qubiq_dice``, ``curvas_consensus_dice``, ``curvas_thresholded_dice``. Of all labels together: kappas, alpha
        (``krippendorff_alpha_ordinal`` and so on for further levels) and the energy distance, where there are two
        labels or more. nan where a formula is undefined; means are over what is defined.

    Raises
    ------
    TypeError, ValueError
        For fewer than two maps, shapes or grids that differ, arrays on a GPU, unknown names.

    Notes
    -----
    All but the metrics of pairs follow from one histogram of patterns of votes, so that the maps are read once. The
    consensus holds the raters that are compared with it; that flatters them beside a prediction, of which ``relative_``
    is free. ``relative_dice`` of 1 or more is as good as a human; of distances 1 or less.

    Examples
    --------
    >>> import numpy as np, fastseg
    >>> first = np.zeros((20, 20), np.uint8); first[5:15, 5:15] = 1
    >>> maps = [first, np.roll(first, 1, axis=0), np.roll(first, 1, axis=1)]
    >>> found = fastseg.evaluate_raters(maps, prediction=first, metrics=["dice"])
    >>> round(found.value(1, "fleiss_kappa"), 3), round(found.value(1, "dice"), 3)
    (0.827, 0.87)
    """
    settings = RaterSettings.checked(
        labels=labels,
        spacing=spacing,
        metrics=metrics,
        tolerance=tolerance,
        consensus=consensus,
        levels=levels,
        seed=seed,
        grid_tolerance=grid_tolerance,
        ignore_grid=ignore_grid,
        reorient=reorient,
    )
    drawn = as_samples(samples)
    given = as_maps(maps, settings.spacing, prediction, drawn, rules=settings.rules)
    raters = given.names[: len(given.names) - len(drawn) - (prediction is not None)]
    check_names(raters)
    return evaluate_maps(given, settings, predicted=prediction is not None, samples=len(drawn))


def check_names(raters: Sequence[str]) -> None:
    """Refuse two raters of one name, and names that stand for something else in the table."""
    if len(set(raters)) < len(raters) or set(RESERVED) & set(raters):
        *first, last = map(repr, RESERVED)
        raise InputError(
            f"maps: each rater needs a name of its own, none of {', '.join(first)} and {last}; got "
            + ", ".join(map(repr, raters))
        )
