"""All protocols by name; each module is imported when one of its own is asked for."""

from __future__ import annotations

import importlib

from fastseg.errors import InputTypeError
from fastseg.inputs.choices import unknown
from fastseg.inputs.scalars import shown
from fastseg.protocols.framework.homes import HOMES
from fastseg.protocols.framework.protocol import Protocol


def find_protocol(name: str) -> Protocol:
    """Find a protocol by its name, in upper or lower case, with ``_`` for ``-`` if wanted.

    Raises
    ------
    TypeError, ValueError
        For what is no name, and for an unknown one, with the nearest.
    """
    if not isinstance(name, str):
        raise InputTypeError(f"protocol: expected a name, got {shown(name)}")
    plain = name.strip().lower().replace("_", "-")
    if plain not in HOMES:
        raise unknown("protocol", name, HOMES)
    module = importlib.import_module(f"fastseg.protocols.{HOMES[plain]}")
    found: dict[str, Protocol] = {one.name: one for one in module.PROTOCOLS}
    return found[plain]


def list_protocols() -> tuple[Protocol, ...]:
    """All protocols, in the order of their names.

    Returns
    -------
    tuple of Protocol
        With `name`, `title`, `source`, `about`, `scores`, `rules`, `options` and `quirks`; ``described()`` says it all
        in words.

    Examples
    --------
    >>> import fastseg
    >>> all(protocol.about for protocol in fastseg.list_protocols())
    True
    """
    return tuple(find_protocol(name) for name in sorted(HOMES))
