"""Errors of a mask, made on purpose: which metric sees which of them, on structures of one's own."""

import importlib

from fastseg.stressing.registry import StressError as StressError
from fastseg.stressing.registry import list_stress_errors as list_stress_errors

# in the order of the table
for _name in ("borders", "parts", "connections", "grids", "neighbours", "nothing"):
    importlib.import_module(f"{__name__}.errors.{_name}")
