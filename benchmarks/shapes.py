"""What shape, topology and skeletons cost beside the default metrics, those of counts and of distances.

    python benchmarks/shapes.py [--only PART] [--threads N] [--repeats N] [--data FOLDER]

Each line is a case: the median of the default set in ms, then of each group alone and of everything together, with its
ratio to the default set. With `--data` the CTs of a folder with a subfolder of label maps for each of two raters are
added, the first case of it as it is and with every other voxel along its first two axes.
"""

from __future__ import annotations

import argparse
import itertools
import math
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import fastseg
from benchmarks.instances import lesion_pair, tumour_pair

Labels = NDArray[Any]
Call = Callable[[Any], Any]

#: metrics of each column
SETS: dict[str, Any] = {
    "default": None,
    "shape": "shape",
    "Betti and holes": [
        *(f"betti_{dimension}_error" for dimension in range(3)),
        *("euler_error", "hole_count_difference", "hole_volume_difference", "filled_dice"),
    ],
    "skeletons": ["cl_dice", "topology_precision", "topology_sensitivity", "skeleton_recall"],
    "topology": "topology",
    "all": ["all", "shape", "topology"],
}
SETS["all but skeletons"] = ["all", "shape", *SETS["Betti and holes"]]


def cells(shape: tuple[int, ...], n: int) -> tuple[Labels, Labels]:
    """Make so many discs or balls on a grid, a label each, and move all by a voxel."""
    rng = np.random.default_rng(0)
    side = math.ceil(n ** (1 / len(shape)) - 1e-9)
    step = shape[0] / side
    labels = np.zeros(shape, np.uint16)
    places = itertools.islice(itertools.product(range(side), repeat=len(shape)), n)
    for number, place in enumerate(places, start=1):
        center = [(at + 0.5) * step + rng.uniform(-1, 1) for at in place]
        radius = step * rng.uniform(0.3, 0.45)
        box = tuple(
            slice(max(0, int(at - radius - 1)), min(size, int(at + radius + 2)))
            for at, size in zip(center, shape, strict=True)
        )
        distances = sum((axis - at) ** 2 for axis, at in zip(np.ogrid[box], center, strict=True))
        labels[box][distances <= radius**2] = number
    return labels, np.roll(labels, 1, axis=0)


def of_labels(pair: tuple[Labels, Labels], spacing: Any = None) -> Call:
    """Evaluate two label maps."""
    return lambda metrics: fastseg.evaluate(*pair, spacing=spacing, metrics=metrics)


def of_instances(pair: tuple[Labels, Labels]) -> Call:
    """Evaluate the components of two masks."""
    return lambda metrics: fastseg.evaluate_instances(*pair, metrics=metrics)


def cases(data: Path | None) -> Iterator[tuple[str, Callable[[], Call]]]:
    """List the cases; each is made when it is its turn."""
    if data:
        path = min(data.glob("*/*.nii.gz"))
        others = sorted(data.glob(f"*/{path.name}"))[:2]
        images = [fastseg.read_image(other) for other in others]
        whole = images[0].array, images[1].array
        x, y, z = images[0].spacing or (1.0, 1.0, 1.0)
        coarse = tuple(np.asfortranarray(labels[::2, ::2]) for labels in whole)
        yield f"CT {whole[0].shape}", lambda: of_labels(whole, (x, y, z))
        yield f"CT {coarse[0].shape}", lambda: of_labels((coarse[0], coarse[1]), (2 * x, 2 * y, z))
    yield "2 500 cells, 2048²", lambda: of_labels(cells((2048, 2048), 2500))
    yield "2 500 cells, 256³", lambda: of_labels(cells((256, 256, 256), 2500))
    yield "brain tumour, 3 labels", lambda: of_labels(tumour_pair((155, 240, 240), 3, 1))
    yield "650 lesions, 256³", lambda: of_instances(lesion_pair(650, 30, (256, 256, 256)))
    mask = np.zeros((64, 64), np.uint8)
    mask[10:50, 12:48] = 1
    mask[20:25, 20:30] = 0
    yield "one mask, 64²", lambda: of_labels((mask, np.roll(mask, 1, axis=0)))


def timed(call: Call, metrics: Any, repeats: int) -> float:
    """Take the median in ms."""
    call(metrics)
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        call(metrics)
        times.append(time.perf_counter() - start)
    return 1e3 * statistics.median(times)


def main() -> None:
    """Time all cases."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--only", default="", help="cases whose name has this in it")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--data", type=Path)
    options = parser.parse_args()
    fastseg.set_num_threads(options.threads)
    for name, make in cases(options.data):
        if options.only not in name:
            continue
        call = make()
        found = {column: timed(call, wanted, options.repeats) for column, wanted in SETS.items()}
        base = found.pop("default")
        columns = [f"{column} {value:.2f} ({value / base:.2f}x)" for column, value in found.items()]
        print(f"{name:24} default {base:.2f}  " + "  ".join(columns), flush=True)


if __name__ == "__main__":
    main()
