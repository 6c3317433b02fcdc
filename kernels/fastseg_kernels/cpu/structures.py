"""Many small structures in one compiled loop: surfaces, distances both ways and boundary bands of each.

Idea: a row of a box of a few voxels a side fills a tenth of a word, so its rows are packed one behind the other, with
just as many zeros between them as the furthest offset leads along x, and as many rows of zeros between the slices.
Then every step (dz, dy, dx) is a shift by one number of bits, and 64 voxels of several rows go through an operation
together. The surface is the mask without the AND of its six shifts; the band is the OR of the surface's shifts; and the
nearest targets are found by shifts in order of distance, as in `nearest`. What none of these finds is compared with
every target, where these are few, or else given up.

Cost: of a structure of 100 voxels some microseconds, where it takes a hundred to hand it from kernel to kernel
(benchmarks: evaluate labels, structures_10000).

Exactness: that of `nearest`: the squared distance of an offset is the float64 sum of three squares in the order of the
image's axes. A shift cannot lead from one row to another: between two rows, two slices and before and behind all of
them lie as many zeros as the furthest offset leads.
"""

import numpy as np

from fastseg_kernels._boxes import shifted, words_of_box
from fastseg_kernels._intrinsics import (
    flattened,
    lanes_of,
    least,
    load,
    minimum,
    popcount,
    splat,
    trailing_zeros,
    unequal,
)
from fastseg_kernels._jit import f64, i64, inlined, kernel, label_kernels, read, u64, write

ALL = 0xFFFFFFFFFFFFFFFF


def _signature(label):
    return (
        read(label, 3),  # labels
        read(u64, 1),  # values of all structures
        read(i64, 1),  # where the values of each structure start, and where the last ones end
        read(i64, 2),  # boxes: start and size along z, y, x
        read(i64, 1),  # reach along z, y, x
        write(u64, 1),  # words
    )


@inlined
def _matches(labels, start, count, value):
    """Make a word with a bit for each of up to 64 voxels, from `start` on, that has the label `value`."""
    lanes = lanes_of(labels)
    vectors = (count + lanes - np.uint64(1)) // lanes
    bits = np.uint64(0)
    if start + vectors * lanes <= np.uint64(labels.size):
        pattern = splat(value)
        for part in range(vectors):
            shift = part * lanes
            bits |= unequal(load(labels, start + shift), pattern) << shift
        return ~bits & (np.uint64(ALL) >> (np.uint64(64) - count))
    for i in range(count):  # the last voxels of a volume, from which no vector can be loaded
        if labels[start + i] == value:
            bits |= np.uint64(1) << i
    return bits


@label_kernels(_signature)
def pack(labels, values, value_starts, boxes, reach, words):
    """Set the bits of the voxels of each structure's box whose label is one of its values.

    Parameters
    ----------
    labels : unsigned (nz, ny, nx)
    values : uint64
        The labels of all structures, as the bits that they are.
    value_starts : int64 (n + 1,)
    boxes : int64 (n, 6)
        Of each structure: where its box starts in `labels` along z, y, x, and its size.
    reach : int64 (3,)
        How far the furthest offset leads along z, y, x; at least 1 along the axes that the image has.
    words : uint64
        OR-ed into; the caller zeroes them. One structure after the other has as many as `words_of` says.
    """
    flat = flattened(labels)
    row_size = np.uint64(labels.shape[2])
    slice_size = np.uint64(labels.shape[1]) * row_size
    base = np.int64(0)
    for i in range(np.uint64(boxes.shape[0])):
        row_bits, slice_bits, n_words, guard = words_of_box(
            boxes[i, 3], boxes[i, 4], boxes[i, 5], reach[0], reach[1], reach[2]
        )
        start = np.uint64(boxes[i, 0]) * slice_size + np.uint64(boxes[i, 1]) * row_size
        start += np.uint64(boxes[i, 2])
        width = np.uint64(boxes[i, 5])
        origin = np.uint64(64) * np.uint64(base + guard)
        base += n_words
        for j in range(np.uint64(value_starts[i]), np.uint64(value_starts[i + np.uint64(1)])):
            value = labels.dtype.type(values[j])
            for z in range(np.uint64(boxes[i, 3])):
                for y in range(np.uint64(boxes[i, 4])):
                    source = start + z * slice_size + y * row_size
                    place = origin + z * np.uint64(slice_bits) + y * np.uint64(row_bits)
                    for x in range(np.uint64(0), width, np.uint64(64)):
                        n = min(width - x, np.uint64(64))
                        bits = _matches(flat, source + x, n, value)
                        word = (place + x) >> np.uint64(6)
                        bit = (place + x) & np.uint64(63)
                        words[word] |= bits << bit
                        words[word + np.uint64(1)] |= (bits >> np.uint64(1)) >> (
                            np.uint64(63) - bit
                        )


