"""Trueness, precision and accuracy of measurements whose true values are known: from numbers, tables or evaluations."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from fastseg.errors import InputError, InputTypeError
from fastseg.inputs.choices import did_you_mean, unknown
from fastseg.inputs.device import check_in_cpu_memory
from fastseg.inputs.scalars import as_number, is_scalar, shown
from fastseg.measures.accuracy import Accuracy, grouped
from fastseg.metrics import canonical
from fastseg.results.evaluation import Evaluation

#: subjects, measured and true values, of each measurement
_Lists = tuple[list[str], list[float], list[float]]


def accuracy(
    measurements: Any,
    truth: Any = None,
    *,
    value: str | None = None,
    subject: str | None = None,
    structure: str | None = None,
    confidence: float = 0.95,
) -> Accuracy:
    """Tell how true, how precise and how accurate a measurement is, of a volume over repetitions say (ISO 5725).

    Parameters
    ----------
    measurements : array_like, mapping, DataFrame or Evaluation
        Repeated measurements of one subject (n,), or of several, a row each (subjects, repeats); a mapping of subjects
        to one or several numbers, not all as many; a DataFrame with a row for each measurement; or an evaluation, whose
        predictions are the measurements.
    truth : number, array_like, mapping, or str
        The true value: one for all, one for each subject, or the name of the DataFrame's column that has it. Of an
        evaluation's volumes it is the reference's unless it is given.
    value : str, optional
        What was measured: the DataFrame's column, or "volume" (default) or a metric of the evaluation.
    subject : str, optional
        What tells which measurements are of one subject: the DataFrame's column, or an attribute of the evaluation's
        cases. Default: a DataFrame is of one subject; of an evaluation each case is one, by several algorithms or runs.
    structure : str, optional
        Of an evaluation of several structures: the name of one.
    confidence : float
        Of the intervals, above 0 and below 1.

    Returns
    -------
    Accuracy
        ``bias`` (trueness: systematic error), ``relative_bias``, ``repeatability_sd`` (precision: random error),
        ``repeatability_limit``, ``cv`` and ``rmse`` (accuracy: both), with ``bias_interval`` and so on, all of them in
        ``.scores`` and ``.intervals``; ``.to_dict()`` has a row for each subject. nan is what is undefined: a standard
        deviation without repeats, a relative bias of nothing.

    Raises
    ------
    TypeError, ValueError
        For what are no finite numbers, for true values that are missing or do not fit, and for unknown names.

    Notes
    -----
    With eᵢⱼ = xᵢⱼ − tᵢ of subject i, nᵢ measurements of m subjects: bias = Σᵢ ēᵢ / m; repeatability_sd =
    √(Σᵢⱼ (eᵢⱼ − ēᵢ)² / Σᵢ (nᵢ − 1)) (ISO 5725-2); rmse = √(Σᵢ (Σⱼ eᵢⱼ² / nᵢ) / m); cv is repeatability_sd over the
    mean of what was measured. Intervals: Student's t over subjects for the bias, chi-squared for the standard
    deviation, and chi-squared with Satterthwaite's degrees of freedom of normal errors for the rmse; of one subject,
    over its measurements. A prediction that is missing and was scored as an empty one has volume 0.

    Examples
    --------
    >>> import fastseg
    >>> found = fastseg.accuracy([[10.2, 10.4, 10.3], [20.5, 20.1, 20.3]], truth=[10, 20])
    >>> round(found.bias, 3), round(found.repeatability_sd, 3), round(found.rmse, 3)
    (0.3, 0.158, 0.327)
    >>> tuple(round(end, 3) for end in found.repeatability_sd_interval)
    (0.095, 0.454)
    """
    level = as_number(confidence, "confidence")
    if not 0 < level < 1:
        raise InputError(
            f"confidence: expected a number above 0 and below 1, got {shown(confidence)}"
        )
    if isinstance(measurements, Evaluation):
        lists = _of_evaluation(measurements, truth, value or "volume", subject, structure)
    elif structure is not None:
        raise InputError(f"structure: only an evaluation has structures, got {shown(structure)}")
    elif hasattr(measurements, "columns") and hasattr(measurements, "to_dict"):
        lists = _of_frame(measurements, truth, value, subject)
    elif value is not None or subject is not None:
        raise InputError(
            "value and subject are names of columns: they are for a DataFrame or an evaluation"
        )
    elif isinstance(measurements, Mapping):
        lists = _of_mapping(measurements, truth)
    else:
        check_in_cpu_memory(measurements, "measurements", "measurements")
        check_in_cpu_memory(truth, "truth", "measurements")
        lists = _of_numbers(measurements, truth)
    for name, numbers in (("measurements", lists[1]), ("truth", lists[2])):
        for number in numbers:
            if not math.isfinite(number):
                raise InputError(
                    f"{name}: expected finite numbers, got {number}; leave those measurements out"
                )
    if not lists[0]:
        raise InputError("measurements: expected at least one, got none")
    return grouped(*lists, level)


def _needed(truth: Any) -> Any:
    if truth is None:
        raise InputError("truth: expected the true value, or one for each subject, got none")
    return truth


def _numbers(values: Any, name: str) -> list[float]:
    """Read one number, or several."""
    if is_scalar(values):
        return [as_number(values, name)]
    if isinstance(values, Mapping) or not isinstance(values, Iterable):
        raise InputTypeError(f"{name}: expected a number, or several, got {shown(values)}")
    return [as_number(value, name) for value in values]


def _of_numbers(measurements: Any, truth: Any) -> _Lists:
    if is_scalar(measurements) or not isinstance(measurements, Iterable):
        raise InputTypeError(
            "measurements: expected several numbers, a mapping, a DataFrame or an evaluation, "
            f"got {shown(measurements)}"
        )
    rows = list(measurements)
    flat = all(map(is_scalar, rows))
    if flat and is_scalar(_needed(truth)):
        rows = [rows]
    of_rows = [_numbers(row, "measurements") for row in rows]
    truths = _numbers(_needed(truth), "truth")
    if is_scalar(truth):
        truths *= len(of_rows)
    if len(truths) != len(of_rows):
        raise InputError(
            f"truth: expected one value, or one for each of {len(of_rows)} subjects, got {len(truths)}"
        )
    names = [str(place) for place in range(1, len(rows) + 1)]
    return _spread(dict(zip(names, of_rows, strict=True)), dict(zip(names, truths, strict=True)))


def _of_mapping(measurements: Mapping[Any, Any], truth: Any) -> _Lists:
    of_subjects = {
        str(name): _numbers(values, f"measurements[{name!r}]")
        for name, values in measurements.items()
    }
    return _spread(of_subjects, _truths(_needed(truth), of_subjects))


def _truths(truth: Any, subjects: Iterable[str]) -> dict[str, float]:
    """Find the true value of each subject, in a mapping or one for all."""
    if not isinstance(truth, Mapping):
        if not is_scalar(truth):
            raise InputTypeError(
                f"truth: expected a number, or a mapping of subjects to numbers, got {shown(truth)}"
            )
        return dict.fromkeys(subjects, as_number(truth, "truth"))
    known = {str(name): as_number(value, f"truth[{name!r}]") for name, value in truth.items()}
    for name in subjects:
        if name not in known:
            raise InputError(f"truth: none given for {name!r:.80}; {did_you_mean(name, known)}")
    return known


def _spread(of_subjects: Mapping[str, list[float]], truths: Mapping[str, float]) -> _Lists:
    names = [name for name, values in of_subjects.items() for _ in values]
    values = [value for own in of_subjects.values() for value in own]
    for name, own in of_subjects.items():
        if not own:
            raise InputError(f"measurements: expected at least one of {name!r:.80}, got none")
    return names, values, [truths[name] for name in names]


def _of_frame(frame: Any, truth: Any, value: str | None, subject: str | None) -> _Lists:
    columns = [str(name) for name in frame.columns]
    if value is None:
        raise InputError(
            f"value: expected the name of the column that was measured, one of {', '.join(columns):.200}"
        )

    def column(name: str, argument: str) -> list[Any]:
        if name not in columns:
            raise unknown(argument, name, columns, "column")
        return list(frame[name])

    values = [as_number(one, f"column {value}") for one in column(value, "value")]
    names = (
        ["1"] * len(values) if subject is None else [str(one) for one in column(subject, "subject")]
    )
    if isinstance(truth, str):
        return names, values, [as_number(one, f"column {truth}") for one in column(truth, "truth")]
    truths = _truths(_needed(truth), dict.fromkeys(names))
    return names, values, [truths[name] for name in names]


def _of_evaluation(
    evaluation: Evaluation, truth: Any, value: str, subject: str | None, structure: str | None
) -> _Lists:
    rows = list(evaluation.structures)
    known = list(dict.fromkeys(row.name for row in rows))
    if structure is None and len(known) > 1:
        raise InputError(
            f"structure: say which, as the evaluation has several: {', '.join(known):.200}"
        )
    if structure is not None and structure not in known:
        raise unknown("structure", structure, known)
    rows = [row for row in rows if structure is None or row.name == structure]
    metric = canonical(value)
    if value != "volume" and metric not in evaluation.metrics:
        raise unknown("value", value, ["volume", *evaluation.metrics])
    names, values, truths = [], [], []
    for row in rows:
        if subject is not None and subject not in row.attributes:
            raise unknown("subject", subject, list(row.attributes), "attribute")
        names.append(row.case if subject is None else row.attributes[subject])
        if value == "volume":
            values.append(row.counts.prediction * row.voxel_volume)
            truths.append(row.counts.reference * row.voxel_volume)
        else:
            values.append(row[metric])
    if value == "volume" and truth is None:
        return names, values, truths
    given = _truths(_needed(truth), dict.fromkeys(names))
    return names, values, [given[name] for name in names]
