"""Published figures and closed forms: arrays, and what each metric must say of them.

The first part re-creates figures of *Understanding metric-related pitfalls in image analysis
validation* (arXiv 2302.01790; "SN" is a supplementary note there); the second has answers that can
be worked out with pencil and paper. Where a number is another library's answer, `source` says
whose, and the options are those with which fastseg must give the same.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]

PAPER = "arXiv 2302.01790"
ANALYTIC = "closed form"
DISTORCH_TEXT = "github.com/jeromerony/distorch, CORRECTNESS.md"
DISTORCH_README = "github.com/jeromerony/distorch, README.md"


@dataclass(frozen=True)
class Expected:
    """One metric's value, as printed to `decimals` digits, and the options that yield it."""

    metric: str
    value: float
    decimals: int = 4
    boundary: Literal["voxel", "surfel", "vertex"] = "voxel"
    percentile_method: Literal["max_of_directions", "pooled"] = "max_of_directions"
    tolerance: float = 1.0  # of nsd; the width of boundary_iou
    source: str = PAPER

    def agrees(self, value: float) -> bool:
        """Whether `value` rounds to the printed one."""
        # A half may round either way; 1e-12 is room for float64, relative where values are large.
        slack = 0.5 * 10.0**-self.decimals + 1e-12 * max(1.0, abs(self.value))
        return abs(value - self.value) <= slack


@dataclass(frozen=True)
class Figure:
    """A pair of masks and what is known of them."""

    name: str
    reference: Mask
    prediction: Mask
    spacing: tuple[float, ...]
    expected: tuple[Expected, ...]
    counts: dict[str, int] = field(default_factory=dict)  # tp, fp, fn, tn where printed


def _rows(source: str, values: dict[str, Any], decimals: int = 4, **options: Any) -> list[Expected]:
    return [Expected(m, v, decimals, source=source, **options) for m, v in values.items()]


def _exact(values: dict[str, float], **options: Any) -> list[Expected]:
    return [Expected(m, v, 12, source=ANALYTIC, **options) for m, v in values.items()]


def _box(shape: tuple[int, ...], *ends: tuple[int, int]) -> Mask:
    mask = np.zeros(shape, bool)
    mask[tuple(slice(start, stop) for start, stop in ends)] = True
    return mask


def _runs(*lengths: int) -> Mask:
    """A line of ones, zeros, ones … in runs of the given lengths."""
    return np.repeat(np.arange(len(lengths)) % 2 == 0, lengths)


# ---------------------------------------------------------------------------- the paper's figures


def sn_2_10() -> list[Figure]:
    """A square, and one drawn one pixel too small and one too large."""
    shape = (14, 14)
    reference = _box(shape, (5, 9), (5, 9))
    small, large = _box(shape, (6, 8), (6, 8)), _box(shape, (4, 10), (4, 10))
    distances = {"hd": 1.4142, "hd95": 1.4142}
    small_expected = [
        *_rows(PAPER, {"hd": 1.41, "masd": 1.07, "assd": 1.10}, 2),
        *_rows(PAPER, {"nsd": 0.75}),
        *_rows("MONAI", {**distances, "assd": 1.1036, "nsd": 0.75}),
        *_rows("MedPy", {"hd95": 1.4142}, percentile_method="pooled"),
        *_rows("Metrics Reloaded", {"masd": 1.0690}),
        *_rows("surface-distance", {**distances, "masd": 1.0395, "nsd": 0.8694}, boundary="surfel"),
    ]
    large_expected = [
        *_rows(PAPER, {"hd": 1.41, "masd": 1.04, "assd": 1.05}, 2),
        *_rows(PAPER, {"nsd": 0.875}),
        *_rows("MONAI", {**distances, "assd": 1.0518, "nsd": 0.875}),
        *_rows("MedPy", {"hd95": 1.4142}, percentile_method="pooled"),
        *_rows("Metrics Reloaded", {"masd": 1.0414}),
        *_rows("surface-distance", {**distances, "masd": 1.0257, "nsd": 0.9249}, boundary="surfel"),
    ]
    unit = (1.0, 1.0)
    counts = [{"tp": 4, "fp": 0, "fn": 12, "tn": 180}, {"tp": 16, "fp": 20, "fn": 0, "tn": 160}]
    return [
        Figure("SN 2.10 small", reference, small, unit, tuple(small_expected), counts[0]),
        Figure("SN 2.10 large", reference, large, unit, tuple(large_expected), counts[1]),
    ]


