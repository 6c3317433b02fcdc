"""Repeated measurements of the same subjects: bias, limits of agreement, repeatability, intraclass correlation."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastseg.errors import InputError, InputTypeError
from fastseg.inputs.device import check_in_cpu_memory
from fastseg.results.table import text_table


@dataclass(frozen=True)
class Repeatability:
    """What repeated measurements say of a measurement.

    Attributes
    ----------
    mean : float
        Of all measurements.
    bias : float
        Mean difference, the second measurement less the first; nan unless there are two of each subject.
    bias_sd : float
        Standard deviation of these differences.
    limits_of_agreement : tuple of two floats
        ``bias ± 1.96·bias_sd`` (Bland and Altman 1986).
    within_subject_sd : float
        Square root of the mean variance within subjects.
    repeatability_coefficient : float
        ``1.96·√2·within_subject_sd``: two measurements of one subject differ by less in 95 % of all cases.
    repeatability_interval : tuple of two floats
        Its 95 % interval, by χ².
    within_subject_cv : float
        ``within_subject_sd / mean``.
    icc_1, icc_2, icc_3 : float
        Intraclass correlations ICC(1,1), ICC(2,1), ICC(3,1) of Shrout and Fleiss 1979: how far one measurement can be
        relied on, by raters of any, of the same drawn, or of these raters alone.
    icc_1k, icc_2k, icc_3k : float
        ICC(1,k), ICC(2,k), ICC(3,k): how far the mean of all repeats can be.
    icc_1_interval, icc_2_interval, icc_3_interval : tuple of two floats
        95 % intervals of ICC(1,1), ICC(2,1), ICC(3,1), as Shrout and Fleiss have them.
    trueness, trueness_sd : float
        How far the subjects' means lie above the truth, on average, and the standard deviation of that; nan without
        `truth`.
    relative_trueness : float
        The mean of the same as a share of the truth.
    """

    mean: float
    bias: float
    bias_sd: float
    limits_of_agreement: tuple[float, float]
    within_subject_sd: float
    repeatability_coefficient: float
    repeatability_interval: tuple[float, float]
    within_subject_cv: float
    icc_1: float
    icc_2: float
    icc_3: float
    icc_1k: float
    icc_2k: float
    icc_3k: float
    icc_1_interval: tuple[float, float]
    icc_2_interval: tuple[float, float]
    icc_3_interval: tuple[float, float]
    trueness: float
    trueness_sd: float
    relative_trueness: float
    subjects: int
    repeats: int

    def to_dict(self) -> dict[str, object]:
        """Give the numbers by name."""
        return asdict(self)

    def __str__(self) -> str:
        cells = [
            [
                name,
                f"{value[0]:.6g} to {value[1]:.6g}" if isinstance(value, tuple) else f"{value:.6g}",
            ]
            for name, value in self.to_dict().items()
            if isinstance(value, (tuple, float, int))
        ]
        return text_table(("measure", "value"), cells, left=("measure",))


def repeatability(measurements: ArrayLike, truth: ArrayLike | None = None) -> Repeatability:
    """Tell how far repeated measurements agree: volumes of one rater's repeated segmentations, say.

    Parameters
    ----------
    measurements : array_like (subjects, repeats)
        At least two of each subject, all subjects as many.
    truth : array_like (subjects,), optional
        What each subject's measurement should be, for ``trueness``: volumes of phantoms, say.

    Returns
    -------
    Repeatability
        nan where its formula is undefined: correlations of one subject, and where nothing varies.

    Raises
    ------
    TypeError, ValueError
        For anything else than numbers in two axes, NaN and infinities.

    Examples
    --------
    >>> import fastseg
    >>> found = fastseg.repeatability([[10.0, 10.2], [20.0, 20.4], [30.0, 29.9]])
    >>> round(found.bias, 3), round(found.within_subject_sd, 3), round(found.icc_1, 4)
    (0.167, 0.187, 0.9996)
    """
    values = _numbers(measurements, "measurements", "numbers, a row a subject")
    if values.ndim != 2 or values.shape[0] < 1 or values.shape[1] < 2:
        raise InputError(
            "measurements: expected a row a subject and a column a repeat, two of these at least; "
            f"got the shape {values.shape}"
        )
    known = _true_values(truth, len(values))
    many, repeats = values.shape
    mean = float(values.mean())
    within = values - values.mean(axis=1, keepdims=True)
    mean_square_within = float((within**2).sum()) / (many * (repeats - 1))
    deviation = math.sqrt(mean_square_within)
    bias = spread = math.nan
    if repeats == 2:
        differences = values[:, 1] - values[:, 0]
        bias = float(differences.mean())
        spread = float(differences.std(ddof=1)) if many > 1 else math.nan
    rest: tuple[Any, ...] = (
        *_correlations(values, mean_square_within),
        *_trueness(values, known),
        many,
        repeats,
    )
    return Repeatability(
        mean,
        bias,
        spread,
        (bias - 1.96 * spread, bias + 1.96 * spread),
        deviation,
        1.96 * math.sqrt(2) * deviation,
        _interval_of(1.96 * math.sqrt(2) * deviation, many * (repeats - 1)),
        deviation / mean if mean else math.nan,
        *rest,
    )


def _numbers(given: ArrayLike, argument: str, expected: str) -> NDArray[np.float64]:
    check_in_cpu_memory(given, argument, "repeated measurements")
    try:
        values = np.asarray(given, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputTypeError(f"{argument}: expected {expected} ({error})") from None
    if not np.isfinite(values).all():
        raise InputError(f"{argument}: NaN or infinite; leave those subjects out")
    return values


def _true_values(truth: ArrayLike | None, subjects: int) -> NDArray[np.float64] | None:
    if truth is None:
        return None
    values = _numbers(truth, "truth", "a number a subject")
    if values.shape != (subjects,):
        raise InputError(
            f"truth: expected a number for each of {subjects} subjects, got the shape {values.shape}"
        )
    return values


def _trueness(
    values: NDArray[np.float64], truth: NDArray[np.float64] | None
) -> tuple[float, float, float]:
    """Work out how far the subjects' means are above the truth: mean, standard deviation, and mean share of it."""
    if truth is None:
        return math.nan, math.nan, math.nan
    above = values.mean(axis=1) - truth
    spread = float(above.std(ddof=1)) if len(above) > 1 else math.nan
    share = float((above / truth).mean()) if truth.all() else math.nan
    return float(above.mean()), spread, share


