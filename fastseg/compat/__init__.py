"""Drop-ins for other libraries: change one import line, or add one call, and keep the numbers.

``fastseg.compat.<host>`` has the names of a host, with its signatures, types, numbers and errors::

    from fastseg.compat.medpy import hd95            # instead of: from medpy.metric.binary import hd95

:func:`patch` puts the same functions into the host itself, explicitly and reversibly, and ``python -m fastseg run
--patch medpy script.py`` does so for a script that stays as it is. Importing this package imports no host and changes
nothing.
"""

from __future__ import annotations

import importlib
from types import ModuleType

from fastseg.compat._support.switch import (
    HOSTS,
    Status,
    StatusRow,
    patch,
    patched,
    status,
    unpatch,
)
from fastseg.errors import UntestedVersionError

__all__ = [
    "HOSTS",
    "Status",
    "StatusRow",
    "UntestedVersionError",
    "patch",
    "patched",
    "status",
    "unpatch",
]


def __getattr__(name: str) -> ModuleType:
    """Import the drop-ins of a host when they are asked for: ``fastseg.compat.medpy``."""
    if name not in HOSTS:
        raise AttributeError(f"module 'fastseg.compat' has no attribute {name!r}")
    return importlib.import_module(f"fastseg.compat.{name}")


def __dir__() -> list[str]:
    return [*__all__, *HOSTS]
