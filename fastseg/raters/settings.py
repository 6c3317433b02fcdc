"""What decides the numbers of several raters: every option, checked before anything is read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, get_args

from fastseg.errors import InputError, InputTypeError
from fastseg.inputs.choices import unknown
from fastseg.inputs.scalars import as_tolerance, as_whole_number, shown
from fastseg.inputs.structures import Labels, Structure, as_structures
from fastseg.io import GridRules
from fastseg.metrics import resolve
from fastseg.raters.agreement import Level

METHODS = ("majority", "staple", "simple")
LEVELS: tuple[str, ...] = get_args(Level)
DEFAULT_METRICS = ("dice", "iou", "hd95", "assd", "nsd")


@dataclass(frozen=True)
class RaterSettings:
    """The options of :func:`fastseg.evaluate_raters`, checked."""

    structures: tuple[Structure, ...] | None
    spacing: float | tuple[float, ...] | None
    metrics: tuple[str, ...]
    tolerance: float
    consensus: str
    levels: tuple[Level, ...]
    seed: int
    rules: GridRules

    @classmethod
    def checked(
        cls,
        *,
        labels: Labels | None = None,
        spacing: float | Sequence[float] | None = None,
        metrics: str | Iterable[str] = DEFAULT_METRICS,
        tolerance: float = 1.0,
        consensus: str = "majority",
        levels: str | Iterable[str] = "nominal",
        seed: int = 0,
        grid_tolerance: float = GridRules().tolerance,
        ignore_grid: bool = False,
        reorient: bool = False,
    ) -> RaterSettings:
        """Check all options.

        Raises
        ------
        InputError, InputTypeError
            For unknown names, and what is no label, number or voxel size.
        """
        if consensus not in METHODS:
            raise unknown("consensus", consensus, METHODS)
        start = as_whole_number(seed, "seed")
        if start < 0:
            raise InputError(f"seed: expected 0 or more, got {start}")
        return cls(
            None if labels is None else as_structures(labels, None),
            tuple(spacing) if isinstance(spacing, (list, tuple)) else spacing,  # type: ignore[arg-type]
            tuple(metric.name for metric in resolve(metrics)),
            as_tolerance(tolerance),
            consensus,
            as_levels(levels),
            start,
            GridRules(
                as_tolerance(grid_tolerance, "grid_tolerance"), bool(ignore_grid), bool(reorient)
            ),
        )


def as_levels(levels: Any) -> tuple[Level, ...]:
    """Take one level of measurement, or several."""
    if not isinstance(levels, Iterable):
        raise InputTypeError(f"levels: expected names of levels, got {shown(levels)}")
    names = [levels] if isinstance(levels, str) else list(levels)
    for name in names:
        if name not in LEVELS:
            raise unknown("levels", name, LEVELS)
    return tuple(level for level in get_args(Level) if level in names)