def figure_5c() -> Figure:
    """A square and a distant pixel, missed: every percentile convention gives its own HD95."""
    prediction = _box((14, 14), (9, 12), (9, 12))
    reference = prediction.copy()
    reference[1, 1] = True
    far = 8 * math.sqrt(2)  # the pixel to the corner of the square
    expected = [
        *_rows(PAPER, {"hd": 11.31, "hd95": 6.79}, 2),
        *_rows("MONAI", {"hd": 11.3137, "hd95": 6.7882, "assd": 0.6655, "nsd": 0.9412}),
        *_rows("MedPy", {"hd95": 2.2627}, percentile_method="pooled"),
        *_rows("Metrics Reloaded", {"masd": 0.6285}),
        *_rows(
            "surface-distance",
            {"hd": 11.3137, "hd95": 11.3137, "masd": 1.0996, "nsd": 0.8845},
            boundary="surfel",
        ),
        # Surfaces of 9 and 8 pixels, all shared but the distant one.
        *_exact({"hd": far, "hd95": 0.6 * far, "assd": far / 17, "masd": far / 18, "nsd": 16 / 17}),
        *_exact({"hd95": 0.2 * far}, percentile_method="pooled"),
    ]
    return Figure("Fig 5c", reference, prediction, (1.0, 1.0), tuple(expected))


def figure_10() -> Figure:
    """A square with four whiskers."""
    reference = _box((11, 11), (3, 8), (3, 8))
    whiskers = _box((11, 11), (5, 6), (1, 10)) | _box((11, 11), (1, 10), (5, 6))
    expected = [
        *_rows(PAPER, {"masd": 0.425, "dice": 0.862}, 3),
        *_rows(PAPER, {"iou": 0.76, "assd": 0.44, "nsd": 0.89}, 2),
        *_rows(PAPER, {"nsd": 1.0}, tolerance=2.0),
        *_rows("MONAI", {"hd": 2.0, "hd95": 2.0, "assd": 0.4444, "nsd": 0.8889}),
        *_rows("MedPy", {"hd95": 2.0}, percentile_method="pooled"),
        *_rows("Metrics Reloaded", {"masd": 0.4250}),
        *_rows("surface-distance", {"hd95": 2.0, "masd": 0.3204, "nsd": 0.8845}, boundary="surfel"),
    ]
    return Figure("Fig 10", reference, reference | whiskers, (1.0, 1.0), tuple(expected))


def sn_2_12() -> Figure:
    """A large square that lacks one row, for the boundary IoU."""
    shape = (22, 22)
    reference, prediction = _box(shape, (2, 21), (2, 21)), _box(shape, (3, 21), (2, 21))
    expected = [
        *_rows(PAPER, {"boundary_iou": 0.6}, 1, tolerance=1.0),
        *_rows(PAPER, {"boundary_iou": 0.8}, 1, tolerance=2.0),
        *_rows("Metrics Reloaded", {"boundary_iou": 0.59551}, 5, tolerance=1.0),
        *_rows("Metrics Reloaded", {"boundary_iou": 0.77483}, 5, tolerance=2.0),
        # The rings have 72 and 70 voxels and share three sides of the smaller one.
        *_exact({"boundary_iou": 53 / 89}, tolerance=1.0),
    ]
    return Figure("SN 2.12", reference, prediction, (1.0, 1.0), tuple(expected))


