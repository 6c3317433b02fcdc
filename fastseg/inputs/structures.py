"""What to evaluate: the structures that ``labels=`` names, and the tolerance of each."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from fastseg.errors import InputError, InputTypeError
from fastseg.inputs.arrays import as_label, as_labels
from fastseg.inputs.choices import did_you_mean

#: the id of a structure: a label, or the labels that form a region
Label = int | tuple[int, ...]

Labels = Iterable[int] | Mapping[str, Any] | Mapping[int, str]

SIDES = ("reference", "prediction")


def label_text(label: Label | None) -> str:
    """Write a label id, or the ids of a region joined by ``+``; nothing for None."""
    if isinstance(label, tuple):
        return "+".join(str(part) for part in label)
    return "" if label is None else str(label)


class Structure(NamedTuple):
    """What is compared: some labels of the reference with some labels of the prediction, under a name."""

    name: str
    label: Label  # as it was asked for; the reference's where the sides differ
    reference: tuple[int, ...]
    prediction: tuple[int, ...]

    @classmethod
    def of(cls, name: str, reference: Label, prediction: Label | None = None) -> Structure:
        """Make a structure of a label or region; of the same one on both sides unless told otherwise."""
        labels = reference if isinstance(reference, tuple) else (reference,)
        if prediction is None:
            return cls(name, reference, labels, labels)
        others = prediction if isinstance(prediction, tuple) else (prediction,)
        return cls(name, reference, labels, others)


def as_structures(labels: Labels, ignore: int | None) -> tuple[Structure, ...]:
    """Read ``labels=``: ids, names of ids or regions, or ids to names.

    Raises
    ------
    InputError, InputTypeError
        For none at all, a name given twice, what is no whole number, and a structure that holds the ignored label.
    """
    if isinstance(labels, Mapping):
        named: list[tuple[Any, Any]] = list(labels.items())
        if all(
            isinstance(value, str) for _, value in named
        ):  # id to name, as TotalSegmentator has it
            named = [(name, label) for label, name in named]
        wanted = [_as_structure(str(name), value) for name, value in named]
    else:
        wanted = [Structure.of(str(label), label) for label in as_labels(labels, "labels")]
    if not wanted:
        raise InputError("labels: give at least one label, or None for all that are found")
    names = [structure.name for structure in wanted]
    if len(set(names)) != len(names):
        raise InputError(f"labels: each label once, got {', '.join(names)}")
    for structure in wanted:
        if ignore is not None and ignore in (*structure.reference, *structure.prediction):
            raise InputError(f"labels: {structure.name!r} holds the ignore_label {ignore}")
    return tuple(wanted)


def _as_structure(name: str, value: object) -> Structure:
    """Read one entry of a mapping: a label, a region, or one of these for either side."""
    if not isinstance(value, Mapping):
        return Structure.of(name, _as_label_or_region(value, f"labels[{name!r}]"))
    if set(value) != set(SIDES):
        raise InputError(
            f"labels[{name!r}]: expected the keys 'reference' and 'prediction', got {dict(value)!r:.80}"
        )
    sides = [_as_label_or_region(value[side], f"labels[{name!r}][{side!r}]") for side in SIDES]
    return Structure.of(name, *sides)


def _as_label_or_region(value: object, argument: str) -> Label:
    if isinstance(value, (list, tuple, set, frozenset, range, np.ndarray)):
        parts = tuple(dict.fromkeys(as_label(part, argument) for part in value))
        if not parts:
            raise InputError(f"{argument}: a region needs at least one label")
        return parts
    return as_label(value, argument)


def check_tolerance(value: object, name: str = "tolerance") -> float:
    """Take a tolerance: a finite number that is not negative."""
    if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)):
        raise InputTypeError(f"{name}: expected a number, got {value!r}")
    if not (math.isfinite(value) and value >= 0):
        raise InputError(f"{name}: expected a finite number that is not negative, got {value!r}")
    return float(value)


def as_tolerances(
    tolerance: Mapping[str | int, float], wanted: Sequence[Structure], *, any_id: bool
) -> list[float]:
    """Find the tolerance of each structure; `any_id` allows ids that this case does not have."""
    known: dict[str | int, None] = {"default": None}
    for structure in wanted:
        known |= dict.fromkeys((structure.name, *structure.reference, *structure.prediction))
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
        chosen.append(check_tolerance(given[0], f"tolerance of {structure.name!r}"))
    return chosen
