"""Repeated measurements of the same subjects: bias, limits of agreement, repeatability, intraclass correlation."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import ArrayLike

from fastseg.errors import InputError, InputTypeError
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
    within_subject_cv : float
        ``within_subject_sd / mean``.
    icc_1, icc_2, icc_3 : float
        Intraclass correlations ICC(1,1), ICC(2,1), ICC(3,1) of Shrout and Fleiss 1979.
    subjects, repeats : int
    """

    mean: float
    bias: float
    bias_sd: float
    limits_of_agreement: tuple[float, float]
    within_subject_sd: float
    repeatability_coefficient: float
    within_subject_cv: float
    icc_1: float
    icc_2: float
    icc_3: float
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


def repeatability(measurements: ArrayLike) -> Repeatability:
    """Tell how far repeated measurements agree: volumes of one rater's repeated segmentations, say.

    Parameters
    ----------
    measurements : array_like (subjects, repeats)
        At least two of each subject, all subjects as many.

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
    try:
        values = np.asarray(measurements, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputTypeError(f"measurements: expected numbers, a row a subject ({error})") from None
    if values.ndim != 2 or values.shape[0] < 1 or values.shape[1] < 2:
        raise InputError(
            "measurements: expected a row a subject and a column a repeat, two of these at least; "
            f"got the shape {values.shape}"
        )
    if not np.isfinite(values).all():
        raise InputError("measurements: NaN or infinite; leave those subjects out")
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
    return Repeatability(
        mean,
        bias,
        spread,
        (bias - 1.96 * spread, bias + 1.96 * spread),
        deviation,
        1.96 * math.sqrt(2) * deviation,
        deviation / mean if mean else math.nan,
        *_correlations(values, mean_square_within),
        many,
        repeats,
    )


def _correlations(values: np.ndarray, within: float) -> tuple[float, float, float]:
    """Work out ICC(1,1), ICC(2,1) and ICC(3,1) from the mean squares of a table of two ways."""
    many, repeats = values.shape
    if many < 2:
        return math.nan, math.nan, math.nan
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
    )
    above = (subjects - within, subjects - error, subjects - error)
    one, two, three = (a / b if b else math.nan for a, b in zip(above, below, strict=True))
    return one, two, three
