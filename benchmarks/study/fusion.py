"""Labels of several deformed atlases fused by fastseg, for the methods that vote or weigh them."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

import fastseg
from benchmarks.study.methods import Arrays

#: what a fusion calls a voxel of which two labels are equally good, until the first atlas decides
UNDECIDED = 255


def fused(prepared: Arrays, rule: Literal["majority", "staple"]) -> NDArray[np.uint8]:
    """Give each voxel the label that the rule finds; where two are equally good, the most typical atlas decides."""
    maps = prepared["deformed"]
    found = fastseg.consensus(list(maps), rule, undecided=UNDECIDED)
    return np.where(found == UNDECIDED, maps[0], found).astype(np.uint8)
