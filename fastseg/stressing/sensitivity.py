"""How much of what a metric can lose an error costs, so that metrics can be compared."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence

from fastseg.metrics import Metric

#: the sensitivity below which an error counts as not seen
SEEN = 0.05


def scale_of(metric: Metric, perfect: float, size: float, ndim: int) -> float:
    """Give what counts as a loss of 1: from the perfect to the worst value, or the structure's own size.

    Parameters
    ----------
    metric : Metric
    perfect : float
        Its value for the mask beside itself.
    size : float
        The structure's volume, in a plane its area.
    ndim : int
        The number of axes.

    Returns
    -------
    float
        Of a length without bound, the radius of a ball as large as the structure; of an area that ball's surface; of a
        volume the structure's; of a number or a ratio without bound 1. In a plane a disc is the ball.
    """
    if math.isfinite(metric.worst) and math.isfinite(perfect):
        return abs(perfect - metric.worst)
    radius = radius_of(size, ndim)
    around = {1: 2.0, 2: 2 * math.pi * radius}.get(ndim, 4 * math.pi * radius**2)
    return {"mm": radius, "mm²": around, "mm³": size}.get(metric.unit, 1.0)


def radius_of(size: float, ndim: int) -> float:
    """Give the radius of a ball, in a plane of a disc, of this size."""
    if ndim == 1:
        return size / 2
    return math.sqrt(size / math.pi) if ndim == 2 else math.cbrt(0.75 * size / math.pi)


def sensitivity_of(metric: Metric, value: float, perfect: float, scale: float) -> float:
    """Give the loss as a share of the scale, from −1 to 1.

    Positive where the value is worse than the perfect one, and wherever it differs if neither direction is better. inf
    for an infinite value, nan for one that is not defined.
    """
    if math.isnan(value) or math.isnan(perfect) or math.isinf(perfect):
        return math.nan
    if math.isinf(value):
        return math.inf
    difference = perfect - value if metric.larger_is_better else value - perfect
    if metric.larger_is_better is None:
        difference = abs(difference)
    if not difference:
        return 0.0
    return max(-1.0, min(1.0, difference / scale)) if scale else math.copysign(1.0, difference)


def is_seen(sensitivity: float, below: float = SEEN) -> bool:
    """Tell whether a metric sees an error; what is not defined tells nothing."""
    return not math.isnan(sensitivity) and abs(sensitivity) >= below


def cell_text(value: float) -> str:
    """Write a sensitivity as it stands in a table."""
    if value != value:
        return "–"
    return "∞" if value == float("inf") else f"{value:.2f}"


def fewest_that_see(seen: Mapping[str, Sequence[str]], most: int = 3) -> tuple[str, ...]:
    """Choose few metrics that together see most errors: of equally many the first.

    Parameters
    ----------
    seen : mapping of metric names to names of errors
        In order of preference.
    most : int
        How many metrics there may be.
    """
    best: tuple[str, ...] = ()
    covered = 0
    for many in range(1, most + 1):
        for some in itertools.combinations(seen, many):
            found = len({error for metric in some for error in seen[metric]})
            if found > covered:
                best, covered = some, found
    return best
