"""Metrics of voxel counts. TP, FP, FN, TN: true and false positives and negatives; N their sum.

Each gives nan where its formula divides by 0; what then stands in the table is the empties policy's matter.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from fastseg.measures.joint_histogram import Counts
from fastseg.metrics.registry import DEFAULTS, Function, Options, family, metric

TAHA = "Taha & Hanbury 2015, doi:10.1186/s12880-015-0068-x"
MAIER_HEIN = "Maier-Hein et al. 2024, doi:10.1038/s41592-023-02151-z"


def _ratio(numerator: float, denominator: float) -> float:
    return numerator / denominator if denominator else math.nan


@metric("counts", formula="2 TP / (2 TP + FP + FN)", source="Dice 1945, doi:10.2307/1932409")
def dice(counts: Counts, options: Options = DEFAULTS) -> float:
    """Dice similarity coefficient: the overlap as a share of the mean of both sizes."""
    return _ratio(2 * counts.tp, 2 * counts.tp + counts.fp + counts.fn)


@metric(
    "counts",
    formula="TP / (TP + FP + FN)",
    source="Jaccard 1912, doi:10.1111/j.1469-8137.1912.tb05611.x",
)
def iou(counts: Counts, options: Options = DEFAULTS) -> float:
    """Intersection over union, the Jaccard index."""
    return _ratio(counts.tp, counts.tp + counts.fp + counts.fn)


@metric("counts", formula="TP / (TP + FP)", source=MAIER_HEIN)
def precision(counts: Counts, options: Options = DEFAULTS) -> float:
    """Share of the prediction that is right, the positive predictive value."""
    return _ratio(counts.tp, counts.prediction)


@metric("counts", formula="TP / (TP + FN)", source=MAIER_HEIN)
def recall(counts: Counts, options: Options = DEFAULTS) -> float:
    """Share of the reference that was found, the sensitivity or true positive rate."""
    return _ratio(counts.tp, counts.reference)


@metric("counts", formula="TN / (TN + FP)", source=MAIER_HEIN, always_defined=True)
def specificity(counts: Counts, options: Options = DEFAULTS) -> float:
    """Share of the background that was left alone, the true negative rate; nan if the reference fills the image."""
    return _ratio(counts.tn, counts.tn + counts.fp)


@metric("counts", formula="(TP + TN) / N", source=MAIER_HEIN, always_defined=True)
def accuracy(counts: Counts, options: Options = DEFAULTS) -> float:
    """Share of all voxels that are right."""
    return _ratio(counts.tp + counts.tn, counts.tp + counts.tn + counts.fp + counts.fn)


@metric("counts", formula="(recall + specificity) / 2", source=MAIER_HEIN)
def balanced_accuracy(counts: Counts, options: Options = DEFAULTS) -> float:
    """Mean of recall and specificity."""
    return (recall(counts) + specificity(counts)) / 2


@metric(
    "counts",
    formula="(1 + β²) TP / ((1 + β²) TP + β² FN + FP)",
    source="van Rijsbergen 1979",
    uses=("beta",),
)
def f_beta(counts: Counts, options: Options = DEFAULTS) -> float:
    """F-beta score: recall counts β times as much as precision; β is 1, which is Dice, unless `beta` is given."""
    return f_score(options.beta)(counts)


def with_betas(names: Iterable[str], betas: float | tuple[float, ...]) -> tuple[str, ...]:
    """Put one name for each β in the place of f_beta, where there are several.

    Examples
    --------
    >>> with_betas(["dice", "f_beta"], (0.5, 2.0))
    ('dice', 'f0_5', 'f2')
    """
    if not isinstance(betas, tuple):
        return tuple(names)
    several = names_of_betas(betas)
    return tuple(
        dict.fromkeys(one for name in names for one in (several if name == "f_beta" else [name]))
    )


def names_of_betas(betas: Iterable[float]) -> list[str]:
    """Name the F-beta score of each β, as in f0_5, with up to six decimal places."""
    return [f"f{beta:.6f}".rstrip("0").rstrip(".").replace(".", "_") for beta in betas]


@family(r"f(\d+(?:[._]\d+)?)", "f2", "f_beta", "(1 + β²) TP / ((1 + β²) TP + β² FN + FP)")
def f_score(beta: float) -> Function:
    """F-beta score for any β ≥ 0: recall counts β times as much as precision."""

    def f(counts: Counts, options: Options = DEFAULTS) -> float:
        weighted = (1 + beta**2) * counts.tp
        return _ratio(weighted, weighted + beta**2 * counts.fn + counts.fp)

    return f


@metric("counts", formula="1 − |FN − FP| / (2 TP + FP + FN)", source=TAHA)
def volume_similarity(counts: Counts, options: Options = DEFAULTS) -> float:
    """How close the two volumes are, wherever they lie."""
    both = 2 * counts.tp + counts.fp + counts.fn
    return _ratio(both - abs(counts.fn - counts.fp), both)


@metric(
    "counts",
    unit="mm³",
    larger_is_better=None,
    best=0.0,
    worst=math.inf,
    formula="(TP + FP) v − (TP + FN) v, v the volume of a voxel",
    source=MAIER_HEIN,
    always_defined=True,
    uses=("voxel_volume",),
)
def volume_difference(counts: Counts, options: Options = DEFAULTS) -> float:
    """Volume of the prediction minus that of the reference: positive is too large."""
    return (counts.prediction - counts.reference) * options.voxel_volume


@metric(
    "counts",
    larger_is_better=None,
    best=0.0,
    worst=math.inf,
    formula="((TP + FP) − (TP + FN)) / (TP + FN)",
    source=MAIER_HEIN,
)
def relative_volume_difference(counts: Counts, options: Options = DEFAULTS) -> float:
    """Volume difference as a share of the reference's volume."""
    return _ratio(counts.prediction - counts.reference, counts.reference)


