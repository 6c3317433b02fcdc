"""Ways to segment, one a file, each with a ``METHOD``; the file's name is the method's."""

from __future__ import annotations

import dataclasses
import importlib
import pkgutil
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.study.anatomies import Anatomy
from benchmarks.study.settings import Settings
from benchmarks.study.subjects import Sample

Arrays = Mapping[str, NDArray[Any]]


@dataclasses.dataclass(frozen=True)
class Fitting:
    """What a method may learn from.

    Parameters
    ----------
    anatomy : Anatomy
    training, validation : sequences of Sample
        Clean images with their truths.
    settings : Settings
    log : function
        Keep a record (a mapping that JSON can hold) beside the model: curves of training, times.
    """

    anatomy: Anatomy
    training: Sequence[Sample]
    validation: Sequence[Sample]
    settings: Settings
    log: Callable[[Mapping[str, Any]], None]


@dataclasses.dataclass(frozen=True)
class Method:
    """A way to segment.

    Parameters
    ----------
    title : str
    section : str
        Of the lecture: "4.1".
    library : str
        What does the work, as its package is called: "scikit-image".
    knows_places : bool
        False for what sees intensities alone: it cannot tell two organs of the same tissue apart.
    fit : function of Fitting
        Learn from training subjects; what it gives can be pickled.
    segment : function of the model, a Sample without truth, and what was prepared of it
        Give a map of the sample's shape with the anatomy's labels, uint8.
    expected : mapping of anatomies to mappings of structures to float
        The mean Dice on clean images that a person who knows the method would expect at the least, where this is
        the method's kind of task; a full run says which were reached.
    prepare : str or None
        The module beside ``methods`` whose ``prepare(model, sample)`` gives arrays that several methods share, and
        whose ``fit(fitting)`` makes that model: ``registrations``.
    uses_seeds : bool
        Whether it looks at ``Sample.seeds``.
    """

    title: str
    section: str
    library: str
    knows_places: bool
    fit: Callable[[Fitting], Any]
    segment: Callable[[Any, Sample, Arrays], NDArray[np.uint8]]
    expected: Mapping[str, Mapping[str, float]]
    prepare: str | None = None
    uses_seeds: bool = False


def learn_nothing(fitting: Fitting) -> None:
    """Have no model: what is learned is learned where images are prepared, or of each image anew."""


def names() -> tuple[str, ...]:
    """Give the names of all methods, in the order of the lecture."""
    found = [module.name for module in pkgutil.iter_modules(__path__)]
    return tuple(sorted(found, key=lambda name: (method(name).section, name)))


def method(name: str) -> Method:
    """Find the method of this name."""
    found = importlib.import_module(f"{__name__}.{name}").METHOD
    assert isinstance(found, Method)
    return found
