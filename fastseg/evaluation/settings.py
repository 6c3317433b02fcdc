"""All that a result depends on besides the two label maps: checked once, frozen, picklable."""

from __future__ import annotations

import functools
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal

from fastseg import dispatch, io
from fastseg.errors import InputError, InputTypeError
from fastseg.flags import Chosen, FlagsArgument, as_flags
from fastseg.inputs.arrays import Spacing, as_label, as_spacing
from fastseg.inputs.choices import unknown
from fastseg.inputs.scalars import as_flag, as_number, as_tolerance, is_scalar, shown
from fastseg.inputs.structures import (
    Label,
    Labels,
    Structure,
    as_structures,
    as_tolerance_or_mapping,
    as_tolerances,
)
from fastseg.measures.distributions import PERCENTILE_METHODS, PercentileMethod
from fastseg.measures.surface_distances import BOUNDARIES, Boundary
from fastseg.metrics import FROM_HISTOGRAM, EmptyPolicy, Metric, as_policy, resolve
from fastseg.metrics.empty_masks import Value
from fastseg.metrics.overlap import names_of_betas, with_betas
from fastseg.threads import lazy

SingleSlice = Literal["plane", "volume"]

#: the width of the band of boundary_iou; None is the tolerance, "diagonal" 2 % of the image's diagonal
BoundaryWidth = float | Mapping[str | int, float] | Literal["diagonal"] | None

#: what a map with an axis of one entry is: a slice measured in its plane, or a volume, all of which is surface
SINGLE_SLICE: tuple[SingleSlice, ...] = ("plane", "volume")


@dataclass(frozen=True)
class Settings:
    """What :func:`fastseg.evaluate` was asked for, checked.

    It can be pickled and sent to another process, and `plain` tells what a result was made with.

    Attributes
    ----------
    spacing : float or tuple of float, or None
        As given; None takes that of the images.
    structures : tuple of Structure, or None
        None stands for all labels that are found.
    metric_names : tuple of str
    tolerance : float or mapping
    boundary_width : float, mapping, "diagonal" or None
    beta : float or tuple of float
    boundary : {"voxel", "surfel", "vertex", "mesh"}
    percentile_method : {"max_of_directions", "pooled"}
    policy : EmptyPolicy
    ignore_label : int or None
    backend : str or None
    single_slice : {"plane", "volume"}
    grid_tolerance : float
    ignore_grid, reorient : bool
    flags : tuple of (str, float)
        The flags that are looked for, and their thresholds.
    """

    spacing: float | Spacing | None
    structures: tuple[Structure, ...] | None
    metric_names: tuple[str, ...]
    tolerance: float | Mapping[str | int, float]
    boundary_width: BoundaryWidth
    beta: float | tuple[float, ...]
    boundary: Boundary
    percentile_method: PercentileMethod
    policy: EmptyPolicy
    ignore_label: int | None
    backend: str | None
    single_slice: SingleSlice
    grid_tolerance: float
    ignore_grid: bool
    reorient: bool
    flags: Chosen

    @classmethod
    def checked(
        cls,
        *,
        spacing: float | Sequence[float] | None = None,
        labels: Labels | None = None,
        metrics: str | Iterable[str] | None = None,
        tolerance: float | Mapping[str | int, float] = 1.0,
        boundary_width: BoundaryWidth = None,
        beta: float | Sequence[float] = 1.0,
        boundary: Boundary = "voxel",
        percentile_method: PercentileMethod = "max_of_directions",
        empty: str | Mapping[str, Value] = "worst",
        ignore_label: int | None = None,
        backend: str | None = None,
        single_slice: SingleSlice = "plane",
        grid_tolerance: float = io.GridRules().tolerance,
        ignore_grid: bool = False,
        reorient: bool = False,
        flags: FlagsArgument = True,
    ) -> Settings:
        """Check the options of :func:`fastseg.evaluate`, before anything is read.

        What depends on the maps, the number of their axes and which labels they hold, is checked with them.
        """
        chosen = resolve(metrics, of="structures")
        policy = as_policy(empty)
        if boundary not in BOUNDARIES:
            raise unknown("boundary", boundary, BOUNDARIES)
        if percentile_method not in PERCENTILE_METHODS:
            raise unknown("percentile_method", percentile_method, PERCENTILE_METHODS)
        ignore = None if ignore_label is None else as_label(ignore_label, "ignore_label")
        structures = None if labels is None else as_structures(labels, ignore)
        tolerance = as_tolerance_or_mapping(tolerance)
        if isinstance(tolerance, dict) and structures is not None:
            as_tolerances(tolerance, structures, any_id=False)
        width = _as_boundary_width(boundary_width)
        if isinstance(width, dict) and structures is not None:
            as_tolerances(width, structures, any_id=False, argument="boundary_width")
        betas = _as_betas(beta)
        dispatch.check_backend(backend)
        if single_slice not in SINGLE_SLICE:
            raise unknown("single_slice", single_slice, SINGLE_SLICE)
        grid_tolerance = as_tolerance(grid_tolerance, "grid_tolerance")
        return cls(
            _as_voxel_size(spacing),
            structures,
            with_betas([metric.name for metric in chosen], betas),
            tolerance,
            width,
            betas,
            boundary,
            percentile_method,
            policy,
            ignore,
            backend,
            single_slice,
            grid_tolerance,
            as_flag(ignore_grid, "ignore_grid"),
            as_flag(reorient, "reorient"),
            as_flags(flags),
        )

    @lazy
    def metrics(self) -> tuple[Metric, ...]:
        """The metrics, made from their names: functions of a family do not pickle."""
        return resolve(self.metric_names)

    @lazy
    def measurements(self) -> frozenset[str]:
        """What a backend has to measure for these metrics."""
        return frozenset(metric.measurement for metric in self.metrics) - FROM_HISTOGRAM

    @lazy
    def within_tolerance(self) -> bool:
        """Whether there are metrics of distances, none of which needs one beyond the tolerance."""
        of_distances = [
            metric.within_tolerance
            for metric in self.metrics
            if metric.measurement == "surface_distributions"
        ]
        return bool(of_distances) and all(of_distances)

    @lazy
    def plain(self) -> Mapping[str, Any]:
        """What a table needs to say of the settings, in plain values."""
        structures = self.structures
        return {
            "labels": None if structures is None else {one.name: one.label for one in structures},
            "tolerance": self.tolerance,
            "boundary_width": self.boundary_width,
            "beta": list(self.beta) if isinstance(self.beta, tuple) else self.beta,
            "boundary": self.boundary,
            "percentile_method": self.percentile_method,
            "empty": self.policy.to_plain(),
            "ignore_label": self.ignore_label,
            "single_slice": self.single_slice,
            "grid_tolerance": self.grid_tolerance,
            "ignore_grid": self.ignore_grid,
            "reorient": self.reorient,
            "flags": dict(self.flags),
        }

    @lazy
    def identity(self) -> Mapping[str, Any]:
        """All that the numbers of a case depend on beside its files, in values that JSON gives back as they were.

        Two runs whose settings have the same identity give the same rows. The backend is no part of it: backends agree
        to the bit.
        """
        structures = self.structures
        spacing = self.spacing
        return {
            **self.plain,
            "labels": None
            if structures is None
            else {one.name: [list(one.reference), list(one.prediction)] for one in structures},
            "metrics": list(self.metric_names),
            "tolerance": _with_text_keys(self.tolerance),
            "boundary_width": _with_text_keys(self.boundary_width),
            "spacing": list(spacing) if isinstance(spacing, tuple) else spacing,
        }

    @property
    def known_labels(self) -> Mapping[str, Label] | None:
        """The labels of the rows that are known before anything is read, by their names; None if none is."""
        if self.structures is None:
            return None
        return {one.name: one.label for one in self.structures}

    def further_files(self, case: str) -> tuple[str, ...]:
        """List the files that a case is evaluated with beside its two: a later run sees whether they changed."""
        return ()

    @property
    def grid_rules(self) -> io.GridRules:
        """How the grids of two images are compared."""
        return io.GridRules(self.grid_tolerance, self.ignore_grid, self.reorient)

    def __getstate__(self) -> dict[str, Any]:
        return {field.name: getattr(self, field.name) for field in fields(self)}


