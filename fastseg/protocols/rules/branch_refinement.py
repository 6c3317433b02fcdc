"""How ATM'22's tree_parse.py joins branches until each has one parent and none is an only child.

The script relabels voxels; that all voxels of a branch have one label makes it a matter of branches alone: which label
each has, how large it is, which touch.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Labels = NDArray[np.int64]


def refined(volumes: Labels, touching: Sequence[set[int]]) -> Labels | None:
    """Give the label of each branch in the end, from 1, at the place of its number; 0 at 0.

    None where the script ends in an error: it joins some branches to others that it has taken away, and may then look
    for a label that no voxel has, or come upon one beyond the last.

    Parameters
    ----------
    volumes : int64 ndarray (n,)
        Voxels of the region of each branch.
    touching : sequence of set of int
        Those that each touches, from 0.
    """
    labels = np.arange(len(volumes) + 1)
    count = len(volumes)
    while True:
        tree = _grown(labels, count, volumes, touching)
        if tree is None:
            return None
        joins = _joins(*tree)
        if not joins:
            return labels
        # once where the script asks whether there is anything to refine, and once more to do it
        for _ in range(2):
            for gone, into in joins:
                labels[labels == gone + 1] = into + 1
        deleted = sorted({gone for gone, _ in joins})
        for label in range(count):
            if label not in deleted:
                moved = int(np.searchsorted(deleted, label))
                labels[labels == label + 1] = label + 1 - moved
        count -= len(deleted)


def _grown(
    labels: Labels, count: int, volumes: Labels, touching: Sequence[set[int]]
) -> tuple[list[list[int]], list[list[int]]] | None:
    """Let the tree grow from its largest branch, generation by generation: the parents and the children of each."""
    sizes = np.bincount(labels[1:] - 1, weights=volumes, minlength=count)[:count]
    if not count or not sizes.all():
        return None
    beside: list[set[int]] = [set() for _ in range(count)]
    for branch, others in enumerate(touching):
        own = int(labels[branch + 1]) - 1
        if own < count:
            beside[own] |= {int(labels[other + 1]) - 1 for other in others} - {own}
    if any(max(others, default=0) >= count for others in beside):
        return None
    root = int(np.argsort(sizes, kind="stable")[-1])
    parents: list[list[int]] = [[] for _ in range(count)]
    children: list[list[int]] = [[] for _ in range(count)]
    generation = [0] * count
    parents[root] = [root]
    current = [root]
    while current:
        following = []
        for branch in reversed(current):
            for other in sorted(beside[branch]):
                if not parents[other]:
                    generation[other] = generation[branch] + 1
                    following.append(other)
                elif generation[branch] + 1 != generation[other]:
                    continue
                parents[other].append(branch)
                children[branch].append(other)
        current = following
    return [sorted(each) for each in parents], [sorted(each) for each in children]


def _joins(parents: Sequence[list[int]], children: Sequence[list[int]]) -> list[tuple[int, int]]:
    """List which branch is joined to which: further parents to the first, only children to their parents."""
    joins = []
    deleted = set()
    for of_branch in parents:
        for other in of_branch[1:]:
            joins.append((other, of_branch[0]))
            deleted.add(other)
    for branch, own in enumerate(children):
        if len(own) == 1 and branch not in deleted and own[0] not in deleted:
            joins.append((own[0], branch))
            deleted.add(own[0])
    return joins