@inlined
def _write_surface(words, start, first, stop, row_step, slice_step, surface, target):
    """Write the surface of some words of a structure to `surface`, from `target` on, and count its voxels.

    A step of 0 leaves an axis out.
    """
    count = np.int64(0)
    for w in range(np.uint64(first), np.uint64(stop)):
        at = start + w
        mask = words[at]
        if mask == 0:  # as most words of a whole image are
            surface[target + w] = 0
            continue
        inside = shifted(words, at, np.int64(1)) & shifted(words, at, np.int64(-1))
        inside &= shifted(words, at, row_step) & shifted(words, at, -row_step)
        inside &= shifted(words, at, slice_step) & shifted(words, at, -slice_step)
        bits = mask & ~inside
        surface[target + w] = bits
        count += popcount(bits)
    return count


@inlined
def _band_word(mask, surface, place, steps):
    """Find the voxels of a word of the mask from which one of some steps leads to the surface."""
    near = np.uint64(0)
    for i in range(np.uint64(steps.size)):
        if mask & ~near == 0:
            break
        near |= shifted(surface, place, steps[i])
    return mask & near


@inlined
def _coordinates(words, start, first, stop, row_bits, slice_bits, out):
    """List the set bits of a structure as its z, y and x, and return how many there are; -1 if there is no room."""
    n = np.uint64(0)
    for w in range(np.uint64(first), np.uint64(stop)):
        bits = words[start + w]
        while bits != 0:
            if n == np.uint64(out.shape[1]):
                return np.int64(-1)
            place = np.int64(w - np.uint64(first)) * 64 + trailing_zeros(bits)
            bits &= bits - np.uint64(1)
            z = place // slice_bits
            place -= z * slice_bits
            out[np.uint64(0), n] = z
            out[np.uint64(1), n] = place // row_bits
            out[np.uint64(2), n] = place % row_bits
            n += np.uint64(1)
    return np.int64(n)


@inlined
def _least_square(targets, n, z, y, x, spacing, reverse, sums):
    """Find the least squared distance from (z, y, x) to one of `n` targets; `sums` is room for one of each, and 8."""
    for i in range(np.uint64(n)):
        square_z = (targets[np.uint64(0), i] - z) * spacing[0]
        square_y = (targets[np.uint64(1), i] - y) * spacing[1]
        square_x = (targets[np.uint64(2), i] - x) * spacing[2]
        square_z *= square_z
        square_y *= square_y
        square_x *= square_x
        if reverse != 0:
            sums[i] = (square_x + square_y) + square_z
        else:
            sums[i] = (square_z + square_y) + square_x
    lanes = lanes_of(sums)
    for lane in range(lanes):
        sums[np.uint64(n) + lane] = np.inf
    best = load(sums, np.uint64(n))
    for i in range(np.uint64(0), np.uint64(n), lanes):
        best = minimum(load(sums, i), best)
    return least(best)