def _interval_of(deviation: float, freedom: int) -> tuple[float, float]:
    """Give the 95 % interval of a multiple of a standard deviation."""
    from scipy.special import chdtri

    # chdtri is from the upper end
    low, high = (deviation * math.sqrt(freedom / float(chdtri(freedom, p))) for p in (0.025, 0.975))
    return low, high


def _correlations(values: NDArray[np.float64], within: float) -> tuple[Any, ...]:
    """Work out ICC(1..3,1), ICC(1..3,k) and the intervals of the former from the mean squares of two ways."""
    many, repeats = values.shape
    if many < 2:
        return (*(math.nan,) * 6, *((math.nan, math.nan),) * 3)
    mean = values.mean()
    subjects = repeats * float(((values.mean(axis=1) - mean) ** 2).sum()) / (many - 1)
    columns = many * float(((values.mean(axis=0) - mean) ** 2).sum()) / (repeats - 1)
    rest = values - values.mean(axis=1, keepdims=True) - values.mean(axis=0, keepdims=True) + mean
    error = float((rest**2).sum()) / ((many - 1) * (repeats - 1))
    others = repeats - 1
    below = (
        subjects + others * within,
        subjects + others * error + repeats * (columns - error) / many,
        subjects + others * error,
        subjects,
        subjects + (columns - error) / many,
        subjects,
    )
    above = (subjects - within, subjects - error, subjects - error) * 2
    found = tuple(a / b if b else math.nan for a, b in zip(above, below, strict=True))
    freedom = many - 1
    return (
        *found,
        _one_way_interval(subjects, within, freedom, many * others, repeats),
        _two_way_interval(subjects, columns, error, found[1], values.shape),
        _one_way_interval(subjects, error, freedom, freedom * others, repeats),
    )


def _one_way_interval(
    subjects: float, error: float, freedom: int, of_error: int, repeats: int
) -> tuple[float, float]:
    """Give the interval of ICC(1,1), or of ICC(3,1), by the F distribution."""
    from scipy.special import fdtri

    if not error:
        return (1.0, 1.0) if subjects else (math.nan, math.nan)
    ratio = subjects / error
    low = ratio / float(fdtri(freedom, of_error, 0.975))
    high = ratio * float(fdtri(of_error, freedom, 0.975))
    return (low - 1) / (low + repeats - 1), (high - 1) / (high + repeats - 1)


def _two_way_interval(
    subjects: float, columns: float, error: float, icc: float, shape: tuple[int, ...]
) -> tuple[float, float]:
    """Give the interval of ICC(2,1), with Satterthwaite's degrees of freedom."""
    from scipy.special import fdtri

    many, repeats = shape
    if not error or math.isnan(icc):
        return math.nan, math.nan
    ratio = columns / error
    rest = many * (1 + (repeats - 1) * icc) - repeats * icc
    freedom = (
        (many - 1) * (repeats - 1) * (repeats * icc * ratio + rest) ** 2
        / ((many - 1) * (repeats * icc * ratio) ** 2 + rest**2)
    )  # fmt: skip
    lower = float(fdtri(many - 1, freedom, 0.975))
    upper = float(fdtri(freedom, many - 1, 0.975))
    both = repeats * columns + (repeats * many - repeats - many) * error
    return (
        many * (subjects - lower * error) / (lower * both + many * subjects),
        many * (upper * subjects - error) / (both + many * upper * subjects),
    )
