"""How much memory a case takes, found from headers alone, and how much there may be, as people write it."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from fastseg.errors import InputError, InputTypeError
from fastseg.evaluation.settings import Settings
from fastseg.evaluation.special_settings import SpecialSettings
from fastseg.inputs.scalars import shown
from fastseg.io.pairs import Side

_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
_UNITS |= {f"{unit}i": 1 << 10 * i for i, unit in enumerate("kmgt", 1)}

# What measuring takes beside the two maps, in bytes a voxel of the whole volume: as if one structure filled it, with
# surfaces of up to a twentieth of the voxels, and even if the two lie so far apart that a transform of the volume is
# needed. Noise, in which every other voxel is surface, takes up to seven times as much.
_WORKING = {"voxel": 16, "surfel": 24, "vertex": 24, "mesh": 32}
_COUNTING = 2
_BY_SCIPY = {"voxel": 96, "surfel": 192, "vertex": 192, "mesh": 384}

#: what a process holds without a case: the interpreter, libraries, machine code, and freed pages that it keeps
PROCESS_BYTES = 256 << 20

#: a case that is measured in pieces has so much for them at least
LEAST_BUDGET = 64 << 20

# rows, histograms and the like, of some thousand structures
_BESIDE = 32 << 20


class Need(NamedTuple):
    """What a case takes at most, in bytes beside what the process has without it.

    Attributes
    ----------
    reading : int
        While its voxels are read.
    measuring : int
        While it is measured, the maps included.
    voxels : int
        How many voxels the larger map has.
    in_pieces : bool
        Whether it can also be measured within less: both maps can be read window by window.
    zipped : int
        What is then kept of files that are zipped, beside the windows.
    """

    reading: int
    measuring: int
    voxels: int
    in_pieces: bool = False
    zipped: int = 0

    @property
    def most(self) -> int:
        """What it takes if it is measured as it is read."""
        return max(self.reading, self.measuring)

    @property
    def least(self) -> int:
        """What it has to have if it is measured in pieces, or else."""
        return min(self.most, self.zipped + LEAST_BUDGET) if self.in_pieces else self.most

    def within(self, free: int) -> int | None:
        """Tell how much of what is free it gets: all that it takes, or what there is; None if that is too little."""
        return min(self.most, free) if self.least <= free else None


def parse_size(text: str | int) -> int:
    """Read an amount of memory.

    Parameters
    ----------
    text : str or int
        Bytes as a number, or with a unit, in upper or lower case: 4GiB and 512MiB are powers of 1024, 500MB and 4G
        of 1000.

    Raises
    ------
    ValueError, TypeError
        For anything else, and for nothing at all.

    Examples
    --------
    >>> parse_size("4GiB"), parse_size("500 MB"), parse_size(1024)
    (4294967296, 500000000, 1024)
    """
    if isinstance(text, bool) or not isinstance(text, (str, int)):
        raise InputTypeError(f"max_memory: expected a size such as '4GiB', got {shown(text)}")
    match = re.fullmatch(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*([kmgt]?i?)b?\s*", str(text), re.IGNORECASE)
    unit = match[2].lower() if match else "i"
    if match is None or unit not in _UNITS:
        raise InputError(
            f"max_memory: expected a size such as 4GiB, 512MiB or 500MB, got {shown(text)}"
        )
    size = round(float(match[1]) * _UNITS[unit])
    if size < 1:
        raise InputError(f"max_memory: expected at least a byte, got {shown(text)}")
    return size


def size_text(size: int) -> str:
    """Write an amount of memory for people.

    Examples
    --------
    >>> size_text(5 << 30), size_text(300_000_000), size_text(0)
    ('5 GiB', '287 MiB', '0 MiB')
    """
    if size >= 1 << 30:
        return f"{size / (1 << 30):.3g} GiB"
    return f"{math.ceil(size / (1 << 20))} MiB"


def too_large(need: int, most: int, beside: int = 0) -> MemoryError:
    """Make the error for a case that does not fit into the memory that there may be, beside what runs."""
    text = f" beside {size_text(beside)} of what runs" if beside else ""
    return MemoryError(
        f"needs {size_text(need)}{text}, and max_memory (--max-memory) is {size_text(most)}"
    )


def needed_bytes(sides: Sequence[Side], settings: Settings, on_disk: int = 0) -> Need:
    """Tell what a case takes at most, from the headers of its two maps, or of a reference alone.

    That is the voxels as they are read and as labels, copies that bring them onto one grid and into one type, and what
    measuring takes of one structure that fills the volume; of one label or of many it is the same. Surfaces may take
    a twentieth of all voxels, which those of organs and cells do not reach; noise may take more.

    Parameters
    ----------
    sides : sequence of pairs of Opened and Arrangement or None
    settings : Settings
    on_disk : int
        How large the files are.

    Returns
    -------
    Need
    """
    reading = kept = voxels = widest = 0
    types = []
    for opened, arrangement in sides:
        stored = math.prod(opened.shape)
        width = 8 if opened.dtype is None else opened.dtype.itemsize
        on_grid = stored if arrangement is None else math.prod(arrangement.shape)
        array = stored * width
        beside = opened.scratch
        if opened.dtype is not None and not opened.dtype.isnative:
            beside = max(beside, array)
        if opened.dtype is None or opened.dtype.kind == "f":
            # Labels are as wide as the numbers were at most.
            beside = max(beside, array)
        if arrangement is not None:
            beside = max(beside, on_grid * width)
        reading += array + beside
        kept += on_grid * width
        voxels, widest = max(voxels, on_grid), max(widest, width)
        types.append(opened.dtype)
    if len(sides) == 1:
        kept *= 2
        types *= 2
    copies = voxels * _copied(types[0], types[1], widest)
    measuring = kept + copies + voxels * working_bytes(settings) + _BESIDE
    whole = isinstance(settings, SpecialSettings)  # components may reach from end to end
    in_pieces = not whole and all(opened.map or opened.in_pieces for opened, _ in sides)
    # What is unzipped once and squeezed anew takes about what it took in the file.
    zipped = 2 * on_disk if any(opened.in_pieces for opened, _ in sides) else 0
    return Need(reading, measuring, voxels, in_pieces, zipped)


def working_bytes(settings: Settings) -> int:
    """Tell what measuring takes a voxel beside the maps."""
    if settings.backend == "scipy":
        return _BY_SCIPY[settings.boundary]
    more = settings.measurements or isinstance(settings, SpecialSettings)  # maps of components
    return _WORKING[settings.boundary] if more else _COUNTING


def _copied(reference: np.dtype[Any] | None, prediction: np.dtype[Any] | None, widest: int) -> int:
    """Tell how many bytes a voxel of both maps are copied: into one type, or one of them into the other's order."""
    if reference is None or prediction is None or "f" in (reference.kind, prediction.kind):
        return 2 * min(8, 2 * widest)  # labels of floats may have or lack a sign
    if reference == prediction:
        return widest
    both: np.dtype[Any] = np.result_type(reference, prediction)
    return 2 * min(8, both.itemsize)
