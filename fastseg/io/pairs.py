"""A pair of label maps: their headers are compared first, and then their voxels are read onto one grid."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fastseg.errors import GridMismatchError
from fastseg.inputs.arrays import as_label_map
from fastseg.inputs.source import ArraySource, Source
from fastseg.io.arranged import arranged
from fastseg.io.formats import is_image_path, open_image
from fastseg.io.image import Grid, Image, Opened
from fastseg.io.lattice import Arrangement
from fastseg.io.objects import as_opened
from fastseg.io.same_grid import GridRules, aligned

#: a map whose header was read, and how its array comes onto the common grid; None where it lies there
Side = tuple[Opened, Arrangement | None]
#: Larger maps are not read whole without a note.
WHOLE_IN_SILENCE = 1 << 30


@dataclass(frozen=True, eq=False)
class PreparedPair:
    """Two label maps whose headers fit, and whose voxels are not read yet.

    Attributes
    ----------
    reads : tuple of two callables
        Each reads one map, the reference's first, and gives its source; they may run at the same time. `notes` of
        reading come with them. With ``in_pieces=True`` they keep little in memory, as in :func:`prepare_pair`.
    notes : tuple of str
        What was assumed to make them fit.
    nbytes : tuple of int
        How much memory the voxels of either take once they are read, by its header and unless `in_pieces`: 0 for what
        is in memory already, or is mapped and read while it is measured.
    sides : tuple of two pairs of Opened and Arrangement or None
        What each of them reads, and what is done to bring it onto the common grid.
    reference_alone : bool
        Whether the reference is read as it would be beside any other prediction.
    """

    reads: tuple[Callable[..., ReadMap], Callable[..., ReadMap]]
    notes: tuple[str, ...]
    nbytes: tuple[int, int]
    sides: tuple[Side, Side]
    reference_alone: bool = False


@dataclass(frozen=True, eq=False)
class ReadMap:
    """A label map that was read, and what was assumed in reading it."""

    source: Source
    notes: tuple[str, ...] = ()


def prepare_pair(
    reference: Any,
    prediction: Any,
    rules: GridRules = GridRules(),  # noqa: B008 - frozen
    names: tuple[str, str] = ("reference", "prediction"),
    in_pieces: bool = False,
) -> PreparedPair:
    """Open two label maps and see that they lie on one grid, before any voxel of a file is read.

    Parameters
    ----------
    reference, prediction : array_like, path or image
    rules : GridRules
    names : tuple of str
        What messages about voxels call them; a file is called by its own name where this is empty.
    in_pieces : bool
        Keep as little of them in memory as can be, at the cost of time: what is mapped from some size on is mapped
        whatever its size, and what is zipped is kept zipped in pieces.

    Raises
    ------
    GridMismatchError
        If they do not lie on one grid.
    OSError, TypeError, ValueError
        If either cannot be opened.
    """
    first, second = _opened(reference, names[0]), _opened(prediction, names[1])
    are_files = is_image_path(reference) or is_image_path(prediction)
    try:
        alignment = aligned(first, second, rules, are_files)
    except GridMismatchError as error:  # what a header says against itself may be the reason
        raise GridMismatchError("; ".join([str(error), *first.notes, *second.notes])) from None

    def reading(
        opened: Opened, arrangement: Arrangement | None, grid: Grid | None, name: str
    ) -> Callable[..., ReadMap]:
        return lambda in_pieces=in_pieces: _read(opened, arrangement, grid, name, in_pieces)

    return PreparedPair(
        (
            reading(first, alignment.reference, alignment.grid, names[0]),
            reading(second, alignment.prediction, alignment.grid, names[1]),
        ),
        alignment.notes,
        (_bytes_to_read(first), _bytes_to_read(second)),
        ((first, alignment.reference), (second, alignment.prediction)),
        alignment.reference is None and alignment.grid is first.grid,
    )


def _bytes_to_read(opened: Opened) -> int:
    return 0 if _is_mapped(opened) else opened.nbytes


def _is_mapped(opened: Opened) -> bool:
    return opened.map is not None and opened.nbytes >= opened.map_from


def read_map(value: Any, argument: str = "", in_pieces: bool = False) -> ReadMap:
    """Read a label map: a file, an image of `read_image`, SimpleITK or nibabel, or anything that is an array.

    Labels are checked here, once. A .npy file is mapped into memory and not read before it is measured.

    Parameters
    ----------
    value : array_like, path or image
    argument : str
        What messages call it; a file is called by its own name where this is left out.
    in_pieces : bool
        As in :func:`prepare_pair`.
    """
    opened = _opened(value, argument)
    return _read(opened, None, opened.grid, argument, in_pieces)


def _opened(value: Any, argument: str) -> Opened:
    """Read a file's header, or take what is in memory already."""
    if is_image_path(value):
        return open_image(value)
    opened = as_opened(value, argument)
    if opened is None:
        return Image(as_label_map(value, argument), None, argument).opened()
    return opened


def _read(
    opened: Opened,
    arrangement: Arrangement | None,
    grid: Grid | None,
    name: str,
    in_pieces: bool,
) -> ReadMap:
    """Read the voxels of a map, or say how they will be, and bring them onto the grid that both maps lie on."""
    if opened.map is not None and (in_pieces or _is_mapped(opened)):
        return ReadMap(arranged(opened.map(grid), arrangement), opened.notes)
    if in_pieces and opened.in_pieces is not None:
        return ReadMap(arranged(opened.in_pieces(grid), arrangement), opened.notes)
    image = opened.read()
    labels = as_label_map(image.array, name or image.source)
    spacing = None if grid is None else grid.spacing
    source = ArraySource(labels, spacing, grid, image.source, image.segments, image.own_labels)
    notes = image.notes
    if opened.nbytes > WHOLE_IN_SILENCE:
        notes = (*notes, _loaded_whole(opened))
    return ReadMap(arranged(source, arrangement), notes)


def _loaded_whole(opened: Opened) -> str:
    return (
        f"{opened.name} takes {opened.nbytes / (1 << 30):.1f} GiB of memory, as all of it is read: uncompressed files "
        "and stores in chunks (Zarr, HDF5) are read in pieces"
    )
