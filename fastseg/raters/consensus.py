"""One label map of several raters': the public call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastseg.errors import InputError
from fastseg.inputs.arrays import Array, as_label
from fastseg.inputs.choices import unknown
from fastseg.inputs.scalars import as_number, as_whole_number, shown
from fastseg.measures.vote_patterns import VotePatterns, painted, vote_patterns
from fastseg.raters.fusion import majority, simple
from fastseg.raters.maps import as_maps
from fastseg.raters.settings import METHODS
from fastseg.raters.staple import multi_label_staple, staple


def consensus(
    maps: Any,
    method: str = "majority",
    *,
    probability_of: int | None = None,
    undecided: int = 0,
    confidence_weight: float = 1.0,
    max_iterations: int | None = None,
) -> NDArray[Any]:
    """Make one label map of those of several raters.

    Parameters
    ----------
    maps : list of label maps, or mapping of raters' names to label maps
        At least two of one shape, as :func:`evaluate` takes them, in the memory of the CPU.
    method : {"majority", "staple", "simple"}
        "majority": the label that most raters give. "staple": the most probable one, while the raters' confusion
        matrices are estimated (Warfield et al. 2004); where there is one label but 0, by sensitivity and specificity.
        "simple": a vote weighted by performance, from which the worst are left out step by step (Langerak et al. 2010).
    probability_of : int, optional
        Of "staple": give how probable this label is, against all others, and not a label map.
    undecided : int
        The label of voxels where two labels are equally good.
    confidence_weight : float
        Of "staple" with one label: factor of the prior, as ITK has it.
    max_iterations : int, optional
        Of "staple". Default: until it converges.

    Returns
    -------
    ndarray of the shape of the maps
        Labels of their dtype (the widest, if they differ), or float64 probabilities.

    Raises
    ------
    TypeError, ValueError
        For fewer than two maps, shapes or grids that differ, arrays on a GPU, unknown methods.

    Notes
    -----
    With one label "staple" has the numbers of ITK's STAPLEImageFilter, and calls a voxel foreground above 0.5. With
    more it follows ITK's MultiLabelSTAPLEImageFilter, with two differences: counts are exact beyond 2^24 voxels, and
    votes that tie do not enter the first estimate, where ITK 5.4 adds them to an entry of the next label.

    Examples
    --------
    >>> import numpy as np, fastseg
    >>> maps = [np.array([0, 1, 1, 2]), np.array([0, 1, 2, 2]), np.array([0, 0, 1, 2])]
    >>> fastseg.consensus(maps)
    array([0, 1, 1, 2])
    """
    if method not in METHODS:
        raise unknown("method", method, METHODS)
    if probability_of is not None and method != "staple":
        raise InputError(f"probability_of: only method='staple' knows one, got method={method!r}")
    weight = as_number(confidence_weight, "confidence_weight")
    if not weight > 0:
        raise InputError(
            f"confidence_weight: expected a number above 0, got {shown(confidence_weight)}"
        )
    steps = None if max_iterations is None else as_whole_number(max_iterations, "max_iterations")
    if steps is not None and steps < 1:
        raise InputError(f"max_iterations: expected at least 1, got {steps}")
    tie = as_label(undecided, "undecided")
    arrays = as_maps(maps, None).arrays
    patterns = vote_patterns(arrays)
    if probability_of is not None:
        label = as_label(probability_of, "probability_of")
        return _probabilities(arrays, patterns, label, weight, steps)
    return fused(arrays, patterns, method, tie, weight, steps)


def fused(
    arrays: Sequence[Array],
    patterns: VotePatterns,
    method: str,
    undecided: int = 0,
    weight: float = 1.0,
    steps: int | None = None,
) -> Array:
    """Make the label map of maps in memory, whose patterns are counted; see :func:`consensus`."""
    dtype = np.result_type(*arrays)
    if method == "majority":
        values = majority(patterns, undecided)
    elif method == "simple":
        values = simple(patterns, undecided).consensus
    else:
        values = staple_labels(patterns, undecided, weight, steps)
    if dtype.kind == "f":
        dtype = np.dtype(np.int64)
    if dtype.kind != "b" and not np.iinfo(dtype).min <= undecided <= np.iinfo(dtype).max:
        raise InputError(f"undecided: {undecided} is no label of maps of {dtype}")
    return painted(arrays, lambda rows: values[patterns.rows_of(rows)], dtype)


def staple_labels(
    patterns: VotePatterns, undecided: int, weight: float = 1.0, steps: int | None = None
) -> NDArray[np.int64]:
    """Find the label of each pattern by STAPLE: with one label but 0 as ITK's filter for masks, else for label maps."""
    labels = patterns.found
    others = [label for label in labels if label]
    if len(others) > 1:
        return multi_label_staple(patterns, undecided, steps).consensus
    if not others:
        return np.zeros(len(patterns.counts), np.int64)
    found, place = _of_label(patterns, others[0], weight, steps)
    return np.where(found[place] > 0.5, others[0], 0)


def _of_label(
    patterns: VotePatterns, label: int, weight: float, steps: int | None
) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Work out the probability of a label by pattern of binary votes, and which of these each pattern has."""
    held = patterns.holds([label])
    votes = patterns.votes([label])
    found = staple(votes, weight, steps).probabilities
    return found, VotePatterns(votes.votes, votes.counts).rows_of(held)


def _probabilities(
    arrays: list[Any], patterns: VotePatterns, label: int, weight: float, steps: int | None
) -> NDArray[np.float64]:
    found, place = _of_label(patterns, label, weight, steps)
    values = found[place]
    return painted(arrays, lambda rows: values[patterns.rows_of(rows)], np.dtype(np.float64))
