"""What fastseg is compared with beside the peers, on its own arrays: reading, NumPy's way, one transform."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

import fastseg
from benchmarks.programs import Answer, Pair, Program
from fastseg import threads


def reading(pair: Pair) -> Program:
    """Read both arrays once, eight bytes at a time."""
    words = [_words(array) for array in pair[:2]]
    return Program(lambda: [array.max() for array in words], lambda _: {})


def reading_on_threads(pair: Pair) -> Program:
    """Read both arrays once, each thread a part: what two threads can bring where nothing but memory is waited for."""
    words = [_words(array) for array in pair[:2]]

    def read(slab: tuple[int, int]) -> None:
        for array in words:
            array[slice(*slab)].max()

    n = len(words[0])
    return Program(lambda: threads.run(read, threads.slabs(n, n, 0)), lambda _: {})


def _words(array: NDArray[Any]) -> NDArray[np.uint64]:
    octets = array.ravel(order="K").view(np.uint8)
    return octets[: len(octets) // 8 * 8].view(np.uint64)


def bincount(pair: Pair) -> Program:
    """The usual NumPy way to a confusion matrix of labels 0 to K - 1."""
    reference, prediction, *_ = pair
    K = int(max(reference.max(), prediction.max())) + 1

    def call() -> NDArray[np.intp]:
        pairs = reference.astype(int) * K + prediction  # what bincount takes without a copy
        return np.bincount(pairs.ravel(), minlength=K * K).reshape(K, K)

    return Program(call, lambda matrix: {"counts": matrix})


def unzip(pair: Pair) -> Program:
    """Read both files and unzip each in one shot, with the fastest decoder that fastseg could use."""
    files = pair.files
    assert files is not None
    try:
        from zlib_ng.zlib_ng import decompress
    except ImportError:
        from zlib import decompress

    def call() -> int:
        total = 0
        for file in files:
            zipped = file.read_bytes()
            size = int.from_bytes(zipped[-4:], "little")  # of one member below 4 GiB
            total += len(decompress(zipped, wbits=31, bufsize=size))
        return total

    return Program(call, lambda _: {})


def edt_of_box(pair: Pair) -> Program:
    """One transform, of the box around both masks: distances to the surface of the reference."""
    reference, prediction, spacing, _ = pair
    either = reference | prediction
    box = tuple(
        slice(int(where.min()), int(where.max()) + 1) for where in map(np.unique, either.nonzero())
    )
    boxed, other = (np.ascontiguousarray(mask[box]) for mask in (reference, prediction))
    mask = ~fastseg.surface(boxed)
    return Program(
        lambda: fastseg.distance_transform_edt(mask, spacing),
        lambda found: {"prediction to reference": found[fastseg.surface(other)]},
    )


def component_runs(pair: Pair, connectivity: int = 3) -> Program:
    """Sizes and boxes of the components of the reference, which are never painted."""
    from fastseg.backends.numba.components import Components
    from fastseg.backends.shared.volume import Volume

    def call() -> Components:
        found = Components.of_labels(Volume.of(pair.reference), connectivity)
        assert len(found.sizes) == len(found.boxes[0])
        return found

    def describe(found: Components) -> Answer:
        sizes = np.sort(found.sizes)
        background = pair.reference.size - int(sizes.sum())
        return {"sizes": np.r_[background, sizes], "components": found.count}

    return Program(call, describe)


BASELINES: dict[str, Callable[..., Program]] = {
    program.__name__: program
    for program in (reading, reading_on_threads, bincount, unzip, edt_of_box, component_runs)
}
