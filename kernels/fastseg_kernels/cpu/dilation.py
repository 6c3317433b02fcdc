"""Dilation of packed rows by the neighbours that share a face or an edge: SciPy's ``generate_binary_structure(3, 2)``.

Idea: the 19 voxels are a voxel's row and the four that share a face with it, each widened by one voxel, and the four
that share an edge, as they are. So a word takes five ORs, one widening and four more ORs. Rows that have nothing around
them are passed over: which rows hold anything is kept in a byte each, of which nine are looked at.

Cost: about thirty instructions for 64 voxels around a mask, nine for a row elsewhere.

Exactness: bits only. Bits beyond the end of a row are cleared, so that no step leads through them.
"""

import numpy as np

from fastseg_kernels._jit import i64, inlined, kernel, read, u8, u64, write


@inlined
def _word(words, z, y, w):
    """Take a word, 0 where there is no such row."""
    if z < 0 or z >= words.shape[0] or y < 0 or y >= words.shape[1]:
        return np.uint64(0)
    return words[np.uint64(z), np.uint64(y), np.uint64(w)]


@inlined
def _cross(words, z, y, w):
    """OR a word of a row with those of the four rows that share a face with it."""
    found = _word(words, z, y, w) | _word(words, z, y - 1, w) | _word(words, z, y + 1, w)
    return found | _word(words, z - 1, y, w) | _word(words, z + 1, y, w)


@kernel(
    read(u64, 3),  # words: the rows (nz, ny, row_words)
    read(u8, 2),  # occupied: whether a row may hold anything (nz, ny)
    u64,  # last: the bits of a row's last word that are voxels
    i64,  # first slice
    i64,  # slice to stop before
    write(u64, 3),  # grown: of zeros
    write(u8, 2),  # filled: of zeros; whether a row of `grown` may hold anything
)
def dilate(words, occupied, last, first, stop, grown, filled):
    """Dilate some slices once."""
    nz, ny, n_words = words.shape
    one, top = np.uint64(1), np.uint64(63)
    for z in range(first, stop):
        for y in range(ny):
            around = np.uint8(0)
            for i in range(max(z - 1, 0), min(z + 2, nz)):
                for j in range(max(y - 1, 0), min(y + 2, ny)):
                    around |= occupied[np.uint64(i), np.uint64(j)]
            if around == 0:
                continue
            filled[np.uint64(z), np.uint64(y)] = around
            before = np.uint64(0)
            here = _cross(words, z, y, 0)
            for w in range(n_words):
                after = np.uint64(0)
                if w + 1 < n_words:
                    after = _cross(words, z, y, w + 1)
                found = here | (here << one) | (here >> one) | (before >> top) | (after << top)
                found |= _word(words, z - 1, y - 1, w) | _word(words, z - 1, y + 1, w)
                found |= _word(words, z + 1, y - 1, w) | _word(words, z + 1, y + 1, w)
                if w + 1 == n_words:
                    found &= last
                grown[np.uint64(z), np.uint64(y), np.uint64(w)] = found
                before, here = here, after
