"""The worst of all errors: nothing is found."""

from __future__ import annotations

from fastseg.stressing.registry import error
from fastseg.stressing.structure import Damage, StressedStructure


@error(amounts=(100.0,), unit="%", what="nothing of it is found", of="the share of its volume")
def empty(structure: StressedStructure, amount: float) -> Damage:
    """Leave out everything."""
    return structure.without(structure.mask)
