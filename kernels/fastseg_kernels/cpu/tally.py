"""How often each (distance, code) occurs: what a sort of many equal elements comes down to.

Idea: between two surfaces of a hundred thousand elements there are some hundreds of different distances, and as many
codes of surface elements as a cube has, so counting the different pairs in a hash table and sorting these is a sort
of all.

Cost: one look-up an element: 150 000 elements in 0.4 ms, where sorting them by two keys takes 8 ms.

Exactness: integers; distances are compared by their bits, so that no two different ones are ever joined.
"""

import numpy as np

from fastseg_kernels._jit import i32, i64, kernel, read, u8, u64, write


@kernel(read(u64, 1), read(u8, 1), write(u64, 1), write(u8, 1), write(i64, 1), write(i32, 1))
def tally(bits, codes, found_bits, found_codes, counts, table):
    """Count the different pairs of `bits` and `codes`, and return how many there are.

    -1 if they are more than `counts` has room for. `table` comes filled with -1 and has a power of two of slots, at
    least twice as many as `counts`.
    """
    mask = np.uint64(table.size - 1)
    known = np.int64(0)
    for i in range(np.uint64(bits.size)):
        value = bits[i]
        code = codes[i]
        mixed = (value ^ np.uint64(code)) * np.uint64(0x9E3779B97F4A7C15)
        slot = (mixed >> np.uint64(40)) & mask
        while True:
            entry = np.int64(table[slot])
            if entry < 0:
                if known == counts.size:
                    return np.int64(-1)
                entry = known
                known += 1
                table[slot] = entry
                found_bits[entry] = value
                found_codes[entry] = code
                counts[entry] = 1
                break
            if found_bits[np.uint64(entry)] == value and found_codes[np.uint64(entry)] == code:
                counts[np.uint64(entry)] += 1
                break
            slot = (slot + np.uint64(1)) & mask
    return known
