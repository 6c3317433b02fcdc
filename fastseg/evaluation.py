"""One case: every label, every metric, one read of the volumes."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from fastseg import __version__, dispatch, io, threads
from fastseg.arrays import (
    Array,
    Spacing,
    as_label,
    as_label_map,
    as_spacing,
    check_same_shape,
    matched,
)
from fastseg.choices import unknown
from fastseg.device import is_on_device
from fastseg.distances import BOUNDARIES, Boundary
from fastseg.distributions import PERCENTILE_METHODS, PercentileMethod
from fastseg.joint import Box, JointHistogram
from fastseg.lazy import lazy
from fastseg.metrics import Counts, Empty, EmptyPolicy, Metric, Options, as_policy, resolve
from fastseg.metrics.empties import Value
from fastseg.results import Evaluation, LabelResult
from fastseg.structures import Labels, Structure, as_structures, as_tolerances

# Voxels of a box that is worth the work of all threads: 256³. (From 2 million on, steps are too short to be shared: a
# head and neck CT took 34 instead of 29 ms.)
_LARGE_BOX = 1 << 24


def evaluate(
    reference: Any,
    prediction: Any,
    *,
    spacing: float | Sequence[float] | None = None,
    labels: Labels | None = None,
    metrics: str | Iterable[str] | None = None,
    tolerance: float | Mapping[str | int, float] = 1.0,
    boundary: Boundary = "voxel",
    percentile_method: PercentileMethod = "max_of_directions",
    empty: str | Mapping[str, Value] = "worst",
    ignore_label: int | None = None,
    backend: str | None = None,
    case: str = "",
) -> Evaluation:
    """Compare a predicted segmentation with its reference: every label, every metric.

    Parameters
    ----------
    reference, prediction : array_like, path or image
        Label maps of one shape, 1-D to 3-D: bool, integers, or floats that are whole numbers; NumPy arrays in any
        memory order, CPU tensors, image files (.nii .nii.gz .hdr .nrrd .mha .mhd .npy .npz), SimpleITK or nibabel
        images. Two images must lie on one grid.
    spacing : float or sequence of float, optional
        Voxel size along each array axis. Default: the image's own, and 1 for plain arrays. Images have their axes
        in the order x, y, z.
    labels : iterable of int, or mapping of names to labels, optional
        Default: all labels of either map but 0 and `ignore_label`; 1 for bool masks. A mapping may give a tuple of
        labels, which form a region: ``{"liver": 1, "whole tumour": (1, 2, 3)}``; regions may overlap.
    metrics : str or iterable of str, optional
        Names, see :func:`list_metrics`; also any ``hdNN`` and ``fN``. Default: all. Only what they need is computed.
    tolerance : float or mapping, optional
        Of ``nsd``, and the width of ``boundary_iou``, in the units of the spacing: one number, or one for each label
        by name or id, with the key "default" for those that are not named.
    boundary : {"voxel", "surfel"}
        What the surface is, see :func:`surface_distances`.
    percentile_method : {"max_of_directions", "pooled"}
        How ``hdNN`` is taken: the larger of the two directions' percentiles (MONAI, MetricsReloaded), or the
        percentile of both together (MedPy).
    empty : str or mapping
        What undefined values are where the reference, the prediction or both lack a label: "worst" (both: nan; one:
        the worst score), "nan", "raise", "diagonal" (as worst, with the image's diagonal for an infinite distance),
        "perfect" (both: the best score), or a mapping from metric names to policies or numbers.
    ignore_label : int, optional
        Voxels with this label in the reference count as background in both maps for distances, and do not count
        at all otherwise.
    backend : {"numba", "scipy", "cupy"}, optional
        Default: the best one available for where the arrays are: "cupy" for CuPy arrays, CUDA tensors and other
        arrays on a GPU, whose voxels never leave it.
    case : str
        Name for the table. Default: that of the prediction's file.

    Returns
    -------
    Evaluation
        One row per label.

    Raises
    ------
    TypeError, ValueError
        For shapes or grids that differ, a wrong spacing, labels that are not whole numbers, unknown names.
    EmptyMaskError
        Under ``empty="raise"``.

    Examples
    --------
    >>> import numpy as np, fastseg
    >>> reference = np.zeros((40, 40, 40), np.uint8)
    >>> reference[10:30, 10:30, 10:30] = 1
    >>> prediction = np.roll(reference, 1, axis=0)
    >>> evaluation = fastseg.evaluate(reference, prediction, spacing=(2.5, 1, 1), labels={"liver": 1})
    >>> evaluation["liver"]["dice"], evaluation["liver"]["hd95"]
    (0.95, 2.5)
    """
    chosen = resolve(metrics)
    policy = as_policy(empty)
    _check_choice("boundary", boundary, BOUNDARIES)
    _check_choice("percentile_method", percentile_method, PERCENTILE_METHODS)
    maps, own_spacing, source = _load(reference, prediction)
    check_same_shape(*maps)
    steps = as_spacing(own_spacing if spacing is None else spacing, maps[0].ndim)
    ignore = None if ignore_label is None else as_label(ignore_label, "ignore_label")
    module = dispatch.choose(
        "joint_histogram", maps[0].ndim, backend, on_device=is_on_device(maps[0])
    )
    placed = dispatch.placed(module, *matched(*maps))
    volumes = placed[0], placed[1]
    histogram: JointHistogram = module.joint_histogram(*volumes).without(ignore)
    if labels is None and volumes[0].dtype.kind == "b":
        labels = (1,)  # a pair of masks has a row even if both are empty
    wanted = as_structures(labels, histogram, ignore)
    tolerance_of_each = as_tolerances(tolerance, wanted, any_id=labels is None)
    task = _Case(
        module,
        *volumes,
        histogram,
        steps,
        ignore,
        chosen,
        boundary,
        percentile_method,
        policy,
        case or source,
    )
    rows = task.rows(list(zip(wanted, tolerance_of_each, strict=True)))
    settings = {
        "fastseg": __version__,
        "backend": dispatch.name_of(module),
        "shape": list(maps[0].shape),
        "spacing": list(steps),
        "tolerance": dict(tolerance) if isinstance(tolerance, Mapping) else tolerance,
        "boundary": boundary,
        "percentile_method": percentile_method,
        "empty": dict(empty) if isinstance(empty, Mapping) else empty,
        "ignore_label": ignore,
    }
    return Evaluation(tuple(rows), tuple(entry.name for entry in chosen), settings)


@dataclass(frozen=True)
class _Case:
    """All that the rows of one case share."""

    backend: ModuleType
    reference: Array
    prediction: Array
    histogram: JointHistogram
    spacing: Spacing
    ignore: int | None
    metrics: tuple[Metric, ...]
    boundary: Boundary
    percentile_method: PercentileMethod
    policy: EmptyPolicy
    name: str

    def rows(self, tasks: list[tuple[Structure, float]]) -> list[LabelResult]:
        """Every structure's row: those with large boxes one by one, each on all threads, then several at once."""

        def size(i: int) -> int:
            box = self.histogram.box(tasks[i][0].values)
            return math.prod(part.stop - part.start for part in box) if box else 0

        sizes = [size(i) for i in range(len(tasks))]
        order = sorted(range(len(tasks)), key=sizes.__getitem__, reverse=True)
        large = sum(size >= _LARGE_BOX for size in sizes)
        rows = [self.row(*tasks[i]) for i in order[:large]]
        # a device has a stream of its own in every thread: one thread keeps to the caller's
        each = map if is_on_device(self.reference) else threads.run_from_both_ends
        rows += each(lambda i: self.row(*tasks[i]), order[large:])
        by_task = dict(zip(order, rows, strict=True))
        return [by_task[i] for i in range(len(tasks))]

    def row(self, structure: Structure, tolerance: float) -> LabelResult:
        """One structure: counts from the histogram, distances within its box, then the metrics."""
        counts = Counts(*self.histogram.pair_counts(structure.values), math.prod(self.spacing))
        empty = _which_empty(counts)
        measured: dict[str, Callable[[Metric], float]] = {"counts": lambda m: m.function(counts)}
        needs = {metric.needs for metric in self.metrics}
        if empty:
            measured |= dict.fromkeys(("distances", "band"), lambda m: _with_nothing(m, empty))
        elif needs - {"counts"}:
            masks = self._masks(structure)
            if "band" in needs:
                band = self.backend.band_counts(*masks, self.spacing, tolerance)
                measured["band"] = lambda m: m.function(band)
            if "distances" in needs:
                # popped, so that the backend is the last to hold the masks and can let go of them
                found = self.backend.surface_distributions(
                    masks.pop(0), masks.pop(), self.spacing, self.boundary
                )
                options = Options(tolerance, self.percentile_method)
                measured["distances"] = lambda m: m.function(found, options)
        values = {}
        for metric in self.metrics:
            value = measured[metric.needs](metric)
            values[metric.name] = self.policy.value(
                metric, value, empty, self._diagonal, structure.name
            )
        return LabelResult(
            self.name,
            structure.label,
            structure.name,
            values,
            counts,
            empty,
            self.policy.name if empty else "",
        )

    def _masks(self, structure: Structure) -> list[Any]:
        box: Box | None = self.histogram.box(structure.values)
        ignored = None
        if self.ignore is not None:
            ignored = self.backend.select(self.reference, (self.ignore,), box)
        return [
            self.backend.select(labels, structure.values, box, ignored)
            for labels in (self.reference, self.prediction)
        ]

    @lazy
    def _diagonal(self) -> float:
        return math.hypot(
            *(size * step for size, step in zip(self.reference.shape, self.spacing, strict=True))
        )


def _which_empty(counts: Counts) -> Empty:
    if counts.reference and counts.prediction:
        return ""
    if counts.reference:
        return "prediction"
    return "reference" if counts.prediction else "both"


def _with_nothing(metric: Metric, empty: Empty) -> float:
    """A distance or band metric of a structure that one or both masks lack: a distance to nothing is inf."""
    return math.nan if empty == "both" else metric.worst


def _load(reference: Any, prediction: Any) -> tuple[tuple[Array, Array], Spacing | None, str]:
    """Both label maps, the spacing that they bring, and the name of the prediction's file."""
    images = threads.run(_as_image, (reference, prediction))  # unzipping a file is serial
    if images[0] is not None and images[1] is not None:
        io.check_same_grid(images[0], images[1])
    arrays = (
        as_label_map(images[0].array if images[0] else reference, "reference"),
        as_label_map(images[1].array if images[1] else prediction, "prediction"),
    )
    spacing = next((image.spacing for image in images if image and image.spacing), None)
    source = io.image_stem(prediction) if io.is_image_path(prediction) else ""
    return arrays, spacing, source


def _as_image(value: Any) -> io.Image | None:
    return io.read_image(value) if io.is_image_path(value) else io.as_image(value)


def _check_choice(name: str, value: object, known: Sequence[str]) -> None:
    if value not in known:
        raise unknown(name, value, known)
