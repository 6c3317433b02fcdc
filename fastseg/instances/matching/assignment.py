"""The best assignment of a sparse table: pairs with the largest sum of weights, each row and column in one at most."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from fastseg.measures.instance_table import Longs

# Entries of a block up to which its matrix is filled; larger ones are solved as they are, sparse.
_DENSE = 1 << 16


def best_assignment(rows: Longs, columns: Longs, weights: NDArray[np.float64]) -> Longs:
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
    The pairs fall into blocks that share no row and no column, and each block is solved for itself: by
    ``scipy.optimize.linear_sum_assignment``, or where its matrix would be large by
    ``scipy.sparse.csgraph.min_weight_full_bipartite_matching``. So no pair depends on another block. Of several best
    choices it is the one that SciPy gives for the block with its rows and columns ascending; where one row or one
    column is all there is, the first.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    if not len(rows):
        return np.zeros(0, np.int64)
    row_names, own = np.unique(rows, return_inverse=True)
    column_names, others = np.unique(columns, return_inverse=True)
    n, m = len(row_names), len(column_names)
    alone = (np.bincount(own)[own] == 1) & (np.bincount(others)[others] == 1)
    chosen = [alone.nonzero()[0]]
    rest = (~alone).nonzero()[0]
    if len(rest):
        graph = coo_array(
            (np.ones(len(rest), np.int8), (own[rest], n + others[rest])), shape=(n + m, n + m)
        )
        _, block_of = connected_components(graph, directed=False)
        blocks = block_of[own[rest]]
        rest = rest[np.argsort(blocks, kind="stable")]
        blocks = np.sort(blocks)
        edges = np.append(np.flatnonzero(np.diff(blocks, prepend=-1)), len(rest))
        for start, stop in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
            block = rest[start:stop]
            chosen.append(block[_solved(rows[block], columns[block], weights[block])])
    return np.sort(np.concatenate(chosen))


def _solved(rows: Longs, columns: Longs, weights: NDArray[np.float64]) -> Longs:
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


def _sparse(
    rows: Longs, columns: Longs, weights: NDArray[np.float64], shape: tuple[int, int]
) -> Longs:
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
    keys = rows * m + columns
    found: Longs = np.searchsorted(keys, found_rows[paired] * m + found_columns[paired])
    return found
