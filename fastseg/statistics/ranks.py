"""Ranks of algorithms and how alike two rankings are: formulas alone, of one ranking or of thousands."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

Ties = Literal["min", "max", "average"]
TIES: tuple[Ties, ...] = ("min", "max", "average")

# Two aggregates of the same values in another order differ by roundings: they are one.
_EQUAL = 1e-12


def ranks_of(
    values: NDArray[np.float64], larger_is_better: bool, ties: Ties = "min"
) -> NDArray[np.float64]:
    """Rank the last axis, 1 is best; nan comes last, and several of them are tied.

    What is missing takes the rank after the last one that is there, as challengeR has it: where two share the last rank
    "min", that is the rank which one of them would have had. Values that differ by no more than their rounding are
    tied.

    Examples
    --------
    >>> ranks_of(np.array([0.5, 0.9, 0.5, np.nan]), True).tolist()
    [2.0, 1.0, 2.0, 3.0]
    >>> ranks_of(np.array([0.5, 0.9, 0.5, np.nan]), True, "average").tolist()
    [2.5, 1.0, 2.5, 3.5]
    """
    missing = np.isnan(values)
    worst_first = np.where(missing, 0.0, values if larger_is_better else -values)
    there = ~missing
    with np.errstate(invalid="ignore"):
        scale = np.where(np.isfinite(worst_first), np.abs(worst_first), 0).max(-1, initial=0.0)
        margin = _EQUAL * scale[..., None, None]
        ahead = worst_first[..., None, :] > worst_first[..., :, None] + margin
    ahead &= there[..., None, :] & there[..., :, None]
    first = ahead.sum(-1) + 1.0
    last = there.sum(-1, keepdims=True) - ahead.sum(-2).astype(np.float64)
    by_ties: dict[Ties, NDArray[np.float64]] = {
        "min": first,
        "max": last,
        "average": (first + last) / 2,
    }
    ranks = by_ties[ties]
    if not missing.any():
        return ranks
    many = missing.sum(-1, keepdims=True)
    behind = {"min": np.ones_like(many), "max": many, "average": (many + 1) / 2}[ties]
    worst = np.where(there, ranks, 0.0).max(-1, keepdims=True, initial=0.0)
    return np.where(missing, worst + behind, ranks)


def kendall_taus(ranks: NDArray[np.float64], samples: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give Kendall's τ-b between one ranking (n,) and each of many (m, n); nan where all of one are tied."""
    one, other = np.triu_indices(ranks.shape[-1], 1)
    of_ranks = np.sign(ranks[one] - ranks[other])
    of_samples = np.sign(samples[:, one] - samples[:, other])
    untied = np.abs(of_ranks).sum() * np.abs(of_samples).sum(1)
    with np.errstate(invalid="ignore"):
        found: NDArray[np.float64] = of_samples @ of_ranks / np.sqrt(untied)
    return found
