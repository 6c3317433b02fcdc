"""What the sanitizers watch: every kernel, and `evaluate`, on a volume of odd sides.

Each array has an allocation of its own, so that what is beyond it is nobody's.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import fastseg
from benchmarks import volumes
from benchmarks.on_gpu import kernels, sanitizers
from benchmarks.on_gpu.device import Device, WallClock, import_cupy

SHAPE = (33, 29, 43)
LABELS = 60


def main(cupy: Any = None, shape: tuple[int, int, int] = SHAPE) -> None:
    """Run everything once, and compare."""
    if cupy is None:
        cupy = import_cupy()
        cupy.cuda.set_allocator(None)
    fastseg.set_num_threads(1)
    subject = kernels.Subject(Device(cupy, WallClock()), shape)
    for make in kernels.ALL:
        kernel = make(subject)
        kernel.before()
        kernel.check(kernel.call())
    evaluate(cupy, shape)
    print(sanitizers.ENDED)


def evaluate(cupy: Any, shape: tuple[int, int, int]) -> None:
    """Of many labels, of labels wider than 32 bits, with all boundaries, and of what is far apart."""
    rng = np.random.default_rng(volumes.SEED)
    small = rng.integers(0, LABELS, [-(-size // 5) for size in shape])
    first = np.kron(small, np.ones((5, 5, 5), np.int64))[tuple(slice(0, n) for n in shape)]
    second = np.where(rng.random(shape) < 0.02, 3, np.roll(first, 1, axis=-1))
    pairs: list[tuple[Any, Any, dict[str, Any]]] = [
        (first.astype(np.uint8), second.astype(np.uint8), {}),
        (first << 40, second << 40, {}),
        (first == 1, second == 1, {"boundary": "surfel", "spacing": (2.5, 0.7, 0.9)}),
        (first == 1, second == 1, {"boundary": "vertex", "boundary_width": 1.5}),
        (*volumes.far(shape), {}),
    ]
    for reference, prediction, options in pairs:
        found = fastseg.evaluate(cupy.asarray(reference), cupy.asarray(prediction), **options)
        expected = fastseg.evaluate(reference, prediction, **options)
        if repr(found.to_dict()) != repr(expected.to_dict()):
            raise SystemExit(f"evaluate differs from the numba backend's: {options}")


if __name__ == "__main__":
    main()
