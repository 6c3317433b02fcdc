"""A program: what one side of a row does, with its arrays made ready before the clock starts."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks import cases

METRICS = ("dice", "hd", "hd95", "assd", "masd", "nsd")
TOLERANCE = 2.0  # of nsd, in the units of the spacing; exact in float32 as well

Answer = dict[str, Any]


class Program(NamedTuple):
    """`call` is what is timed; `describe` turns its result into named numbers and arrays."""

    call: Callable[[], Any]
    describe: Callable[[Any], Answer] = dict


loaded = functools.lru_cache(maxsize=2)(cases.load)


def edt_input(case: str, of: str) -> NDArray[np.bool_]:
    """The foreground of a transform: inside or outside of the reference."""
    mask = loaded(case).reference
    return mask if of == "inside" else ~mask


def num_threads() -> int:
    """How many threads this worker was started for."""
    return int(os.environ["FASTSEG_NUM_THREADS"])
