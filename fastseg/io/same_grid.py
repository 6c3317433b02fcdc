"""Whether two images lie on the same grid, and how one that covers a part of the other's is laid onto it."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import NamedTuple, Protocol

from fastseg.errors import GridMismatchError
from fastseg.io.image import Grid, numbers
from fastseg.io.lattice import (
    Arrangement,
    corner_displacements,
    extended,
    is_within,
    of_leading_axes,
    permuted,
    spacing_apart,
    upright,
    whole_mapping,
    without_affine,
)

# How far apart, in voxels, the same corner of both images may lie unless told otherwise. What headers can hold of the
# same grid: float32 puts the far corner of a 1000³ volume up to 1e-4 voxel off, six significant digits of a text header
# 0.002, direction cosines rounded on their way through DICOM 0.02. A grid that really differs is off by a noticeable
# part of a voxel, and no voxel is taken for its neighbour below a half.
TOLERANCE_VOXELS = 0.03

# A map is laid onto another's larger grid, which makes it as large. Zipped files promise much for little, so that a
# prediction may not make more of this than either of these: so many voxels, and so many times the reference's.
MOST_VOXELS = 1 << 28
MOST_TIMES = 64


# What a header's own rounding may add to the tolerance, unless it was chosen.
_MOST_ROUNDING = 0.3

# beyond this a voxel of one lattice is no more that of the other than its neighbour is
_LESS_THAN_HALF = 0.49


class GridRules(NamedTuple):
    """How grids are compared.

    Attributes
    ----------
    tolerance : float
        How far apart, in voxels, corners may lie.
    ignore : bool
        Compare shapes alone.
    reorient : bool
        Undo flips and permutations of the axes of one lattice.
    """

    tolerance: float = TOLERANCE_VOXELS
    ignore: bool = False
    reorient: bool = False


class Gridded(Protocol):
    """What has a shape, and may lie on a grid: an image, or the source of a label map."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Voxels along each axis."""

    @property
    def grid(self) -> Grid | None:
        """Where they lie."""

    @property
    def name(self) -> str:
        """What messages call it."""


class Alignment(NamedTuple):
    """What both images have to go through to lie on one grid; None where an array is taken as it is."""

    grid: Grid | None
    reference: Arrangement | None = None
    prediction: Arrangement | None = None
    notes: tuple[str, ...] = ()


def check_same_grid(reference: Gridded, prediction: Gridded) -> None:
    """Raise GridMismatchError unless both images have the same voxels, as they are.

    The shapes must be equal, and every corner voxel must lie at the same place, within 0.03 voxel
    of the reference along each axis. Where one image has no grid (.npy and .npz files), only
    the shapes are compared; where one has no orientation, shapes and voxel sizes.
    """
    alignment = aligned(reference, prediction, GridRules())
    if reference.shape != prediction.shape or alignment.reference or alignment.prediction:
        raise _differ_in_shape(reference, prediction)


def aligned(
    reference: Gridded, prediction: Gridded, rules: GridRules, are_files: bool = True
) -> Alignment:
    """Find how two images come to lie on one grid.

    `are_files` is False for two arrays.

    Raises
    ------
    GridMismatchError
        If they do not, and what is allowed cannot make them; the message names all that differs.
    """
    first, second = _in_common_axes(reference, prediction)
    grid = first.grid if first.grid is not None else second.grid
    same_axes = Alignment(
        grid, _squeezing(reference, first), _squeezing(prediction, second), _notes(first, second)
    )
    if first.grid is None and second.grid is None and not are_files:
        return same_axes  # who measures two arrays compares their shapes
    if rules.ignore or first.grid is None or second.grid is None:
        if first.shape != second.shape:
            raise _differ_in_shape(reference, prediction)
        return same_axes
    named = _axes_of(first.grid), _axes_of(second.grid)
    is_told = bool(first.grid.axes or second.grid.axes)
    if is_told and named[0] and named[1] and named[0] != named[1]:
        second, same_axes = _in_order_of(*named, first, second, same_axes, rules)
    grids = first.grid, second.grid
    by_origin = all(one is not None and one.origin is not None for one in grids)
    if by_origin:  # of two maps without an orientation, whose axes are the same
        first, second = (
            one._replace(grid=None if one.grid is None else upright(one.grid))
            for one in (first, second)
        )
    alignment = _by_places(first, second, same_axes, rules, (reference, prediction))
    if alignment is same_axes or not by_origin or alignment.grid is None:
        return alignment
    laid, turned = alignment.prediction, same_axes.prediction
    if laid is not None and turned is not None:
        laid = replace(laid, axes=tuple(turned.axes[axis] for axis in laid.axes))
    return alignment._replace(
        grid=without_affine(alignment.grid),
        prediction=laid or turned,
        notes=(*same_axes.notes, *alignment.notes),
    )


