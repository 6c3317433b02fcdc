"""Bodies to be segmented, one a file, each with an ``ANATOMY``; the file's name is the anatomy's."""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Callable, Mapping

from benchmarks.study.settings import Settings
from benchmarks.study.subjects import Subject


@dataclasses.dataclass(frozen=True)
class Anatomy:
    """What is segmented, and where its subjects come from.

    Parameters
    ----------
    title : str
        For people.
    labels : mapping
        The structures by name.
    targets : mapping of mappings
        What is measured, each a mapping of names to a label or a tuple of them, as ``evaluate(labels=)`` takes it:
        a target ``"tissues"`` joins structures that intensities alone cannot tell apart. The methods that know no
        places (`Method.knows_places` False) are measured on the target ``whole`` alone.
    whole : str
        The target that all methods are measured on.
    tolerances : mapping
        Millimetres for the normalized surface distance, by name.
    subject : function of settings, name, seed and variability
        Make a subject. Variability 1 is the usual one, that of training subjects; `shape` raises it.
    sources : tuple of str
        What it is made of, with licences.
    missing : function
        Why it cannot be made here, or "" if it can.
    difficulties : bool
        Whether the levels of difficulty are made of it, or clean images alone.
    at_most : mapping
        How many subjects there are of each role, where they are people: ``{"train": 6, "val": 2, "test": 3}``.
    """

    title: str
    labels: Mapping[str, int]
    targets: Mapping[str, Mapping[str, int | tuple[int, ...]]]
    whole: str
    tolerances: Mapping[str, float]
    subject: Callable[[Settings, str, int, float], Subject]
    sources: tuple[str, ...]
    missing: Callable[[], str] = lambda: ""
    difficulties: bool = True
    at_most: Mapping[str, int] = dataclasses.field(default_factory=dict)


def anatomy(name: str) -> Anatomy:
    """Find the anatomy of this name."""
    found = importlib.import_module(f"{__name__}.{name}").ANATOMY
    assert isinstance(found, Anatomy)
    return found
