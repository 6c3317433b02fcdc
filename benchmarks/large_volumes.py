"""A pair of label maps larger than memory: made slab by slab, evaluated, and compared with what is found otherwise.

    python benchmarks/large_volumes.py make FOLDER --size 2048      # two Zarr arrays, uint16, of some 100 MB
    python benchmarks/large_volumes.py decode FOLDER                # how long every chunk takes to be decoded once
    python benchmarks/large_volumes.py evaluate FOLDER --budget 2GiB
    python benchmarks/large_volumes.py check FOLDER                 # the same rows by other means: bit by bit

500 labels: 499 ellipsoids in a grid of cells, and one label that spans the volume: a folded sheet, and tubes along z.
In the prediction ellipsoids are shifted and scaled, the sheet is moved and thicker, some tubes are missing, and there
are false positives far from everything. `check` packs the spanning label of both maps into bits, slab by slab, and
measures it whole, which takes some 5 GB at 2048³; other labels it measures in windows that hold them.
"""

from __future__ import annotations

import argparse
import json
import math
import resource
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray

import fastseg
from fastseg.backends.numba import packed
from fastseg.backends.shared.packed import PackedPair
from fastseg.evaluation.case import evaluate_case, open_pair
from fastseg.evaluation.settings import Settings
from fastseg.inputs.source import ArraySource, Source
from fastseg.measures.regions import Request
from fastseg.measures.tolerances import width_of_band
from fastseg.metrics import resolve
from fastseg.metrics.registry import Options

Labels = NDArray[np.uint16]
Reals = NDArray[np.float32]

CHUNK = 128
SIDES = ("reference", "prediction")
SPANNING = 500
CELLS = 8  # along each axis


@dataclass(frozen=True)
class Shapes:
    """All structures of one side, in units of the volume's side."""

    centres: Reals
    radii: Reals
    tubes: list[tuple[float, float, float]]
    shift: float
    thickness: float
    extra: list[tuple[float, float, float, float]]

    @classmethod
    def of(cls, side: str) -> Shapes:
        """Choose them: the same each time."""
        rng = np.random.default_rng(14)
        corners = np.stack(np.meshgrid(*[np.arange(CELLS)] * 3, indexing="ij"), -1).reshape(-1, 3)
        centres = (corners[: SPANNING - 1] + rng.uniform(0.4, 0.6, (SPANNING - 1, 3))) / CELLS
        radii = rng.uniform(0.15, 0.38, (SPANNING - 1, 3)) / CELLS
        tubes = [(*rng.uniform(0.02, 0.98, 2), rng.uniform(0.002, 0.008)) for _ in range(40)]
        if side == "reference":
            return cls(*map(np.float32, (centres, radii)), tubes, 0.0, 0.003, [])  # type: ignore[arg-type]
        centres += rng.normal(0, 0.0012, centres.shape)
        radii *= rng.uniform(0.97, 1.03, radii.shape)
        moved = [(y + 0.0008, x - 0.0005, radius * 1.1) for y, x, radius in tubes[2:]]
        extra = [(0.03, 0.03, 0.97, 0.004), (0.9, 0.5, 0.02, 0.006)]
        return cls(*map(np.float32, (centres, radii)), moved, 0.0011, 0.0035, extra)  # type: ignore[arg-type]

    def slab(self, first: int, stop: int, size: int) -> Labels:
        """Draw some slices of a volume."""
        labels = np.zeros((stop - first, size, size), np.uint16)
        along = (np.arange(size, dtype=np.float32) + 0.5) / size
        z = along[first:stop, None, None]
        folded = 0.25 * np.sin(2 * np.pi * 2 * along)[:, None] * np.cos(2 * np.pi * 3 * along)
        middle = 0.5 + folded.astype(np.float32) + np.float32(self.shift)
        for i in range(stop - first):
            labels[i][np.abs(middle - z[i]) < self.thickness] = SPANNING
        for y, x, radius in self.tubes:
            bend = 0.01 * math.sin(20 * (first + stop) / size)
            _draw(
                labels,
                first,
                size,
                ((first + stop) / 2 / size, y + bend, x),
                (9.0, radius, radius),
                SPANNING,
            )
        for number, (centre, radii) in enumerate(zip(self.centres, self.radii, strict=True), 1):
            _draw(labels, first, size, tuple(centre), tuple(radii), number)
        for z_, y, x, radius in self.extra:
            _draw(labels, first, size, (z_, y, x), (radius,) * 3, SPANNING)
        return labels


def _draw(
    labels: Labels,
    first: int,
    size: int,
    centre: tuple[float, ...],
    radii: tuple[float, ...],
    label: int,
) -> None:
    """Draw an ellipsoid."""
    edges = []
    for at, radius, start, n in zip(centre, radii, (first, 0, 0), labels.shape, strict=True):
        low = max(math.floor((at - radius) * size) - start, 0)
        high = min(math.ceil((at + radius) * size) + 1 - start, n)
        if low >= high:
            return
        edges.append((low, high))
    parts = []
    for axis, ((low, high), at, radius) in enumerate(zip(edges, centre, radii, strict=True)):
        places = (np.arange(low, high, dtype=np.float32) + (first if axis == 0 else 0) + 0.5) / size
        shape = [1, 1, 1]
        shape[axis] = -1
        parts.append((((places - np.float32(at)) / np.float32(radius)) ** 2).reshape(shape))
    box = tuple(slice(*edge) for edge in edges)
    labels[box][parts[0] + parts[1] + parts[2] <= 1] = label


