"""What a run consists of: its subjects, its conditions, its methods."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np

from benchmarks.study import difficulties, methods
from benchmarks.study.anatomies import Anatomy, anatomy
from benchmarks.study.folder import CLEAN, Condition
from benchmarks.study.settings import Settings
from benchmarks.study.subjects import Subject

ROLES = ("train", "val", "test")


@dataclasses.dataclass(frozen=True)
class Plan:
    """All that is to be done, and in which order it is told."""

    settings: Settings
    anatomies: tuple[str, ...]
    difficulties: tuple[str, ...]
    methods: tuple[str, ...]
    #: anatomies that cannot be made here, and why
    missing: dict[str, str]

    def subjects(self, name: str, role: str) -> list[str]:
        """Give the names of the subjects of an anatomy in this role: test_00, test_01, …"""
        many = (self.settings.training, self.settings.validation, self.settings.testing)[
            ROLES.index(role)
        ]
        many = min(many, anatomy(name).at_most.get(role, many))
        return [f"{role}_{number:02d}" for number in range(many)]

    def conditions(self, name: str) -> list[Condition]:
        """Give the conditions under which the test subjects of an anatomy are imaged, the clean one first."""
        if not anatomy(name).difficulties:
            return [CLEAN]
        levels = self.settings.levels
        return [CLEAN, *(Condition(kind, level) for kind in self.difficulties for level in levels)]

    def targets(self, name: str, method: str) -> list[str]:
        """Give the targets that a method is measured on."""
        found: Anatomy = anatomy(name)
        return list(found.targets) if methods.method(method).knows_places else [found.whole]

    def each(self) -> Iterator[tuple[str, str]]:
        """Give all anatomies with all methods."""
        for name in self.anatomies:
            for method in self.methods:
                yield name, method


def plan(settings: Settings, only: tuple[str, ...] = ()) -> Plan:
    """Find what there is to do, with all methods or `only` some."""
    missing = {name: anatomy(name).missing() for name in settings.anatomies}
    known = methods.names()
    for name in only:
        if name not in known:
            raise SystemExit(f"There is no method {name!r}: there are {', '.join(known)}.")
    return Plan(
        settings,
        tuple(name for name in settings.anatomies if not missing[name]),
        difficulties.names(),
        tuple(name for name in known if not only or name in only),
        {name: why for name, why in missing.items() if why},
    )


def seed_of(settings: Settings, name: str, subject: str) -> int:
    """Draw the seed of a subject; another anatomy, role or number has another."""
    role, number = subject.split("_")
    entropy = (settings.seed, *name.encode(), ROLES.index(role), int(number))
    return int(np.random.SeedSequence(entropy).generate_state(1)[0])


def subject_of(settings: Settings, name: str, subject: str, variability: float = 1.0) -> Subject:
    """Make a subject."""
    seed = seed_of(settings, name, subject)
    return anatomy(name).subject(settings, subject, seed, variability)
