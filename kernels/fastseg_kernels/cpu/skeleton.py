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
from fastseg_kernels._jit import i64, inlined, kernel, read, u8, u64, write

#: voxels of a word
VOXELS = 62
_INSIDE = 0x7FFFFFFFFFFFFFFE  # the bits of a word that are its own voxels
_CENTRE = 13
_LEFT, _RIGHT = (
    0o333333333,
    0o666666666,
)  # voxels that have one to the right of them, to the left of them
_LOW = 0o077077077  # voxels that have one behind them within their slice


@inlined
def _in_one_piece(around):
    """Tell whether voxels of a 3×3×3 block, without its centre, hang together by corners; none of them do."""
    one, three, nine = np.uint64(1), np.uint64(3), np.uint64(9)
    grown = around & (~around + one)
    while grown != around:
        before = grown
        grown |= ((grown & np.uint64(_LEFT)) << one) | ((grown & np.uint64(_RIGHT)) >> one)
        grown |= ((grown & np.uint64(_LOW)) << three) | ((grown >> three) & np.uint64(_LOW))
        grown |= (grown << nine) | (grown >> nine)
        grown &= around
        if grown == before:
            return False
    return True


@inlined
def _three(word, before):
    """Take the bits `before` to `before` + 2."""
    return (word >> before) & np.uint64(7)


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
    for z in range(np.uint64(1), np.uint64(words.shape[0] + 1)):
        for y in range(np.uint64(1), np.uint64(words.shape[1] + 1)):
            found = np.uint64(0)
            for w in range(np.uint64(spread_words)):
                word = spread[z, y, w]
                if word == 0:
                    continue
                inner = spread[z - one, y, w] & spread[z + one, y, w]
                inner &= (
                    spread[z, y - one, w] & spread[z, y + one, w] & (word << one) & (word >> one)
                )
                bits = word & ~inner & np.uint64(_INSIDE)
                due[z, y, w] = bits
                found |= bits
            if found != 0:
                rows[z, y] = 1


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
    write(u64, 1),  # places: of the words of candidates, as many as words have voxels
    write(u64, 1),  # candidates
)
def thin(words, due, rows, row_words, slice_rows, faces, lower, upper, places, candidates):
    """Take voxels away until none may go."""
    one, centre = np.uint64(1), np.uint64(1 << _CENTRE)
    row, plane = np.uint64(row_words), np.uint64(row_words * slice_rows)
    last = np.uint64(row_words - 1)
    changed = True
    while changed:
        changed = False
        for face in range(faces):
            n = np.uint64(0)
            for line in range(np.uint64(rows.size)):
                if rows[line] == 0:
                    continue
                any_due = np.uint64(0)
                for i in range(line * row, line * row + row):
                    asked = words[i] & due[i] & np.uint64(_INSIDE)
                    if asked == 0:
                        continue
                    any_due = one
                    if face == 0:
                        beside = words[i - row]
                    elif face == 1:
                        beside = words[i + row]
                    elif face == 2:
                        beside = words[i] >> one
                    elif face == 3:
                        beside = words[i] << one
                    elif face == 4:
                        beside = words[i + plane]
                    else:
                        beside = words[i - plane]
                    asked &= ~beside
                    if asked == 0:
                        continue
                    a, b, c = words[i - plane - row], words[i - plane], words[i - plane + row]
                    d, e, f = words[i - row], words[i], words[i + row]
                    g, h, k = words[i + plane - row], words[i + plane], words[i + plane + row]
                    may_go = np.uint64(0)
                    left = asked
                    while left != 0:
                        at = np.uint64(trailing_zeros(left))
                        bit = left & (~left + one)
                        left ^= bit
                        at -= one
                        around = _three(a, at) | (_three(b, at) << np.uint64(3))
                        around |= (_three(c, at) << np.uint64(6)) | (_three(d, at) << np.uint64(9))
                        around |= (_three(e, at) << np.uint64(12)) | (
                            _three(f, at) << np.uint64(15)
                        )
                        around |= (_three(g, at) << np.uint64(18)) | (
                            _three(h, at) << np.uint64(21)
                        )
                        around |= _three(k, at) << np.uint64(24)
                        euler = lower[around & np.uint64(0o777777)] + upper[around >> np.uint64(9)]
                        if euler & 255 != 0:
                            continue
                        around ^= centre
                        if around & (around - one) == 0 and around != 0:  # the end of a line
                            continue
                        if _in_one_piece(around):
                            may_go |= bit
                    due[i] &= ~(asked & ~may_go)
                    if may_go != 0:
                        places[n] = i
                        candidates[n] = may_go
                        n += one
                rows[line] = any_due
            for j in range(n):
                i = places[j]
                a, b, c = words[i - plane - row], words[i - plane], words[i - plane + row]
                d, e, f = words[i - row], words[i], words[i + row]
                g, h, k = words[i + plane - row], words[i + plane], words[i + plane + row]
                gone = np.uint64(0)
                left = candidates[j]
                while left != 0:
                    at = np.uint64(trailing_zeros(left))
                    bit = left & (~left + one)
                    left ^= bit
                    at -= one
                    around = _three(a, at) | (_three(b, at) << np.uint64(3))
                    around |= (_three(c, at) << np.uint64(6)) | (_three(d, at) << np.uint64(9))
                    around |= (_three(e, at) << np.uint64(12)) | (_three(f, at) << np.uint64(15))
                    around |= (_three(g, at) << np.uint64(18)) | (_three(h, at) << np.uint64(21))
                    around |= _three(k, at) << np.uint64(24)
                    if _in_one_piece(around & ~centre):
                        gone |= bit
                        e ^= bit
                if gone == 0:
                    continue
                changed = True
                words[i] = e
                column = i % row
                near = gone | (gone << one) | (gone >> one)
                line = i // row
                for dz in range(3):
                    other = i - plane - row + np.uint64(dz) * plane
                    other_line = line - np.uint64(slice_rows) - one + np.uint64(dz * slice_rows)
                    for dy in range(np.uint64(3)):
                        due[other + dy * row] |= near
                        rows[other_line + dy] = 1
                if gone & np.uint64(2) != 0 and column != 0:
                    words[i - one] ^= np.uint64(1 << 63)
                    for dz in range(3):
                        other = i - one - plane - row + np.uint64(dz) * plane
                        for dy in range(np.uint64(3)):
                            due[other + dy * row] |= np.uint64(1 << 62)
                if gone & np.uint64(1 << 62) != 0 and column != last:
                    words[i + one] ^= one
                    for dz in range(3):
                        other = i + one - plane - row + np.uint64(dz) * plane
                        for dy in range(np.uint64(3)):
                            due[other + dy * row] |= np.uint64(2)


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
                left = words[i, j, w] & np.uint64(_INSIDE)
                while left != 0:
                    at = np.uint64(trailing_zeros(left)) - one
                    left &= left - one
                    place = np.uint64(x) + w * np.uint64(VOXELS) + at
                    mask[i - one + np.uint64(z), j - one + np.uint64(y), place] = 1