@metric(
    "counts",
    formula="(TP TN − FP FN) / √((TP + FP)(TP + FN)(TN + FP)(TN + FN))",
    source="Matthews 1975, doi:10.1016/0005-2795(75)90109-9",
)
def mcc(counts: Counts, options: Options = DEFAULTS) -> float:
    """Matthews correlation coefficient, −1 to 1; a missed structure counts as 0, no correlation."""
    tp, fp, fn, tn = counts.tp, counts.fp, counts.fn, counts.tn
    # Python integers: the product of four counts overflows 64 bits from about 65 000 voxels on.
    product = (tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)
    return _ratio(tp * tn - fp * fn, math.sqrt(product))


@metric(
    "counts", formula="(pₒ − pₑ) / (1 − pₑ)", source="Cohen 1960, doi:10.1177/001316446002000104"
)
def cohen_kappa(counts: Counts, options: Options = DEFAULTS) -> float:
    """Cohen's kappa, agreement beyond chance: pₒ the accuracy, pₑ its expectation from both sizes."""
    tp, fp, fn, tn = counts.tp, counts.fp, counts.fn, counts.tn
    return _ratio(2 * (tp * tn - fp * fn), (tp + fp) * (fp + tn) + (tp + fn) * (fn + tn))


@metric(
    "counts",
    worst=-1.0,
    formula="recall + specificity − 1",
    source="Youden 1950, doi:10.1002/1097-0142(1950)3:1<32::AID-CNCR2820030106>3.0.CO;2-3",
)
def youden(counts: Counts, options: Options = DEFAULTS) -> float:
    """Youden's J, −1 to 1."""
    tp, fp, fn, tn = counts.tp, counts.fp, counts.fn, counts.tn
    # One fraction of whole numbers: the sum of two ratios less 1 loses digits where it is near 0.
    return _ratio(tp * tn - fp * fn, (tp + fn) * (tn + fp))


@metric(
    "counts",
    larger_is_better=False,
    best=0.0,
    worst=1.0,
    formula="FP / (TP + FP + FN)",
    source="share of the union, as 1 − IoU in two parts",
    by_default=False,
)
def over_segmentation_rate(counts: Counts, options: Options = DEFAULTS) -> float:
    """Share of the union that only the prediction has; with under_segmentation_rate and IoU it adds up to 1."""
    return _ratio(counts.fp, counts.tp + counts.fp + counts.fn)


@metric(
    "counts",
    larger_is_better=False,
    best=0.0,
    worst=1.0,
    formula="FN / (TP + FP + FN)",
    source="share of the union, as 1 − IoU in two parts",
    by_default=False,
)
def under_segmentation_rate(counts: Counts, options: Options = DEFAULTS) -> float:
    """Share of the union that only the reference has; with over_segmentation_rate and IoU it adds up to 1."""
    return _ratio(counts.fn, counts.tp + counts.fp + counts.fn)