def _in_order_of(
    axes: tuple[str, ...],
    others: tuple[str, ...],
    first: _Seen,
    second: _Seen,
    same_axes: Alignment,
    rules: GridRules,
) -> tuple[_Seen, Alignment]:
    """Put the axes of the prediction into the order of the reference's, by their names, if that is allowed."""
    orders = f"{', '.join(axes)} against {', '.join(others)}"
    same = sorted(axes) == sorted(others)
    if not same or not rules.reorient:
        remedy = ", or let it be done (reorient=True, --reorient)" if same else ""
        raise GridMismatchError(
            f"{_names(first, second)} have their axes in different orders: {orders}; transpose one of them{remedy}"
        )
    assert second.grid is not None
    order = tuple(others.index(axis) for axis in axes)
    turned = replace(permuted(second.grid, order), axes=axes)
    arrangement = Arrangement(order, (False,) * len(order), (0,) * len(order), turned.shape)
    note = f"the axes of {second.name} are put into the order of {first.name}: {orders}"
    return second._replace(shape=turned.shape, grid=turned), same_axes._replace(
        prediction=arrangement, notes=(*same_axes.notes, note)
    )


def _by_places(
    first: _Seen,
    second: _Seen,
    same_axes: Alignment,
    rules: GridRules,
    given: tuple[Gridded, Gridded],
) -> Alignment:
    """Compare where the voxels of two images lie, as far as both tell."""
    assert first.grid is not None
    assert second.grid is not None
    reference, prediction = given
    if first.grid.affine is None or second.grid.affine is None:
        if first.shape != second.shape:
            raise _differ_in_shape(reference, prediction)
        _check_spacing(first, second, rules.tolerance)
        return same_axes
    if rules.tolerance == TOLERANCE_VOXELS:
        rounding = max(first.grid.rounding, second.grid.rounding)
        rules = rules._replace(tolerance=max(TOLERANCE_VOXELS, min(rounding, _MOST_ROUNDING)))
    if first.shape == second.shape and _apart(first.grid, second.grid) <= rules.tolerance:
        return same_axes
    mapping = whole_mapping(first.grid, second.grid, min(rules.tolerance, _LESS_THAN_HALF))
    if mapping is None:
        if first.shape != second.shape:
            raise _differ_in_shape(reference, prediction)
        raise _lie_elsewhere(first, second, rules)
    axes, flips, start = mapping
    if (axes != tuple(range(len(axes))) or any(flips)) and not rules.reorient:
        raise _turned(first, second)
    return _laid(first, second, axes, flips, start, rules)


def _axes_of(grid: Grid) -> tuple[str, ...]:
    """Give the names of a grid's axes; an array on a grid with an affine has the axes x, y, z."""
    if grid.axes or grid.affine is None:
        return grid.axes
    return tuple("xyz"[: len(grid.shape)])


class _Seen(NamedTuple):
    """An image with as many axes as the other: what is compared of it."""

    shape: tuple[int, ...]
    grid: Grid | None
    name: str


def _in_common_axes(reference: Gridded, prediction: Gridded) -> tuple[_Seen, _Seen]:
    """Drop the trailing axes of one entry that only one of both has."""
    ndim = min(len(reference.shape), len(prediction.shape))

    def seen(image: Gridded) -> _Seen:
        grid, extra = image.grid, image.shape[ndim:]
        if not extra or any(size != 1 for size in extra):
            return _Seen(image.shape, grid, image.name)
        if grid is not None:
            grid = of_leading_axes(grid, ndim)
        return _Seen(image.shape[:ndim], grid, image.name)

    return seen(reference), seen(prediction)


def _squeezing(image: Gridded, seen: _Seen) -> Arrangement | None:
    """Drop the axes of an array that were dropped to compare it."""
    if image.shape == seen.shape:
        return None
    ndim = len(seen.shape)
    return Arrangement(tuple(range(ndim)), (False,) * ndim, (0,) * ndim, seen.shape)


def _notes(first: _Seen, second: _Seen) -> tuple[str, ...]:
    """Say what was not compared since one of both does not tell."""
    for one, other in ((first, second), (second, first)):
        if one.grid is None and other.grid is not None and other.grid.affine is not None:
            axes = ", ".join("xyz"[: len(one.shape)])
            return (
                f"{one.name or 'an array'} has no grid: its axes are taken as {axes}, as those of {other.name}",
            )
        if one.grid is not None and one.grid.affine is None and other.grid is not None:
            if other.grid.affine is None:
                return ()
            return (
                f"{one.name} gives no orientation: only shape and voxel size are compared with {other.name}",
            )
    return ()


