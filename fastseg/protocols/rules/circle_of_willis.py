"""The vessels of the circle of Willis as TopCoW names them, and which of them touch."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from fastseg.inputs.arrays import Array
from fastseg.protocols.rules.itk import beside, neighbours

VESSELS: Mapping[str, int] = {
    "BA": 1,
    "R-PCA": 2,
    "L-PCA": 3,
    "R-ICA": 4,
    "R-MCA": 5,
    "L-ICA": 6,
    "L-MCA": 7,
    "R-Pcom": 8,
    "L-Pcom": 9,
    "Acom": 10,
    "R-ACA": 11,
    "L-ACA": 12,
    "3rd-A2": 15,
}

NAMES = {label: name for name, label in VESSELS.items()}

#: vessels that many people lack
OPTIONAL = ("R-Pcom", "L-Pcom", "Acom", "3rd-A2")

#: of either half of the circle, the vessels that its topology is made of, and the edges of its graph: a vessel, and
#: another that it has to touch, if any
REGIONS: Mapping[str, tuple[str, ...]] = {
    "anterior": ("Acom", "R-ACA", "L-ACA", "3rd-A2"),
    "posterior": ("R-PCA", "L-PCA", "R-Pcom", "L-Pcom"),
}
EDGES: Mapping[str, Mapping[str, tuple[str, str | None]]] = {
    "anterior": {
        "L-A1": ("L-ACA", "L-ICA"),
        "Acom": ("Acom", None),
        "3rd-A2": ("3rd-A2", None),
        "R-A1": ("R-ACA", "R-ICA"),
    },
    "posterior": {
        "L-Pcom": ("L-Pcom", None),
        "L-P1": ("L-PCA", "BA"),
        "R-P1": ("R-PCA", "BA"),
        "R-Pcom": ("R-Pcom", None),
    },
}

#: of either half, the pairs of vessels by which left and right are told apart, the first that both occur
SIDES: Mapping[str, tuple[tuple[str, str], ...]] = {
    "anterior": (("L-ICA", "R-ICA"), ("L-ACA", "R-ACA")),
    "posterior": (("L-PCA", "R-PCA"),),
}

_LABELS = 16


def touching(labels: Array) -> dict[int, set[int]]:
    """Find, of each label but 0, which other labels a voxel of it has among its 26 neighbours."""
    touch = np.zeros(_LABELS * _LABELS, bool)
    for step in neighbours(labels.ndim, full=True):
        if step < (0,) * labels.ndim:  # its opposite says the same
            continue
        here, there = beside(labels.shape, step)
        first, second = labels[here], labels[there]
        differ = (first != second) & (first != 0) & (second != 0)
        pairs = first[differ].astype(np.intp) * _LABELS + second[differ].astype(np.intp)
        touch[pairs] = True
    table = touch.reshape(_LABELS, _LABELS)
    table |= table.T
    return {label: set(table[label].nonzero()[0].tolist()) for label in range(1, _LABELS)}


def edges(region: str, touch: Mapping[int, set[int]], present: set[int]) -> list[int]:
    """Tell which edges of a half's graph there are: of vessels that occur and touch what they come from."""
    found = []
    for vessel, origin in EDGES[region].values():
        label = VESSELS[vessel]
        there = label in present and (origin is None or VESSELS[origin] in touch[label])
        found.append(int(there))
    return found


def flipped(region: str, labels: Array, present: set[int]) -> bool:
    """Tell whether left lies right of right: by the medians of the vessels' positions along the last axis."""
    for left, right in SIDES[region]:
        pair = VESSELS[left], VESSELS[right]
        if present.issuperset(pair):
            medians = [np.median((labels == label).nonzero()[-1]) for label in pair]
            return bool(medians[0] < medians[1])
    return False
