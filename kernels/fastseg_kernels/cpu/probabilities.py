"""How the probabilities of voxels are distributed in and outside a structure: counts and moments of fine bins.

Idea: the bits of a positive float are in the order of its value, so that their upper ones number bins whose width is
in proportion to the value: 2¹¹ bins an octave. From one half on the same is done with 1 - p, which is exact there, so
that bins are as fine near 1 as near 0; its sign is set, so that both kinds are told apart by the same bits. The lower
twelve bits are whole numbers, of which sums and sums of squares are kept: within a bin the probability is a linear
function of them. The count and the sum share a word. A few bins, those that an edge of a reliability table goes
through, are split in two.

Cost: one read of both maps. Voxels go by groups of 64. What is equal to all of its group, as most of a background is,
is counted by comparing vectors; others take two additions to one line of the cache each. Only where a group comes near
an edge, or has voxels of several labels, is anything looked up for each of its voxels.

Exactness: whole numbers alone, which do not depend on the order of voxels. Whether all voxels of a bin have one value
follows from them.
"""

import numpy as np

from fastseg_kernels._jit import f32, i32, i64, kernel, read, u8, u16, u32, u64, write

#: bits of a float that a bin does not tell apart
LOW_BITS = 12
#: upper bits of floats, of 0 to below 1/2 and, with their sign, of 1 - p
KEYS = 1 << (32 - LOW_BITS)

#: the count lies above this bit of a word, the sum of the low bits below it
COUNT_SHIFT = 38
#: voxels whose low bits have room there
MOST_VOXELS = 1 << (COUNT_SHIFT - LOW_BITS)

#: voxels that are looked at together
GROUP = 64

#: upper bits of a key that tell whether bins of it are split
COARSE_BITS = 16

_LOW_MASK = (1 << LOW_BITS) - 1
# Times a float it is the next one towards 0, of the other sign: so that bins of 1 - p hold their upper end.
_JUST_BELOW = -(1 - 2.0**-24)


@kernel(
    read(f32, 1),  # probabilities
    read(u32, 1),  # bits: the same memory
    read(u8, 1),  # labels
    read(i64, 1),  # class_of_label: 256 entries
    f32,  # least: where p and 1 - p are less, no bin is split
    read(u8, 1),  # is_split: of each upper half of a key, whether a bin of it is split
    read(u16, 1),  # split: of each key, the low bits from which on it is another bin
    read(i32, 1),  # beyond: the row of that one
    write(f32, 1),  # folded: a group of probabilities, or of 1 - p with the sign set
    write(u32, 1),  # keys: the same memory
    write(u64, 3),  # table: class, row, (count and sum of low bits, sum of their squares)
)
def probability_moments(
    probabilities, bits, labels, class_of_label, least, is_split, split, beyond, folded, keys, table
):
    """Add voxels to a table, and return how many that count are no probabilities: these are in no bin.

    At most `MOST_VOXELS` - 1 may come into one table. A key's row is that of its number.
    """
    wrong = np.int64(0)
    half = np.float32(0.5)
    one = np.float32(1)
    zero = np.float32(0)
    just_below = np.float32(_JUST_BELOW)
    unit = np.uint64(1 << COUNT_SHIFT)
    low_mask = np.uint64(_LOW_MASK)
    size = np.uint64(probabilities.size)
    whole = np.uint64(GROUP)
    # equal voxels that are not in the table yet
    run = np.uint64(0)
    run_bits = np.uint32(0)
    run_kind = np.uint64(0)
    run_row = np.uint64(0)
    run_low = np.uint64(0)
    start = np.uint64(0)
    while start < size:
        group = min(whole, size - start)
        singly = group < whole
        apart = np.uint32(0)
        near = np.uint32(0)
        kind = np.uint64(class_of_label[np.uint64(labels[start])])
        if not singly:
            own = labels[start]
            first = bits[start]
            several = np.uint8(0)
            for k in range(whole):
                several |= labels[start + k] ^ own
            apart = np.uint32(several)
            if apart == np.uint32(0) and bits[start + np.uint64(GROUP - 1)] == first:
                differ = np.uint32(0)
                for k in range(whole):
                    differ |= bits[start + k] ^ first
                if differ == np.uint32(0):
                    if run != np.uint64(0) and first == run_bits and kind == run_kind:
                        run += whole
                        start += whole
                        continue
                    p = probabilities[start]
                    if p >= zero and p <= one:
                        if run != np.uint64(0):
                            table[run_kind, run_row, np.uint64(0)] += run * (unit | run_low)
                            table[run_kind, run_row, np.uint64(1)] += run * (run_low * run_low)
                        folded[0] = (one - p) * just_below if p >= half else p + zero
                        key = np.uint64(keys[0])
                        run_row = key >> np.uint64(LOW_BITS)
                        run_low = key & low_mask
                        if run_low >= np.uint64(split[run_row]):
                            run_row = np.uint64(beyond[run_row])
                        run_bits = first
                        run_kind = kind
                        run = whole
                        start += whole
                        continue
            outside = np.uint32(0)
            for k in range(whole):
                p = probabilities[start + k]
                rest = one - p
                upper = p >= half
                folded[k] = rest * just_below if upper else p + zero  # a zero with a sign loses it
                outside |= np.uint32(not (p >= zero and p <= one))
                near |= np.uint32((rest if upper else p) >= least)
            singly = outside != np.uint32(0)
        if singly:
            for j in range(group):
                p = probabilities[start + j]
                kind = np.uint64(class_of_label[np.uint64(labels[start + j])])
                if not (p >= zero and p <= one):
                    wrong += kind < np.uint64(2)
                    continue
                folded[0] = (one - p) * just_below if p >= half else p + zero
                key = np.uint64(keys[0])
                row = key >> np.uint64(LOW_BITS)
                low = key & low_mask
                if low >= np.uint64(split[row]):
                    row = np.uint64(beyond[row])
                table[kind, row, np.uint64(0)] += unit | low
                table[kind, row, np.uint64(1)] += low * low
        elif (near | apart) == np.uint32(0):
            for k in range(whole):
                key = np.uint64(keys[k])
                row = key >> np.uint64(LOW_BITS)
                low = key & low_mask
                joined = table[kind, row, np.uint64(0)]
                squares = table[kind, row, np.uint64(1)]
                table[kind, row, np.uint64(0)] = joined + (unit | low)
                table[kind, row, np.uint64(1)] = squares + low * low
        else:
            for k in range(whole):
                key = np.uint64(keys[k])
                row = key >> np.uint64(LOW_BITS)
                low = key & low_mask
                kind = np.uint64(class_of_label[np.uint64(labels[start + k])])
                near = np.uint32(is_split[key >> np.uint64(COARSE_BITS)])
                if near != np.uint32(0) and low >= np.uint64(split[row]):
                    row = np.uint64(beyond[row])
                joined = table[kind, row, np.uint64(0)]
                squares = table[kind, row, np.uint64(1)]
                table[kind, row, np.uint64(0)] = joined + (unit | low)
                table[kind, row, np.uint64(1)] = squares + low * low
        start += group
    if run != np.uint64(0):
        table[run_kind, run_row, np.uint64(0)] += run * (unit | run_low)
        table[run_kind, run_row, np.uint64(1)] += run * (run_low * run_low)
    return wrong