#: :meth:`Settings.checked`, kept: a training loop asks for the same a hundred thousand times. For options of `FIXED`
#: types, or tuples of them, alone.
kept = functools.lru_cache(maxsize=128, typed=True)(Settings.checked)

#: What is equal to another of its type and never changes, so that settings may be kept by it. A tensor is hashed by
#: where it lies, and may hold something else the next time.
FIXED = frozenset((type(None), str, bool, int, float, tuple))


def are_fixed(values: Collection[Any]) -> bool:
    """Tell whether settings may be kept by these values: tuples hold fixed ones too, and no truth values.

    (1, True) would be taken for (1, 1).
    """
    if not FIXED.issuperset(map(type, values)):
        return False
    for value in values:
        if type(value) is tuple:
            types = set(map(type, value))
            if not types <= FIXED or bool in types:
                return False
    return True


def _with_text_keys(value: Any) -> Any:
    """Give a mapping of labels to lengths as JSON gives it back; anything else as it is."""
    if isinstance(value, Mapping):
        return {str(key): float(size) for key, size in value.items()}
    return value


def _as_boundary_width(value: Any) -> BoundaryWidth:
    """Check the width of the boundary band: a positive length, one for each label, or 2 % of the diagonal."""
    if value is None:
        return None
    if isinstance(value, (str, bytes)):
        if value == "diagonal":
            return "diagonal"
        raise unknown("boundary_width", value, ["diagonal"])
    widths = as_tolerance_or_mapping(value, "boundary_width")
    for width in widths.values() if isinstance(widths, dict) else [widths]:
        if not width:
            raise InputError("boundary_width: expected a number above 0, got 0: the band is empty")
    return widths


def _as_betas(value: Any) -> float | tuple[float, ...]:
    """Check one β, or several, each of which gets a column; one in a list is one."""
    if isinstance(value, (str, bytes, Mapping)):
        raise InputTypeError(f"beta: expected a number, or several, got {shown(value)}")
    betas = [as_number(one, "beta") for one in ([value] if is_scalar(value) else value)]
    if not betas or not all(0 <= beta < 1e6 for beta in betas):
        raise InputError(f"beta: expected a number of at least 0, or several, got {shown(value)}")
    names = names_of_betas(betas)
    if len(set(names)) < len(betas) or any(
        float(name[1:].replace("_", ".")) != beta for name, beta in zip(names, betas, strict=True)
    ):
        raise InputError(f"beta: each number once and up to six decimal places, got {shown(value)}")
    return tuple(betas) if len(betas) > 1 else betas[0]


def _as_voxel_size(spacing: Any) -> float | Spacing | None:
    """Check a spacing as far as this is possible without knowing the number of axes."""
    if spacing is None:
        return None
    if isinstance(spacing, (str, bytes)):
        raise InputTypeError(
            f"spacing: expected a number, or one for each array axis, got the text {shown(spacing)}"
        )
    if is_scalar(spacing):
        return as_spacing(spacing, 1)[0]
    has_one_axis = hasattr(spacing, "__len__") and getattr(spacing, "ndim", 1) == 1
    ndim = len(spacing) if has_one_axis and len(spacing) in (1, 2, 3) else 3
    return as_spacing(spacing, ndim)
