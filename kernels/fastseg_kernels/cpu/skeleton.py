"""Thinning of a packed mask to its skeleton, as Lee, Kashyap and Chu (1994, doi:10.1006/cgip.1994.1042) do it.

Idea: the six faces come in turn. Of each, first all voxels are found that may go: they lack the neighbour across that
face, have not exactly one neighbour, keep the Euler characteristic and leave their neighbours in one piece. Then these
are taken away one after another, in C order, unless by now that would part their neighbours. A voxel that was found to
stay is not looked at again until one of its 26 neighbours has gone, whatever the face: a bit for each voxel says that
it has to be, a byte for each row that one of its voxels does. So a step costs what changes, not the volume.

A word has 62 voxels and, at either end, a copy of the voxel next to it: the 27 voxels around one are nine times three
bits of nine words. Rows and slices have an empty one around them. What a neighbourhood does to the Euler characteristic
is looked up in two halves, of 18 voxels each; whether it hangs together is found by growing its lowest voxel.

Cost: 62 voxels an instruction to find those that lack a neighbour, then about a hundred instructions for each voxel and
change around it.

Exactness: bits and whole numbers. A voxel that stays does so because of its 26 neighbours alone, and is looked at again
once these change; the order of the removals is that of the rows.
"""

import numpy as np

from fastseg_kernels._intrinsics import trailing_zeros
from fastseg_kernels._jit import i64, kernel, read, u8, u64, write
from fastseg_kernels._thinning import INSIDE, VOXELS, mark_due, thin_words


@kernel(
    read(u64, 3),  # words: 64 voxels each (nz, ny, row_words)
    i64,  # width: voxels of a row
    write(u64, 3),  # spread: of zeros (nz + 2, ny + 2, ceil(width / 62))
    write(u64, 3),  # due: of zeros, alike; the voxels that lack a neighbour across a face
    write(u8, 2),  # rows: of zeros (nz + 2, ny + 2); whether any of its voxels is due
)
def spread(words, width, spread, due, rows):
    """Put the voxels of a mask into words of 62 with their neighbours."""
    one = np.uint64(1)
    row_words, spread_words = words.shape[2], spread.shape[2]
    for z in range(np.uint64(words.shape[0])):
        for y in range(np.uint64(words.shape[1])):
            found = np.uint64(0)
            for w in range(np.uint64(row_words)):
                found |= words[z, y, w]
            if found == 0:
                continue
            for w in range(np.uint64(spread_words)):
                start = w * np.uint64(VOXELS)  # of its own voxels; the one before comes first
                word = np.uint64(0)
                if w == 0:
                    word = words[z, y, 0] << one
                else:
                    first, shift = (start - one) >> np.uint64(6), (start - one) & np.uint64(63)
                    word = words[z, y, first] >> shift
                    if shift != 0 and first + one < np.uint64(row_words):
                        word |= words[z, y, first + one] << (np.uint64(64) - shift)
                spread[z + one, y + one, w] = word
    slices, slice_rows = np.uint64(spread.shape[0]), np.uint64(spread.shape[1])
    flat, flat_due, flat_rows = spread.reshape(-1), due.reshape(-1), rows.reshape(-1)
    mark_due(flat, slices, slice_rows, np.uint64(spread_words), flat_due, flat_rows)


@kernel(
    write(u64, 1),  # words: as `spread` gives them
    write(u64, 1),  # due
    write(u8, 1),  # rows
    i64,  # row_words
    i64,  # slice_rows
    i64,  # faces: six, or the first four of them
    read(
        u8, 1
    ),  # lower: for 18 voxels, the change of the Euler characteristic in the four octants before a voxel
    read(u8, 1),  # upper: in the four behind it, both modulo 256
    write(u64, 1),  # places: row and word of the candidates, as many as words have voxels
    write(u64, 1),  # candidates
    write(u64, 1),  # certain: those of them that go, whatever goes before them
)
def thin(words, due, rows, row_words, slice_rows, faces, lower, upper, places, candidates, certain):
    """Take voxels away until none may go."""
    thin_words(
        words, due, rows, row_words, slice_rows, faces, lower, upper, places, candidates, certain
    )


@kernel(
    read(u64, 3),  # words: as `thin` leaves them
    i64,  # z, y, x: where the voxels of the words start in `mask`
    i64,
    i64,
    write(u8, 3),  # mask: of zeros
)
def paint(words, z, y, x, mask):
    """Write 1 for each voxel of spread words; most words are empty."""
    one = np.uint64(1)
    for i in range(np.uint64(1), np.uint64(words.shape[0] - 1)):
        for j in range(np.uint64(1), np.uint64(words.shape[1] - 1)):
            for w in range(np.uint64(words.shape[2])):
                left = words[i, j, w] & np.uint64(INSIDE)
                while left != 0:
                    at = np.uint64(trailing_zeros(left)) - one
                    left &= left - one
                    place = np.uint64(x) + w * np.uint64(VOXELS) + at
                    mask[i - one + np.uint64(z), j - one + np.uint64(y), place] = 1
