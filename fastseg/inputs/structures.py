"""What to evaluate: the structures that ``labels=`` names, and the tolerance of each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

from fastseg.errors import InputError, InputTypeError
from fastseg.inputs.arrays import as_label, as_labels
from fastseg.inputs.choices import did_you_mean
from fastseg.inputs.scalars import as_tolerance, as_whole_number, is_scalar, shown

#: the id of a structure: a label, or the labels that form a region
Label = int | tuple[int, ...]

Labels = Iterable[int] | Mapping[str, Any] | Mapping[int, str]

SIDES: tuple[Literal["reference", "prediction"], ...] = ("reference", "prediction")


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
            f"labels[{name!r}]: expected the keys 'reference' and 'prediction', got {shown(dict(value))}"
        )
    sides = [_as_label_or_region(value[side], f"labels[{name!r}][{side!r}]") for side in SIDES]
    return Structure.of(name, *sides)


def _as_label_or_region(value: object, argument: str) -> Label:
    if isinstance(value, Iterable) and not is_scalar(value):
        parts = tuple(dict.fromkeys(as_label(part, argument) for part in value))
        if not parts:
            raise InputError(f"{argument}: a region needs at least one label")
        return parts
    return as_label(value, argument)


Tolerances = dict[str | int, float]


def as_tolerance_or_mapping(tolerance: object, argument: str = "tolerance") -> float | Tolerances:
    """Read ``tolerance=`` or a like argument: one number, or one for each label by name or id, all of them checked.

    Raises
    ------
    InputError, InputTypeError
        For what is no tolerance, a key that is neither a name nor an id, and a label given twice.
    """
    if not isinstance(tolerance, Mapping):
        return as_tolerance(tolerance, argument)
    tolerances: Tolerances = {}
    for given, value in tolerance.items():
        key = str(given) if isinstance(given, str) else _as_id(given, argument)
        if key in tolerances:
            raise InputError(f"{argument}: the label {key!r} is given twice")
        tolerances[key] = as_tolerance(value, f"{argument} of {key!r}")
    return tolerances


def _as_id(key: object, argument: str) -> int:
    if isinstance(key, bool):
        raise InputTypeError(f"{argument}: keys are names or ids of labels, got {key!r}")
    return as_whole_number(key, argument, "keys are names or ids of labels")


def as_tolerances(
    tolerance: Mapping[str | int, float],
    wanted: Sequence[Structure],
    *,
    any_id: bool,
    argument: str = "tolerance",
) -> list[float]:
    """Find the tolerance of each structure in a mapping that :func:`as_tolerance_or_mapping` has read.

    Parameters
    ----------
    tolerance : mapping of names and ids to float
    wanted : sequence of Structure
    any_id : bool
        Allow ids that this case does not have.
    argument : str
        What the caller knows it as.
    """
    known: dict[str | int, None] = {"default": None}
    for structure in wanted:
        known[structure.name] = None
        if isinstance(structure.label, int):  # a region goes by its name alone
            known[structure.label] = None
    for key in tolerance:
        is_id = isinstance(key, int) or key.isdecimal()  # as text where it comes from JSON
        if key not in known and not (any_id and is_id):
            raise InputError(
                f"{argument}: {key!r} is no label that is evaluated; {did_you_mean(key, known)}"
            )
    chosen = []
    for structure in wanted:
        keys: list[Any] = [structure.name, structure.label, "default"]
        given = [tolerance[key] for key in keys if key in tolerance]
        if not given:
            raise InputError(
                f"{argument}: none given for label {structure.name!r} ({label_text(structure.label)}); "
                "name it, or add 'default'"
            )
        chosen.append(given[0])
    return chosen