def make(folder: Path, size: int) -> None:
    """Write both maps."""
    for side in SIDES:
        shapes = Shapes.of(side)
        array = zarr.create_array(
            folder / f"{side}.zarr",
            shape=(size,) * 3,
            dtype=np.uint16,
            chunks=(min(CHUNK, size),) * 3,
            compressors=zarr.codecs.ZstdCodec(level=1),
            overwrite=True,
        )
        for first in range(0, size, CHUNK):
            stop = min(first + CHUNK, size)
            array[first:stop] = shapes.slab(first, stop, size)
    total = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    print(f"{size}³: {total / 1e6:.0f} MB")


def sources(folder: Path) -> tuple[Source, Source]:
    """Open both maps."""
    return open_pair(folder / "reference.zarr", folder / "prediction.zarr", settings())


def settings() -> Settings:
    """All metrics, as they are by default."""
    return Settings.checked()


def decode(folder: Path, size: int = 1 << 27) -> float:
    """Decode every chunk of both maps once, by slabs of about so many bytes."""
    pair = sources(folder)
    start = time.perf_counter()
    for source in pair:
        for box in source.slabs(size):
            source.window(box)
    return time.perf_counter() - start


def evaluate(folder: Path, budget: int | None) -> fastseg.Evaluation:
    """Evaluate within a budget."""
    return evaluate_case(*sources(folder), settings(), budget=budget)


def check(folder: Path) -> Iterator[str]:
    """Measure by other means, and tell what differs."""
    rows = {row["label"]: row for row in json.loads((folder / "rows.json").read_text())}
    pair, options = sources(folder), settings()
    metrics = resolve([m.name for m in options.metrics if m.measurement in options.measurements])
    size = pair[0].shape[0]
    words = [np.zeros((size, size, -(-size // 64)), np.uint64) for _ in SIDES]
    for first in range(0, size, CHUNK):
        box = (slice(first, min(first + CHUNK, size)), slice(0, size), slice(0, size))
        windows = [source.window(box) for source in pair]
        for labels, out in zip(windows, words, strict=True):
            out[box[0]] = np.packbits(labels == SPANNING, axis=-1, bitorder="little").view("<u8")
        del windows
    yield from _differences(
        rows[SPANNING],
        packed.measure(
            PackedPair(words[0], words[1], (size,) * 3, 3, False),
            width_of_band(1.0),
            Request(options.measurements, (1.0, 1.0, 1.0)),
        ),
        metrics,
    )
    tp = sum(int(np.bitwise_count(a & b).sum()) for a, b in zip(*words, strict=True))
    counts = [sum(int(np.bitwise_count(a).sum()) for a in of_side) for of_side in words]
    known = [rows[SPANNING][name] for name in ("tp", "fn", "fp")]
    if known != [tp, counts[0] - tp, counts[1] - tp]:
        yield f"{SPANNING}: counts {known}, not {[tp, counts[0] - tp, counts[1] - tp]}"
    del words
    shapes = [Shapes.of(side) for side in SIDES]
    for label in range(1, SPANNING):
        low, high = [], []
        for axis in range(3):
            ends = [
                (float(s.centres[label - 1, axis]), float(s.radii[label - 1, axis])) for s in shapes
            ]
            low.append(max(0, int((min(c - r for c, r in ends)) * size) - 2))
            high.append(min(size, int((max(c + r for c, r in ends)) * size) + 3))
        box = tuple(map(slice, low, high))
        windows = [ArraySource(np.asarray(source.window(box) == label)) for source in pair]
        found = evaluate_case(windows[0], windows[1], settings())
        row = found.to_dict()[0]
        for name in ("tp", "fp", "fn", *(metric.name for metric in metrics)):
            value = row[name]
            if repr(value) != repr(rows[label][name]):
                yield f"{label}: {name} is {rows[label][name]}, not {value}"


def _differences(
    row: Mapping[str, Any], measured: Mapping[str, Any], metrics: Any
) -> Iterator[str]:
    for metric in metrics:
        value = metric.function(measured[metric.measurement], Options())
        if repr(value) != repr(row[metric.name]):
            yield f"{row['label']}: {metric.name} is {row[metric.name]}, not {value}"


def _bytes(text: str) -> int:
    units = {"KiB": 10, "MiB": 20, "GiB": 30}
    return int(float(text[:-3]) * (1 << units[text[-3:]]))


def main() -> None:
    """Run one step."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("step", choices=["make", "decode", "evaluate", "check"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--size", type=int, default=2048)
    parser.add_argument("--budget", type=_bytes)
    given = parser.parse_args()
    if given.step == "make":
        make(given.folder, given.size)
    elif given.step == "decode":
        for size in (24, 27, 30):
            before = time.process_time()
            seconds = decode(given.folder, 1 << size)
            cpu = time.process_time() - before
            print(
                f"every chunk once, by slabs of {1 << size - 20} MiB: {seconds:.1f} s, CPU {cpu:.1f} s"
            )
    elif given.step == "evaluate":
        evaluate_case(  # loads what is compiled
            ArraySource(np.eye(4, dtype=np.uint16)),
            ArraySource(np.eye(4, dtype=np.uint16)),
            settings(),
        )
        before, start = time.process_time(), time.perf_counter()
        found = evaluate(given.folder, given.budget)
        seconds = time.perf_counter() - start
        cpu = time.process_time() - before
        (given.folder / "rows.json").write_text(json.dumps(found.to_dict()))
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 20)
        print(f"{len(found.rows)} labels: {seconds:.1f} s, CPU {cpu:.1f} s, peak {peak:.2f} GiB")
    else:
        differences = list(check(given.folder))
        print("\n".join(differences) or "all the same")
        sys.exit(bool(differences))


if __name__ == "__main__":
    main()
