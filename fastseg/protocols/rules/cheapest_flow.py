"""One-to-one pairs of the smallest cost where each reference instance may go without one: a flow, or an assignment.

Costs are whole numbers, so that the best total is certain; which pairs give it need not be. Scripts that have OR-tools
solve it get that solver's choice. It is asked here too where there are several best choices and it is installed;
otherwise, of these, SciPy's assignment is taken.
"""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastseg.instances.matching.assignment import best_assignment

Longs = NDArray[np.int64]


def cheapest_pairs(
    shape: tuple[int, int], rows: Longs, columns: Longs, costs: Longs, without: int
) -> Longs:
    """Choose pairs that cost least in sum, with what instances of the reference cost that have none.

    Parameters
    ----------
    shape : tuple of 2 int
        How many instances there are on either side.
    rows, columns : int64 ndarray (m,)
        Of each pair; sorted by the first, then by the second.
    costs : int64 ndarray (m,)
        Of each pair, from 0 on.
    without : int
        What an instance of the reference without a pair costs; more than any pair.

    Returns
    -------
    int64 ndarray
        Indices of the pairs chosen, ascending.
    """
    gains = without - costs
    chosen = best_assignment(rows, columns, gains.astype(np.float64))
    if len(chosen) == len(rows) or not _has_rival(rows, columns, gains, chosen):
        return chosen
    flow = _solver()
    return chosen if flow is None else _as_flow(flow, shape, rows, columns, costs, without)


def _solver() -> Any:
    """Make a flow of OR-tools; None where it is not installed."""
    try:
        module = importlib.import_module("ortools.graph.python.min_cost_flow")
    except ImportError:
        return None
    return module.SimpleMinCostFlow()


def _has_rival(rows: Longs, columns: Longs, gains: Longs, chosen: Longs) -> bool:
    """Tell whether other pairs gain as much, by giving each pair that was not chosen a little more.

    All of these together are less than one, which is what other choices lose at least.
    """
    others = np.ones(len(rows), np.int64)
    others[chosen] = 0
    favoured = gains * (len(rows) + 1) + others
    again = best_assignment(rows, columns, favoured.astype(np.float64))
    return not np.array_equal(again, chosen)


def _as_flow(
    flow: Any, shape: tuple[int, int], rows: Longs, columns: Longs, costs: Longs, without: int
) -> Longs:
    """Solve it as a flow from a source over reference and prediction to a sink, with arcs in the order of scripts."""
    n, m = shape
    reference, prediction, sink = 1 + np.arange(n), 1 + n + np.arange(m), 1 + n + m
    arcs = [
        (np.zeros(n, int), reference, np.zeros(n, int)),
        (reference, np.full(n, sink), np.full(n, without)),
        (reference[rows], prediction[columns], costs),
        (prediction, np.full(m, sink), np.zeros(m, int)),
    ]
    tails, heads, prices = (np.concatenate(part) for part in zip(*arcs, strict=True))
    room = np.ones(len(tails), np.int64)
    flow.add_arcs_with_capacity_and_unit_cost(
        tails.astype(np.int32), heads.astype(np.int32), room, prices.astype(np.int64)
    )
    flow.set_node_supply(0, n)
    flow.set_node_supply(sink, -n)
    flow.solve()
    taken = np.array([flow.flow(2 * n + pair) for pair in range(len(rows))])
    return np.asarray(taken.nonzero()[0])