@kernel(
    read(u64, 2),  # masks
    read(i64, 2),  # boxes
    read(i64, 1),  # reach
    i64,  # first structure
    i64,  # ndim
    read(i64, 2),  # offsets
    read(i64, 1),  # kinds: which of the different distances each offset has
    read(f64, 1),  # distances that the offsets have
    read(i64, 2),  # ball: offsets of the band
    read(f64, 1),  # spacing
    i64,  # reverse
    i64,  # most_pairs
    i64,  # in_order
    write(u64, 2),  # surfaces: room
    write(i64, 1),  # steps: room
    write(i64, 1),  # found: room
    write(f64, 3),  # places: room
    write(f64, 1),  # sums: room
    write(i64, 2),  # bands
    write(i64, 2),  # ends
    write(f64, 1),  # out: distances
    write(i64, 1),  # out: counts
)
def measure(
    masks,
    boxes,
    reach,
    first,
    ndim,
    offsets,
    kinds,
    distances,
    ball,
    spacing,
    reverse,
    most_pairs,
    in_order,
    surfaces,
    steps,
    found,
    places,
    sums,
    bands,
    ends,
    out_distances,
    out_counts,
):
    """Measure structures from `first` on, as long as there is room for what is found.

    Parameters
    ----------
    masks : uint64 (2, n_words)
        The reference's and the prediction's, as `pack` has made them.
    boxes, reach : int64 (n, 6), (3,)
    ndim : int
        How many of the axes z, y, x, counted from the last, the image has.
    offsets : int64 (k, 3)
        (dz, dy, dx) in order of distance, all that are at most as far as the last; none if no distances are wanted.
    kinds : int64 (k,)
    distances : float64
        The different distances of the offsets, ascending.
    ball : int64 (b, 3)
        The offsets of the boundary band; without any, no voxel is in it.
    spacing : float64 (3,)
    reverse : int
        1 if the image's axes are x, y, z rather than z, y, x.
    most_pairs : int
        So many pairs of voxels are compared for a structure; one that needs more is given up.
    in_order : int
        1 for the distances of all voxels of a surface, z slowest and x fastest, instead of how often each occurs; 2 for
        those from the prediction alone.
    surfaces, steps, found, places, sums : arrays
        Room: for the words of the largest structure three times, for each offset or each of the ball's, for each
        distance, for three coordinates of voxels of either surface, and for a number of each of these and 8 more.
    bands : int64 (n, 3)
        Written: voxels of the reference's band, of the prediction's, and of both.
    ends : int64 (n, 2)
        Written: where the distances of a structure end in `out_distances`, from the reference to the prediction and
        back; -1 for one that was given up, which has none there.
    out_distances, out_counts
        Written: each distance that occurs and how often: those of the offsets ascending, then others, one by one; in
        order, distances alone.

    Returns
    -------
    int
        The first structure for which there was no room.
    """
    flat_masks = flattened(masks)
    flat = flattened(surfaces)
    room = np.uint64(surfaces.shape[1])
    left = np.uint64(2) * room
    n_offsets = np.uint64(offsets.shape[0])
    out = np.uint64(0)
    base = np.uint64(0)
    for i in range(np.uint64(boxes.shape[0])):
        row_bits, slice_bits, n_words, n_zeros = words_of_box(
            boxes[i, 3], boxes[i, 4], boxes[i, 5], reach[0], reach[1], reach[2]
        )
        of_masks = base
        base += np.uint64(n_words)
        if np.int64(i) < first:
            continue
        guard = np.uint64(n_zeros)
        stop = np.uint64(n_words) - guard
        row_step = row_bits if ndim > 1 else np.int64(0)
        slice_step = slice_bits if ndim > 2 else np.int64(0)
        sizes = np.int64(0), np.int64(0)
        for side in range(np.uint64(2)):
            start = side * np.uint64(masks.shape[1]) + of_masks
            target = side * room
            for w in range(guard):
                flat[target + w] = 0
                flat[target + stop + w] = 0
            n = _write_surface(flat_masks, start, guard, stop, row_step, slice_step, flat, target)
            sizes = sizes[1], n
        bands[i, 0], bands[i, 1], bands[i, 2] = 0, 0, 0
        if ball.shape[0] != 0:
            for j in range(np.uint64(ball.shape[0])):
                steps[j] = ball[j, 0] * slice_bits + ball[j, 1] * row_bits + ball[j, 2]
            of_ball = steps[: ball.shape[0]]
            n_first, n_second, n_both = np.int64(0), np.int64(0), np.int64(0)
            for w in range(guard, stop):
                mask = flat_masks[of_masks + w]
                first_band = _band_word(mask, flat, w, of_ball)
                mask = flat_masks[of_masks + np.uint64(masks.shape[1]) + w]
                second_band = _band_word(mask, flat, room + w, of_ball)
                n_first += popcount(first_band)
                n_second += popcount(second_band)
                n_both += popcount(first_band & second_band)
            bands[i, 0], bands[i, 1], bands[i, 2] = n_first, n_second, n_both
        for j in range(n_offsets):
            steps[j] = offsets[j, 0] * slice_bits + offsets[j, 1] * row_bits + offsets[j, 2]
        before = out
        given_up = False
        ends[i, 0], ends[i, 1] = np.int64(out), np.int64(out)
        if n_offsets == 0:
            continue
        for direction in range(np.uint64(in_order == 2), np.uint64(2)):
            queries = direction * room
            targets = (np.uint64(1) - direction) * room
            for j in range(np.uint64(found.size)):
                found[j] = 0
            n_left = np.int64(0)
            n_queries, n_targets = sizes if direction == 0 else (sizes[1], sizes[0])
            given_up = n_targets == 0
            at = out
            if in_order != 0:
                if np.int64(out_distances.size - out) < n_queries:
                    return np.int64(i)
                for j in range(np.uint64(n_queries)):
                    out_distances[out + j] = -1.0  # not found yet
            for w in range(guard, stop):
                if given_up:
                    break
                remaining = word = flat[queries + w]
                if remaining != 0:
                    for j in range(n_offsets):
                        hits = remaining & shifted(flat, targets + w, steps[j])
                        if hits != 0:
                            kind = np.uint64(kinds[j])
                            found[kind] += popcount(hits)
                            remaining ^= hits
                            if in_order != 0:
                                while hits != 0:
                                    earlier = word & ~hits & (hits - np.uint64(1))
                                    place = at + np.uint64(popcount(earlier))
                                    out_distances[place] = distances[kind]
                                    hits &= hits - np.uint64(1)
                            if remaining == 0:
                                break
                    at += np.uint64(popcount(word))
                    n_left += popcount(remaining)
                    given_up = n_left * n_targets > most_pairs
                flat[left + w] = remaining
            if n_left != 0 and not given_up:
                for side in range(np.uint64(2)):  # what is left, and the targets
                    words = left if side == 0 else targets
                    n = _coordinates(flat, words, guard, stop, row_bits, slice_bits, places[side])
                    given_up = given_up or n < 0
            if given_up:
                break
            if in_order == 0:
                if np.int64(out_distances.size - out) < found.size + n_left:
                    return np.int64(i)
                for j in range(np.uint64(found.size)):
                    if found[j] != 0:
                        out_distances[out] = distances[j]
                        out_counts[out] = found[j]
                        out += np.uint64(1)
            for j in range(np.uint64(n_left)):
                query = places[np.uint64(0)]
                square = _least_square(
                    places[np.uint64(1)],
                    n_targets,
                    query[np.uint64(0), j],
                    query[np.uint64(1), j],
                    query[np.uint64(2), j],
                    spacing,
                    reverse,
                    sums,
                )
                if in_order == 0:
                    out_counts[out] = 1
                else:
                    while out_distances[out] >= 0:
                        out += np.uint64(1)
                out_distances[out] = np.sqrt(square)
                out += np.uint64(1)
            if in_order != 0:
                out = at
            ends[i, direction] = out
        if given_up:
            out = before
            ends[i, 0], ends[i, 1] = -1, -1
    return np.int64(boxes.shape[0])
