"""What makes images hard, one a file, each with a ``DIFFICULTY``; level 0 of each is the clean image.

Every level of a subject is drawn from the same seed, so that the levels differ in strength alone.
"""

from __future__ import annotations

import dataclasses
import importlib
import pkgutil
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from benchmarks.study.subjects import Subject


@dataclasses.dataclass(frozen=True)
class Difficulty:
    """A difficulty of the lecture.

    Parameters
    ----------
    title : str
    section : str
        Of the lecture: "2.1".
    unit : str
        What `strengths` are: "standard deviation of the noise".
    strengths : tuple of float
        Of levels 1 to 5.
    image : function of a subject, a strength and a seed
        The image, on the subject's grid; the truth stays what it is.
    variability : bool
        Whether the strength is the variability of the subject itself, which has another truth then; `image` is that of
        the other subject.
    """

    title: str
    section: str
    unit: str
    strengths: tuple[float, ...]
    image: Callable[[Subject, float, int], NDArray[np.float32]]
    variability: bool = False


def names() -> tuple[str, ...]:
    """Give the names of all difficulties, in the order of the lecture."""
    found = [module.name for module in pkgutil.iter_modules(__path__)]
    return tuple(sorted(found, key=lambda name: (difficulty(name).section, name)))


def difficulty(name: str) -> Difficulty:
    """Find the difficulty of this name."""
    found = importlib.import_module(f"{__name__}.{name}").DIFFICULTY
    assert isinstance(found, Difficulty)
    return found
