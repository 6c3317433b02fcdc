"""What a lecture says of methods and difficulties, a sentence a function, a section of it a file.

Each function gives one number of what was measured. Two limits that stand beside the sentence, and nobody's opinion,
make of it that the sentence is shown, contradicted, or not decided.
"""

from __future__ import annotations

import dataclasses
import importlib
import math
import pkgutil
from collections.abc import Callable

from benchmarks.study.tables import Missing, Tables

SHOWN, CONTRADICTED, NOT_DECIDED, NOT_MEASURED = (
    "shown",
    "contradicted",
    "not decided",
    "not measured",
)


@dataclasses.dataclass(frozen=True)
class Found:
    """A number, and what it is made of in words: ``Found(0.12, "0.91 → 0.79")``."""

    number: float
    told: str


@dataclasses.dataclass(frozen=True)
class Claim:
    """A sentence, and how it is judged.

    Parameters
    ----------
    name : str
        Of its function.
    section : str
        Of the lecture: "4.1.2".
    sentence : str
        What it says, in our words.
    measured : str
        What the number is.
    shown, contradicted : float
        From which number on, and from which one back, it is shown or contradicted. Where `shown` is the smaller one,
        small numbers speak for it.
    find : function of Tables
        Give the number; raises `Missing` where a run has not what it takes.
    ours : bool
        Whether it is no sentence of the lecture, but what one would ask next.
    """

    name: str
    section: str
    sentence: str
    measured: str
    shown: float
    contradicted: float
    find: Callable[[Tables], Found]
    ours: bool = False

    @property
    def rule(self) -> str:
        """Say when it is shown."""
        more, less = ("≥", "≤") if self.shown > self.contradicted else ("≤", "≥")
        return f"shown {more} {self.shown:g}, contradicted {less} {self.contradicted:g}"


@dataclasses.dataclass(frozen=True)
class Verdict:
    """What the numbers say of a claim."""

    claim: Claim
    verdict: str
    number: float
    told: str


VERDICTS = (SHOWN, CONTRADICTED, NOT_DECIDED, NOT_MEASURED)

_REGISTRY: dict[str, Claim] = {}


def claim(
    section: str,
    sentence: str,
    measured: str,
    *,
    shown: float,
    contradicted: float,
    ours: bool = False,
) -> Callable[[Callable[[Tables], Found]], Callable[[Tables], Found]]:
    """Register a function that gives the number of a sentence."""

    def registered(find: Callable[[Tables], Found]) -> Callable[[Tables], Found]:
        name = find.__name__
        if name in _REGISTRY and _REGISTRY[name].find.__module__ != find.__module__:
            raise ValueError(f"There are two claims {name!r}.")
        _REGISTRY[name] = Claim(name, section, sentence, measured, shown, contradicted, find, ours)
        return find

    return registered


def registry() -> tuple[Claim, ...]:
    """Give all claims, in the order of the lecture."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
    return tuple(sorted(_REGISTRY.values(), key=lambda one: _numbers(one.section)))


def _numbers(section: str) -> tuple[int, ...]:
    return tuple(map(int, section.split(".")))


def judge(one: Claim, tables: Tables) -> Verdict:
    """Say what the numbers of a run make of a claim."""
    try:
        found = one.find(tables)
    except Missing as why:
        return Verdict(one, NOT_MEASURED, math.nan, str(why))
    return Verdict(one, decided(one, found.number), found.number, found.told)


def decided(one: Claim, number: float) -> str:
    """Apply the limits of a claim to a number."""
    sign = 1 if one.shown > one.contradicted else -1
    if sign * number >= sign * one.shown:
        return SHOWN
    if sign * number <= sign * one.contradicted:
        return CONTRADICTED
    return NOT_DECIDED
