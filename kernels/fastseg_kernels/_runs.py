"""Runs of components: how they are numbered, and sets of them that are connected."""

import numpy as np

from fastseg_kernels._intrinsics import popcount
from fastseg_kernels._jit import inlined

ALL = 0xFFFFFFFFFFFFFFFF


@inlined
def run_at(starts, before, bit):
    """Number the run that has a bit: its starts up to there, and those of the words before."""
    return np.uint64(before) + np.uint64(
        popcount(starts & (np.uint64(ALL) >> (np.uint64(63) - bit)))
    )


@inlined
def _root(parents, run):
    """Find the first run of a set, leaving shorter paths."""
    parent = np.uint64(parents[run])
    while parent != run:
        grandparent = np.uint64(parents[parent])
        parents[run] = grandparent
        run, parent = parent, grandparent
    return run


@inlined
def unite(parents, first, second):
    """Make one set of those of two runs; the first run of all is its root."""
    if parents[first] == parents[second]:
        return
    first = _root(parents, first)
    second = _root(parents, second)
    parents[max(first, second)] = min(first, second)
