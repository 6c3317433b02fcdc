"""Cases in the order of their differences, as both backends take them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Ordered(NamedTuple):
    """The differences of a pair that are neither zero nor undefined, by their size.

    Attributes
    ----------
    cases : int64 ndarray (n,)
        Which cases they are of.
    positive, last : bool ndarray (n,)
        Whether each is positive, and whether it is the last one of its size.
    """

    cases: NDArray[np.int64]
    positive: NDArray[np.bool_]
    last: NDArray[np.bool_]

    @classmethod
    def of(cls, differences: NDArray[np.float64]) -> Ordered:
        """Sort the differences of a pair, (n_cases,)."""
        cases = (~np.isnan(differences) & (differences != 0)).nonzero()[0]
        sizes = np.abs(differences[cases])
        order = np.argsort(sizes, kind="stable")
        ascending = sizes[order]
        last = np.ones(len(order), bool)
        last[:-1] = ascending[1:] != ascending[:-1]
        cases = cases[order]
        return cls(cases, differences[cases] > 0, last)

    @property
    def packed(self) -> NDArray[np.int32]:
        """As one number each: the case times 4, +2 if it is positive, +1 if it is the last one."""
        return (self.cases * 4 + self.positive * 2 + self.last).astype(np.int32)