def count_figures() -> list[Figure]:
    """SN 2.9, 2.11 and 2.17: lines of 100 or 105 elements, of which only the counts matter."""
    balanced, common = _runs(50, 50), _runs(90, 10)
    three = _runs(3, 97)
    same = {"balanced_accuracy": 0.85, "youden": 0.70}
    first = {"mcc": 0.70, "f_beta": 0.86, **same, "cohen_kappa": 0.70, "precision": 0.82}
    second = {"mcc": 0.56, "f_beta": 0.94, **same, "cohen_kappa": 0.53, "precision": 0.98}
    cases = [
        ("SN 2.9 balanced", balanced, _runs(45, 5, 10, 40), _rows(PAPER, first, 2)),
        ("SN 2.9 imbalanced", common, _runs(81, 9, 2, 8), _rows(PAPER, second, 2)),
        (
            "SN 2.17 too many",
            three,
            _runs(6, 94),
            [*_rows(PAPER, {"specificity": 0.97}, 2), *_rows(PAPER, {"recall": 1.0})],
        ),
        (
            "SN 2.17 none",
            three,
            np.zeros(100, bool),
            _rows(PAPER, {"specificity": 1.0, "recall": 0.0}),
        ),
        # Counts solved from the printed accuracy and the net benefits at two exchange rates.
        ("SN 2.11 all positive", _runs(30, 75), np.ones(105, bool), _sn_2_11()),
        ("SN 2.11 mixed", _runs(35, 70), _runs(20, 15, 60, 10), _sn_2_11()),
    ]
    return [Figure(name, ref, pred, (1.0,), tuple(exp)) for name, ref, pred, exp in cases]


def _sn_2_11() -> list[Expected]:
    return _rows(PAPER, {"accuracy": 0.286}, 3)


# ---------------------------------------------------------------------------- other libraries


def edge_slab() -> Figure:
    """Two slabs on the image's edge: is the edge a surface? Here it is."""
    shape = (12, 12)
    expected = [
        *_rows("MONAI", {"hd": 1.0, "hd95": 1.0, "assd": 0.3333, "nsd": 1.0}),
        *_rows("MedPy", {"hd95": 1.0}, percentile_method="pooled"),
        *_rows("Metrics Reloaded", {"masd": 0.3327}),
        *_rows("surface-distance", {"hd95": 1.0, "masd": 0.3265, "nsd": 1.0}, boundary="surfel"),
        # Rings of 32 and 34 voxels; 10 + 10 of the rows inside and 2 of the larger's ends are
        # one voxel from the other ring, or 22 of 66.
        *_exact({"hd": 1.0, "assd": 22 / 66, "masd": (10 / 32 + 12 / 34) / 2, "nsd": 1.0}),
    ]
    return Figure(
        "slab on the edge",
        _box(shape, (0, 6), (0, 12)),
        _box(shape, (0, 7), (0, 12)),
        (1.0, 1.0),
        tuple(expected),
    )


def nested_cuboids() -> Figure:
    """A cuboid in a larger one, slices three times as far apart as pixels."""
    shape = (20, 24, 28)
    expected = [
        *_rows("MedPy", {"hd": 14.3178, "assd": 8.7248}),
        *_rows("MedPy", {"hd95": 13.0}, percentile_method="pooled"),
        *_rows("MONAI", {"hd95": 13.0384, "assd": 8.7248, "nsd": 0.0}),
        *_rows("Metrics Reloaded", {"masd": 7.3903}),
        *_rows(
            "surface-distance", {"hd95": 12.8062, "masd": 6.8174, "nsd": 0.0}, boundary="surfel"
        ),
        *_exact({"hd": math.sqrt((4 * 3) ** 2 + 5**2 + 6**2), "nsd": 0.0}),
    ]
    return Figure(
        "nested cuboids",
        _box(shape, (4, 16), (4, 20), (4, 24)),
        _box(shape, (7, 12), (9, 15), (10, 18)),
        (3.0, 1.0, 1.0),
        tuple(expected),
    )


# ---------------------------------------------------------------------------- closed forms


