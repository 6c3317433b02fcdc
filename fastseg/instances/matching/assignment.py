"""The best assignment of a sparse table: pairs with the largest sum of weights, each row and column in one at most."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from fastseg.measures.instance_table import Longs

Weights = NDArray[np.float64]

# Entries of a block up to which its matrix is filled; larger ones are solved as they are, sparse.
_DENSE = 1 << 12
# By what share a pair has to outweigh others, so that no rounding of their sum decides.
_MARGIN = 1e-12


def best_assignment(rows: Longs, columns: Longs, weights: Weights) -> Longs:
    """Choose pairs, none of which share a row or a column, whose weights have the largest sum.

    Parameters
    ----------
    rows, columns : int64 ndarray (m,)
        Of each pair, which is there once; sorted by row, then by column.
    weights : float64 ndarray (m,)
        Above 0.

    Returns
    -------
    int64 ndarray
        Indices of the pairs chosen, ascending.

    Notes
    -----
    A pair that outweighs the best other one of its row and the best other one of its column together is in every best
    choice, and is taken first, again and again. What is left falls into blocks that share no row and no column, each of
    which is solved for itself: by ``scipy.optimize.linear_sum_assignment``, or where its matrix would be large by
    ``scipy.sparse.csgraph.min_weight_full_bipartite_matching``. So no pair depends on what it is not connected with. Of
    several best choices it is the one that SciPy gives for the block, with rows and columns ascending; where one row or
    one column is all there is, the first.
    """
    if not len(rows):
        return np.zeros(0, np.int64)
    chosen, left = _outweighing(rows, columns, weights)
    if len(left):
        for block in _blocks(rows[left], columns[left]):
            pairs = left[block]
            chosen.append(pairs[_solved(rows[pairs], columns[pairs], weights[pairs])])
    return np.sort(np.concatenate(chosen))


def _outweighing(rows: Longs, columns: Longs, weights: Weights) -> tuple[list[Longs], Longs]:
    """Take the pairs that are in every best choice: them, and what is left."""
    chosen = []
    left = np.arange(len(rows))
    free = np.ones(rows.max() + 1, bool), np.ones(columns.max() + 1, bool)
    while len(left):
        own, others, found = rows[left], columns[left], weights[left]
        rivals = _best_other(own, found, len(free[0])) + _best_other(others, found, len(free[1]))
        taken = found > rivals * (1 + _MARGIN)
        if not taken.any():
            break
        chosen.append(left[taken])
        free[0][own[taken]] = False
        free[1][others[taken]] = False
        left = left[free[0][own] & free[1][others]]
    return chosen, left


def _best_other(group: Longs, weights: Weights, n: int) -> Weights:
    """Find the largest weight of the other members of each one's group, 0 where it is alone."""
    best, second = np.zeros(n), np.zeros(n)
    np.maximum.at(best, group, weights)
    is_best = (weights == best[group]).nonzero()[0]
    which = np.empty(n, np.intp)
    which[group[is_best]] = is_best  # one of them
    is_it = which[group] == np.arange(len(group))
    np.maximum.at(second, group[~is_it], weights[~is_it])
    other: Weights = np.where(is_it, second[group], best[group])
    return other


def _blocks(rows: Longs, columns: Longs) -> list[Longs]:
    """Part pairs into those that are connected by rows and columns: the indices of each part, ascending."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    n, m = int(rows.max()) + 1, int(columns.max()) + 1
    graph = coo_array((np.ones(len(rows), np.int8), (rows, n + columns)), shape=(n + m, n + m))
    _, block_of = connected_components(graph, directed=False)
    blocks = block_of[rows]
    order = np.argsort(blocks, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(blocks[order])) + 1)


def _solved(rows: Longs, columns: Longs, weights: Weights) -> Longs:
    """Solve a block: indices of its pairs."""
    row_names, own = np.unique(rows, return_inverse=True)
    column_names, others = np.unique(columns, return_inverse=True)
    shape = len(row_names), len(column_names)
    if min(shape) == 1:
        return np.array([weights.argmax()])
    if math.prod(shape) > _DENSE:
        return _sparse(own, others, weights, shape)
    from scipy.optimize import linear_sum_assignment

    matrix = np.zeros(shape)
    matrix[own, others] = weights
    pair_of = np.full(shape, -1)
    pair_of[own, others] = np.arange(len(weights))
    pairs: Longs = pair_of[linear_sum_assignment(matrix, maximize=True)]
    return pairs[pairs >= 0]


def _sparse(rows: Longs, columns: Longs, weights: Weights, shape: tuple[int, int]) -> Longs:
    """Solve a block without its matrix: a column of its own, of weight 0, lets each row go without a pair."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import min_weight_full_bipartite_matching

    n, m = shape
    own = np.arange(n)
    costs = float(weights.max()) * 2 - np.concatenate([weights, np.zeros(n)])  # none of them is 0
    matrix = coo_array(
        (costs, (np.concatenate([rows, own]), np.concatenate([columns, m + own]))),
        shape=(n, m + n),
    ).tocsr()
    found_rows, found_columns = min_weight_full_bipartite_matching(matrix)
    paired = found_columns < m
    # pairs are sorted by row, then by column
    found: Longs = np.searchsorted(
        rows * m + columns, found_rows[paired] * m + found_columns[paired]
    )
    return found
