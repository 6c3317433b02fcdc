"""Bootstrap samples as how often each case is in each of them: every statistic of them is then sums with weights."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastseg.errors import InputError
from fastseg.statistics.aggregates import Aggregate, aggregated

#: entries of a block of samples: what is computed of them stays in the cache, and no large matrix is made
_BLOCK = 1 << 20

#: entries of samples that are kept for the next column
_HELD = 1 << 25


def as_samples(samples: int) -> int:
    """Check the number of bootstrap samples."""
    if isinstance(samples, bool) or not isinstance(samples, (int, np.integer)) or samples < 0:
        raise InputError(
            f"bootstraps: expected a whole number that is not negative, got {samples!r:.80}"
        )
    return int(samples)


def as_seed(seed: int) -> int:
    """Check a seed."""
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or seed < 0:
        raise InputError(f"seed: expected a whole number that is not negative, got {seed!r:.80}")
    return int(seed)


def weights_of_samples(
    n: int,
    samples: int,
    seed: int,
    *,
    strata: NDArray[np.integer] | None = None,
    clusters: NDArray[np.integer] | None = None,
    within: bool = False,
) -> Iterator[NDArray[np.float64]]:
    """Draw bootstrap samples, block by block.

    Parameters
    ----------
    n : int
        Cases.
    samples : int
    seed : int
        The same seed gives the same samples, whatever the blocks.
    strata : int ndarray (n,), optional
        Groups that each sample has as many cases of as there are.
    clusters : int ndarray (n,), optional
        Groups that are drawn as a whole, within their stratum: as many of them as there are.
    within : bool
        Whether the cases of each cluster that was drawn are drawn anew, too: patients, and then their lesions.

    Yields
    ------
    float64 ndarray (block, n)
        How often each case is in each sample: whole numbers.
    """
    generator = np.random.default_rng(seed)
    units = np.arange(n) if clusters is None else np.unique(clusters, return_inverse=True)[1]
    n_units = int(units.max(initial=-1)) + 1
    groups = _groups(units, n_units, strata)
    block = max(1, _BLOCK // max(n, 1))
    members_of = [np.flatnonzero(units == unit) for unit in range(n_units)] if within else []
    for start in range(0, samples, block):
        many = min(block, samples - start)
        counts = np.zeros((many, n_units))
        found = np.zeros((many, n)) if within else counts
        for row in range(many):  # in the order of samples, so that blocks do not matter
            for members in groups:
                drawn = generator.integers(0, len(members), len(members))
                counts[row, members] = np.bincount(drawn, minlength=len(members))
            if within:
                found[row] = _drawn_within(generator, counts[row].astype(np.intp), members_of, n)
        yield found if within or clusters is None else counts[:, units]


def statistics_of_samples(
    columns: NDArray[np.float64], statistic: Aggregate, samples: int, seed: int, **groups: Any
) -> NDArray[np.float64]:
    """Give a statistic of several columns of the same cases, (n, n_columns), in each sample, (n_samples, n_columns)."""
    return np.concatenate(
        [
            aggregated(columns, weights, statistic)
            for weights in weights_of_samples(len(columns), samples, seed, **groups)
        ]
    )


def alike(
    there: NDArray[np.bool_],
) -> Iterator[tuple[list[int], NDArray[np.bool_]]]:
    """List the columns, of (n, n_columns), that have the same rows, and these rows: samples serve all of them."""
    found: dict[bytes, list[int]] = {}
    for place, column in enumerate(there.T):
        found.setdefault(column.tobytes(), []).append(place)
    for chosen in found.values():
        yield chosen, there[:, chosen[0]]


def _drawn_within(
    generator: np.random.Generator,
    often: NDArray[np.intp],
    members_of: list[NDArray[np.intp]],
    n: int,
) -> NDArray[np.float64]:
    """Draw as many members of each cluster as it has, as often as it was drawn itself."""
    drawn = np.repeat(np.arange(len(often)), often)
    sizes = np.array([len(members) for members in members_of], np.intp)
    first = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    within = np.repeat(sizes[drawn], sizes[drawn])
    places = np.repeat(first[drawn], sizes[drawn])
    places = places + (generator.random(len(within)) * within).astype(np.intp)
    chosen = np.concatenate(members_of)[places]
    return np.bincount(chosen, minlength=n).astype(np.float64)


def _groups(
    units: NDArray[np.intp], n_units: int, strata: NDArray[np.integer] | None
) -> list[NDArray[np.intp]]:
    """List the units of each stratum; one that lies in two is an error."""
    if strata is None:
        return [np.arange(n_units)]
    stratum = np.zeros(n_units, np.intp)
    stratum[units] = strata
    if (stratum[units] != strata).any():
        raise InputError("a cluster has cases of two strata: clusters lie within strata")
    return [(stratum == one).nonzero()[0] for one in np.unique(stratum)]