def plane_shift(axis: int, shift: int, spacing: tuple[float, ...]) -> Figure:
    """Two one-voxel planes, `shift` voxels apart along `axis`: all voxel distances are the same.

    A plane has two sheets of lattice corners, one of which is a voxel nearer to the other plane.
    """
    shape = tuple(shift + 5 if i == axis else 6 for i in range(len(spacing)))
    reference, prediction = np.zeros(shape, bool), np.zeros(shape, bool)
    np.moveaxis(reference, axis, 0)[2] = True
    np.moveaxis(prediction, axis, 0)[2 + shift] = True
    apart = shift * spacing[axis]
    middle = (shift - 0.5) * spacing[axis]
    expected = [
        *_exact(dict.fromkeys(("hd", "hd95", "hd50", "assd", "masd"), apart)),
        *_exact({"hd95": apart}, percentile_method="pooled"),
        *_exact({"nsd": 1.0}, tolerance=apart),
        *_exact({"nsd": 1.0}, tolerance=math.nextafter(apart, 0)),
        *_exact({"nsd": 0.0}, tolerance=apart * (1 - 2e-6)),
    ]
    for boundary in ("surfel", "vertex"):
        expected += [
            *_exact({"hd": apart, "assd": middle, "masd": middle}, boundary=boundary),
            *_exact({"nsd": 0.5}, boundary=boundary, tolerance=(shift - 0.25) * spacing[axis]),
        ]
    expected += _exact({"hd95": apart, "hd25": apart - spacing[axis]}, boundary="vertex")
    name = f"planes {shift} apart along axis {axis} of spacing {spacing}"
    return Figure(name, reference, prediction, spacing, tuple(expected))


def nested_boxes(
    gaps: tuple[tuple[int, int], ...], inner: tuple[int, ...], spacing: tuple[float, ...]
) -> Figure:
    """A box of `inner` voxels inside one that is `gaps` voxels larger at either end of each axis.

    The farthest point of the outer surface is a corner. Corners of the lattice lie as voxel centres
    do, so that both kinds of boundary agree.
    """
    shape = tuple(n + before + after + 2 for n, (before, after) in zip(inner, gaps, strict=True))
    prediction = _box(
        shape, *((1 + before, 1 + before + n) for n, (before, _) in zip(inner, gaps, strict=True))
    )
    reference = _box(shape, *((1, n - 1) for n in shape))
    far = math.sqrt(sum((max(g) * s) ** 2 for g, s in zip(gaps, spacing, strict=True)))
    volumes = int(reference.sum()), int(prediction.sum())
    expected = [
        *_exact({"hd": far}),
        *_exact({"hd": far}, boundary="surfel"),
        *_exact({"hd": far}, boundary="vertex"),
        *_exact({"dice": 2 * volumes[1] / sum(volumes), "iou": volumes[1] / volumes[0]}),
        *_exact({"precision": 1.0, "recall": volumes[1] / volumes[0], "specificity": 1.0}),
        *_exact({"relative_volume_difference": volumes[1] / volumes[0] - 1}),
    ]
    name = f"boxes with gaps {gaps} of spacing {spacing}"
    return Figure(name, reference, prediction, spacing, tuple(expected))


def overlapping_boxes(step: float) -> Figure:
    """[10, 30)³ and [20, 35)³: the farthest corner is ten voxels off along every axis."""
    shape = (36, 36, 36)
    return Figure(
        f"boxes [10, 30)³ and [20, 35)³ at spacing {step}",
        _box(shape, *[(10, 30)] * 3),
        _box(shape, *[(20, 35)] * 3),
        (step,) * 3,
        tuple(_exact({"hd": 10 * math.sqrt(3) * step})),
    )


def rounding_tolerance(step: float, shift: int, tolerance: float) -> Figure:
    """Planes whose distance in float64 is one rounding above `tolerance`, which is what was meant: within it."""
    planes = plane_shift(0, shift, (step, 1.0, 1.0))
    expected = (
        *_exact({"nsd": 1.0}, tolerance=tolerance),
        *_exact({"nsd": 0.0}, tolerance=shift * step * (1 - 2e-6)),
    )
    name = f"{shift} times {step} against a tolerance of {tolerance}"
    return Figure(name, planes.reference, planes.prediction, planes.spacing, expected)


