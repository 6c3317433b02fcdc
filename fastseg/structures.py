"""What to evaluate: the structures that ``labels=`` names, and the tolerance of each."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fastseg.arrays import as_label, as_labels
from fastseg.choices import did_you_mean
from fastseg.errors import InputError, InputTypeError
from fastseg.joint import JointHistogram
from fastseg.results import Label, label_text

Labels = Iterable[int] | Mapping[str, int | Sequence[int]] | Mapping[int, str]


@dataclass(frozen=True)
class Structure:
    """A label, or several that form a region, under a name."""

    name: str
    label: Label

    @property
    def values(self) -> tuple[int, ...]:
        """The labels that it is made of."""
        return self.label if isinstance(self.label, tuple) else (self.label,)


def as_structures(
    labels: Labels | None, histogram: JointHistogram, ignore: int | None
) -> list[Structure]:
    """The structures to evaluate, under their names."""
    if labels is None:
        found = [label for label in histogram.labels if label not in (0, ignore)]
        return [Structure(str(label), label) for label in found]
    if isinstance(labels, Mapping):
        named: list[tuple[Any, Any]] = list(labels.items())
        if all(
            isinstance(value, str) for value in labels.values()
        ):  # id to name, as TotalSegmentator has it
            named = [(name, label) for label, name in named]
        wanted = [Structure(str(name), _as_label_or_region(value, name)) for name, value in named]
    else:
        wanted = [Structure(str(label), label) for label in as_labels(labels, "labels")]
    if not wanted:
        raise InputError("labels: give at least one label, or None for all that are found")
    names = [structure.name for structure in wanted]
    if len(set(names)) != len(names):
        raise InputError(f"labels: each label once, got {', '.join(names)}")
    if ignore is not None:
        for structure in wanted:
            if ignore in structure.values:
                raise InputError(f"labels: {structure.name!r} holds the ignore_label {ignore}")
    return wanted


def _as_label_or_region(value: object, name: str) -> Label:
    if isinstance(value, (list, tuple, set, frozenset, range, np.ndarray)):
        parts = tuple(dict.fromkeys(as_label(part, f"labels[{name!r}]") for part in value))
        if not parts:
            raise InputError(f"labels[{name!r}]: a region needs at least one label")
        return parts
    return as_label(value, f"labels[{name!r}]")


def as_tolerances(
    tolerance: float | Mapping[str | int, float], wanted: list[Structure], any_id: bool
) -> list[float]:
    """A checked tolerance for each structure; `any_id` allows ids that this case does not have."""
    if not isinstance(tolerance, Mapping):
        return [_check_tolerance(tolerance, "tolerance")] * len(wanted)
    known: list[str | int] = ["default"]
    for structure in wanted:
        known += [structure.name, *structure.values]
    for key in tolerance:
        if key not in known and not (any_id and isinstance(key, int)):
            raise InputError(
                f"tolerance: {key!r} is no label that is evaluated; {did_you_mean(key, known)}"
            )
    chosen = []
    for structure in wanted:
        keys: list[Any] = [structure.name, structure.label, "default"]
        given = [tolerance[key] for key in keys if key in tolerance]
        if not given:
            raise InputError(
                f"tolerance: none given for label {structure.name!r} ({label_text(structure.label)}); "
                "name it, or add 'default'"
            )
        chosen.append(_check_tolerance(given[0], f"tolerance of {structure.name!r}"))
    return chosen


def _check_tolerance(value: object, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)):
        raise InputTypeError(f"{name}: expected a number, got {value!r}")
    if not (math.isfinite(value) and value >= 0):
        raise InputError(f"{name}: expected a finite number that is not negative, got {value!r}")
    return float(value)
