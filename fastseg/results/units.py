"""What a number of the table is measured in: the one place that writes a unit's text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from fastseg.results.score_facts import facts_of

#: the columns of a table that are volumes, beside its metrics
VOLUMES = ("volume_reference", "volume_prediction")

#: between the units of cases that differ in them, and where nothing says which it is
OR = " or "
UNKNOWN = f"mm{OR}voxels"

_POWERS = {1: "", 2: "²", 3: "³"}


def length_unit(settings: Mapping[str, Any]) -> str:
    """Give the unit of a length: "mm", or "voxels" where no spacing was known; both if the cases differ."""
    return str(settings.get("unit", UNKNOWN))


def length_text(length: float, settings: Mapping[str, Any]) -> str:
    """Write a length with its unit: "2.5 mm", "1 voxel"."""
    unit = length_unit(settings)
    return f"{length:g} {'voxel' if unit == 'voxels' and length == 1 else unit}"


def numbers_of_axes(settings: Mapping[str, Any]) -> tuple[int, ...]:
    """Give the number of axes of the label maps: several if the cases differ, 3 where nothing says it."""
    if "axes" in settings:
        return tuple(settings["axes"])
    for key in ("spacing", "shape"):
        if isinstance(settings.get(key), (list, tuple)):
            return (len(settings[key]),)
    return (3,)


def _axes_of_surfaces(settings: Mapping[str, Any]) -> tuple[int, ...]:
    """Give the number of axes along which surfaces were measured: of a slice, those of its plane."""
    shape = settings.get("shape")
    if settings.get("single_slice") == "plane" and isinstance(shape, (list, tuple)):
        return (max(1, sum(size > 1 for size in shape)),)
    return numbers_of_axes(settings)


def unit_text(unit: str, settings: Mapping[str, Any]) -> str:
    """Write the unit of a metric as it is under these settings.

    Parameters
    ----------
    unit : str
        As in :class:`~fastseg.metrics.Metric`: "mm" for a length, "mm²" for a surface, "mm³" for a volume; in a plane
        these are a length and an area.
    settings : mapping
        Of the evaluation.

    Examples
    --------
    >>> unit_text("mm³", {"unit": "mm", "spacing": [0.5, 0.5]})
    'mm²'
    >>> unit_text("mm", {"unit": "voxels", "spacing": [1.0, 1.0]})
    'voxels'
    """
    if unit not in ("mm", "mm²", "mm³"):
        return unit
    powers: Iterable[int] = (1,)
    if unit == "mm³":
        powers = numbers_of_axes(settings)
    elif unit == "mm²":
        powers = [n - 1 for n in _axes_of_surfaces(settings)]
    texts: list[str] = []
    for length in length_unit(settings).split(OR):
        if length == "voxels":  # a volume is a number of voxels too
            texts.append(length)
        else:
            texts += [length + _POWERS[n] if n else "" for n in powers]
    return OR.join(dict.fromkeys(texts))


def units_of(metrics: Iterable[str], settings: Mapping[str, Any]) -> dict[str, str]:
    """Give the unit of each metric, "" for a ratio and for a metric that this version does not know."""
    return {name: unit_text(facts_of(name, settings).unit, settings) for name in metrics}


def joined_units(parts: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Say in settings what the units of several evaluations are, where these differ in them."""
    parts = list(parts)
    lengths = {length: None for part in parts for length in length_unit(part).split(OR)}
    axes = sorted({n for part in parts for n in numbers_of_axes(part)})
    return {"unit": OR.join(sorted(lengths)), "axes": axes}