# ---------------------------------------------------------------------------- DisTorch


def one_pixel_and_two() -> Figure:
    """A pixel, and it with its neighbour: what DisTorch works out by hand.

    The distances' integrals over both contours are 1/16 · 4 and 1/3 · 6, so that ASSD is 0.225; from vertices it is
    0.2, which DisTorch prints beside it.
    """
    return Figure(
        "a pixel, and two",
        _box((3, 4), (1, 2), (1, 2)),
        _box((3, 4), (1, 2), (1, 3)),
        (1.0, 1.0),
        (
            *_rows(DISTORCH_TEXT, {"assd": 0.2, "masd": 1 / 6, "hd": 1.0}, 12, boundary="vertex"),
            *_exact({"nsd": 0.8}, boundary="vertex", tolerance=0.5),
            *_exact({"hd95": 1.0, "hd70": 0.5, "hd50": 0.0}, boundary="vertex"),
        ),
    )


def distorch_example() -> Figure:
    """Two shapes of pixels that touch at corners; weights count in means and in shares, and not in percentiles."""
    reference = np.array(
        [[0, 0, 0, 0, 0], [0, 1, 0, 0, 0], [0, 0, 1, 1, 0], [0, 1, 1, 1, 0], [0, 0, 0, 0, 0]], bool
    )
    prediction = np.array(
        [[1, 1, 0, 0, 0], [0, 1, 1, 0, 0], [0, 1, 1, 1, 0], [0, 1, 1, 0, 0], [0, 0, 0, 0, 0]], bool
    )
    values = {"hd": 1.4142, "hd95": 1.1036, "assd": 0.3471, "nsd": 0.9667}
    return Figure(
        "DisTorch's example",
        reference,
        prediction,
        (1.0, 1.0),
        (
            *_rows(DISTORCH_README, values, boundary="vertex"),
            *_rows(DISTORCH_README, {"masd": (0.2857 + 0.4009) / 2}, 4, boundary="vertex"),
        ),
    )


FIGURES: list[Figure] = [
    *sn_2_10(),
    figure_5c(),
    figure_10(),
    sn_2_12(),
    *count_figures(),
    edge_slab(),
    nested_cuboids(),
    *(plane_shift(axis, 4, (3.0, 1.0, 1.0)) for axis in range(3)),
    plane_shift(2, 3, (0.488, 0.488, 1.25)),
    plane_shift(1, 7, (1.0, 0.5)),
    nested_boxes(((1, 2), (3, 1)), (5, 4), (1.0, 1.0)),
    nested_boxes(((1, 2), (3, 3), (2, 1)), (4, 3, 5), (0.7, 0.7, 2.5)),
    nested_boxes(((2, 2), (2, 2), (2, 2)), (1, 1, 1), (1.0, 1.0, 1.0)),
    overlapping_boxes(1.0),
    overlapping_boxes(0.7),
    rounding_tolerance(0.1, 3, 0.3),
    rounding_tolerance(1.1, 3, 3.3),
    one_pixel_and_two(),
    distorch_example(),
]


# ---------------------------------------------------------------------------- lists of distances


@dataclass(frozen=True)
class Distances:
    """Two lists of distances on which the conventions for the 95th percentile differ."""

    reference_to_prediction: NDArray[np.float64]
    prediction_to_reference: NDArray[np.float64]
    max_of_directions: float
    pooled: float
    inverse_cdf: float  # with every area equal to `area`, the larger of the directions
    area: float = 1.0


COUNTING = np.arange(40.0)
DISTANCES: list[Distances] = [
    Distances(np.array([0.0] * 8 + [1.0, 2.0]), np.array([0.0] * 30 + [5.0, 5.0]), 2.25, 1.95, 5.0),
    # The 38th of 40 equal areas reaches 95 % exactly; with areas of 0.7 the rounded running sum
    # stays below, and surface-distance takes the 39th.
    Distances(COUNTING, COUNTING, 37.05, 37.05, 37.0, area=1.0),
    Distances(COUNTING, COUNTING, 37.05, 37.05, 38.0, area=0.7),
]
