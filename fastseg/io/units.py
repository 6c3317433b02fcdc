"""Units of length by the names that files give them."""

from __future__ import annotations

_NAMES = {
    1e3: "m meter metre",
    1e2: "dm decimeter decimetre",
    1e1: "cm centimeter centimetre",
    1.0: "mm millimeter millimetre",
    1e-3: "um µm μm micron micrometer micrometre \\u00b5m u",
    1e-6: "nm nanometer nanometre",
    1e-7: "å angstrom",
    1e-9: "pm picometer picometre",
    25.4: 'in inch inches "',
}
_MILLIMETRES = {name: size for size, names in _NAMES.items() for name in names.split()}


def millimetres(unit: str) -> float | None:
    """Return how many mm a unit of length is, None for one that is not known.

    Examples
    --------
    >>> millimetres("microns"), millimetres("CM"), millimetres("parsec")
    (0.001, 10.0, None)
    """
    name = unit.strip().lower()
    return _MILLIMETRES.get(name, _MILLIMETRES.get(name.removesuffix("s")))