def _laid(
    first: _Seen,
    second: _Seen,
    axes: tuple[int, ...],
    flips: tuple[bool, ...],
    start: tuple[int, ...],
    rules: GridRules,
) -> Alignment:
    """Lay two images of one lattice onto the grid of the one that covers the other."""
    assert first.grid is not None
    shape = tuple(second.shape[axis] for axis in axes)
    ndim = len(shape)
    as_it_is = tuple(range(ndim))
    notes = []
    if axes != as_it_is or any(flips):
        notes.append(f"{second.name} is turned to the orientation of {first.name}")
    within = is_within(start, shape, first.shape)
    back = tuple(-at for at in start)
    if within or is_within(back, first.shape, shape):
        outer, inner, at = (first, second, start) if within else (second, first, back)
        covered = first.shape if within else shape
        if not within and math.prod(shape) > max(MOST_VOXELS, MOST_TIMES * math.prod(first.shape)):
            raise GridMismatchError(
                f"{second.name} covers {math.prod(shape):,} voxels and {first.name} only "
                f"{math.prod(first.shape):,} of them: crop the prediction to a part that fits into memory"
            )
        if shape != first.shape:
            inside = shape if within else first.shape
            notes.append(
                f"{inner.name} covers a part of the grid of {outer.name}, {_times(inside)} of {_times(covered)} "
                f"voxels from {at} on: it is laid onto it, with zeros outside"
            )
        arranged = Arrangement(axes, flips, start if within else (0,) * ndim, covered)
        kept = None if within else Arrangement(as_it_is, (False,) * ndim, back, covered)
        grid = first.grid if within else extended(first.grid, start, covered)
        return Alignment(grid, kept, arranged, tuple(notes))
    raise GridMismatchError(
        f"reference {first.name} and prediction {second.name} lie on one lattice, but neither covers the other: the "
        f"prediction, {_times(shape)} voxels, begins at voxel {start} of the reference's {_times(first.shape)}; "
        "bring both to one extent"
    )


def _times(shape: tuple[int, ...]) -> str:
    return " × ".join(map(str, shape))


def _names(reference: Gridded, prediction: Gridded) -> str:
    return f"reference {reference.name} and prediction {prediction.name}"


def _differ_in_shape(reference: Gridded, prediction: Gridded) -> GridMismatchError:
    """Make the error for two shapes, with what may be behind it."""
    hint = ""
    if None in (reference.grid, prediction.grid) and sorted(reference.shape) == sorted(
        prediction.shape
    ):
        hint = "; the axes seem to be in another order (x, y, z against z, y, x?): transpose the one without a grid"
    return GridMismatchError(
        f"{_names(reference, prediction)} differ in shape: "
        f"{numbers(reference.shape)} against {numbers(prediction.shape)}{hint}"
    )


def _check_spacing(first: _Seen, second: _Seen, tolerance: float) -> None:
    """Compare the voxel sizes of two images of which one has no orientation."""
    assert first.grid is not None
    assert second.grid is not None
    apart = spacing_apart(first.grid.spacing, second.grid.spacing, first.shape)
    if apart > tolerance:
        raise GridMismatchError(
            f"{_names(first, second)} lie on different grids: spacing {numbers(first.grid.spacing)} mm against "
            f"{numbers(second.grid.spacing)} mm; {_advice(apart, tolerance)}"
        )


def _advice(apart: float, tolerance: float) -> str:
    return (
        f"corner voxels are up to {apart:.3g} voxels apart (allowed: {tolerance:g}); resample one onto the other's "
        "grid, or allow more (grid_tolerance=, ignore_grid=)"
    )


def _turned(first: _Seen, second: _Seen) -> GridMismatchError:
    return GridMismatchError(
        f"{_names(first, second)} lie on different grids: {_differences(first, second, 0.0)}; they are one lattice "
        "whose axes run otherwise: reorient=True (--reorient) undoes it"
    )


def _lie_elsewhere(first: _Seen, second: _Seen, rules: GridRules) -> GridMismatchError:
    assert first.grid is not None
    assert second.grid is not None
    apart = _apart(first.grid, second.grid)
    return GridMismatchError(
        f"{_names(first, second)} lie on different grids: {_differences(first, second, rules.tolerance)}; "
        f"{_advice(apart, rules.tolerance)}"
    )


def _differences(first: _Seen, second: _Seen, tolerance: float) -> str:
    """Name all properties that differ by themselves; if only their sum does, the largest of them."""
    assert first.grid is not None
    assert second.grid is not None
    _, shares = corner_displacements(first.grid, second.grid)
    least = min(max(tolerance, 1e-9), max(shares.values()))
    shown_first, shown_second = _describe(first.grid), _describe(second.grid)
    return "; ".join(
        f"{name} {shown_first[name]} against {shown_second[name]}"
        for name, share in shares.items()
        if share >= least
    )


def _apart(reference: Grid, prediction: Grid) -> float:
    """Return by how many voxels any corner lies elsewhere."""
    return corner_displacements(reference, prediction)[0]


def _describe(grid: Grid) -> dict[str, str]:
    """Write spacing, origin and direction of a grid for people."""
    assert grid.affine is not None
    directions = (grid.affine[:3, : len(grid.shape)] / grid.spacing).T
    return {
        "spacing": f"{numbers(grid.spacing)} mm",
        "origin": f"{numbers(grid.affine[:3, 3])} mm",
        "direction": ", ".join(
            f"{axis}: {numbers(direction)}"
            for axis, direction in zip("xyz", directions, strict=False)
        ),
    }
