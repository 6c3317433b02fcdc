"""How many lesions are found at how many false positives, over all thresholds of confidence: a curve of many cases."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from fastseg.errors import InputError, InputTypeError
from fastseg.inputs.structures import Label
from fastseg.measures.detection_curves import (
    FALSE_POSITIVE_RATES,
    Curve,
    Floats,
    Interpolation,
    OperatingPoints,
    PrecisionRule,
    auroc,
    average_precision,
    froc,
    sensitivities_at,
)
from fastseg.results.evaluation import Evaluation
from fastseg.results.files import csv_text, written
from fastseg.results.frames import dataframe
from fastseg.results.rows import Row
from fastseg.results.table import text_table
from fastseg.threads import lazy

if TYPE_CHECKING:
    import pandas

_COLUMNS = (
    "threshold",
    "false_positives_per_image",
    "sensitivity",
    "precision",
    "true_positives",
    "false_positives",
)


@dataclass(frozen=True, eq=False)
class DetectionCurve:
    """What is detected at each threshold, and the scores that follow from it.

    Attributes
    ----------
    structure : str
        What was detected.
    points : OperatingPoints
        Thresholds, the highest first, with the lesions that are found and the detections that are wrong at each.
    lesions, images : int
        Of the reference, and how many cases there are.
    rates : tuple of float
        False positives per image at which sensitivities are read.
    interpolation : {"linear", "step"}
        How they are read between two points.
    precision_rule : {"step", "envelope", "11-point", "101-point"}
        How the average precision is taken.
    auroc : float
        Of cases, by the highest confidence in each; nan where all have a lesion, or none.
    """

    structure: str
    points: OperatingPoints
    lesions: int
    images: int
    rates: tuple[float, ...]
    interpolation: Interpolation
    precision_rule: PrecisionRule
    auroc: float

    @lazy
    def froc(self) -> Curve:
        """Sensitivity (y) against false positives per image (x), from (0, 0) on."""
        return froc(self.points, lesions=self.lesions, images=self.images)

    @lazy
    def sensitivities(self) -> Floats:
        """The sensitivity at each of the rates."""
        return sensitivities_at(self.froc, self.rates, interpolation=self.interpolation)

    @property
    def cpm(self) -> float:
        """The mean of these: the competition performance metric, if the rates are those of LUNA16."""
        return float(np.mean(self.sensitivities))

    @lazy
    def average_precision(self) -> float:
        """The mean of the precision over the recall, lesions that nobody detected included; nan without lesions."""
        return average_precision(
            self.points, lesions=self.lesions, interpolation=self.precision_rule
        )

    @property
    def scores(self) -> dict[str, float]:
        """All numbers by name: ``cpm``, ``average_precision``, ``auroc``, and ``sensitivity_at_0.125`` and so on."""
        read = zip(self.rates, self.sensitivities.tolist(), strict=True)
        return {
            "cpm": self.cpm,
            "average_precision": self.average_precision,
            "auroc": self.auroc,
            **{f"sensitivity_at_{rate:g}": value for rate, value in read},
        }

    def to_dict(self) -> list[dict[str, Any]]:
        """Give the curve as a list of rows, one a threshold, from inf, where nothing is detected, downwards."""
        hits = [0, *self.points.hits.tolist()]
        misses = [0, *self.points.misses.tolist()]
        columns = (
            self.froc.thresholds.tolist(),
            self.froc.x.tolist(),
            self.froc.y.tolist(),
            [tp / (tp + fp) if tp + fp else math.nan for tp, fp in zip(hits, misses, strict=True)],
            hits,
            misses,
        )
        return [dict(zip(_COLUMNS, row, strict=True)) for row in zip(*columns, strict=True)]

    def to_pandas(self) -> pandas.DataFrame:
        """Give the curve as a pandas DataFrame."""
        return dataframe(self.to_dict(), _COLUMNS)

    def to_csv(self, path: str | os.PathLike[str] | None = None) -> str:
        """Write the curve as CSV, to a file if a path is given, whole or not at all."""
        return written(csv_text(_COLUMNS, self.to_dict()), path)

    def __str__(self) -> str:
        cells = [[name, f"{value:.4g}"] for name, value in self.scores.items()]
        about = f"{self.structure}: {self.lesions} in {self.images} cases, {len(self.points)} thresholds"
        return f"{about}\n{text_table(['score', 'value'], cells, left=['score'])}"


def detection_curve(
    evaluation: Evaluation,
    structure: Label | str | None = None,
    *,
    rates: Sequence[float] = FALSE_POSITIVE_RATES,
    interpolation: Interpolation = "linear",
    precision_rule: PrecisionRule = "step",
) -> DetectionCurve:
    """Draw the FROC curve of an evaluation whose predicted instances have confidences, with CPM, AP and AUROC.

    Parameters
    ----------
    evaluation : Evaluation
        Of one algorithm, by :func:`evaluate_instances` with ``confidence=``, or by a protocol of detections; of one
        case or of many, also read from a file.
    structure : str, int or tuple of int, optional
        What was detected; needed where there are several.
    rates : sequence of float
        False positives per image at which sensitivities are read.
    interpolation : {"linear", "step"}
        Between two thresholds: on a straight line, as LUNA16 and nnDetection do, or the best sensitivity with at most
        so many false positives.
    precision_rule : {"step", "envelope", "11-point", "101-point"}
        How the average precision is taken: without interpolation, as scikit-learn does; under the best precision at
        this recall or more, as PASCAL VOC does; as the mean at 11 recalls (VOC 2007) or at 101 (COCO).

    Returns
    -------
    DetectionCurve
        ``curve.scores``, ``curve.cpm``, ``curve.to_csv("froc.csv")``.

    Raises
    ------
    KeyError
        If there is no such structure.
    TypeError, ValueError
        For anything but an evaluation, for several structures or algorithms of which none was chosen, if there are no
        rows of instances, and if predicted instances have no confidence.

    Notes
    -----
    Instances are matched once, whatever their confidence. Each instance of the reference counts once, with the
    confidence of its row; predictions that were matched to none are false positives. Detections with one confidence
    enter together, so that the curve does not depend on their order. Cases that could not be evaluated are in no
    number. Without a lesion in the reference, sensitivities and average precision are nan. A case's score is its
    highest confidence; one without detections comes after all others.

    Examples
    --------
    >>> import numpy as np, fastseg
    >>> reference, prediction = np.zeros((2, 30, 30), np.uint8)
    >>> reference[2:8, 2:8] = reference[20:26, 20:26] = 1
    >>> prediction[2:8, 3:8], prediction[20:23, 2:5] = 1, 2
    >>> evaluation = fastseg.evaluate_instances(
    ...     reference, prediction, components={"reference": "connected", "prediction": "given"},
    ...     labels={"lesion": {"reference": 1, "prediction": (1, 2)}}, confidence={1: 0.9, 2: 0.4}, metrics="dice")
    >>> curve = fastseg.detection_curve(evaluation)
    >>> curve.cpm, curve.average_precision
    (0.5, 0.5)
    >>> print(curve.to_csv())
    threshold,false_positives_per_image,sensitivity,precision,true_positives,false_positives
    inf,0.0,0.0,nan,0,0
    0.9,0.0,0.5,1.0,1,0
    0.4,1.0,0.5,0.5,1,1
    <BLANKLINE>
    """
    if not isinstance(evaluation, Evaluation):
        raise InputTypeError(
            f"detection_curve: expected an evaluation, got {type(evaluation).__name__}"
        )
    if len(evaluation.algorithms) > 1:
        raise InputError(
            f"detection_curve: {len(evaluation.algorithms)} algorithms; choose one, as in "
            f"evaluation.algorithm({evaluation.algorithms[0]!r})"
        )
    rows = _rows_of(evaluation, structure)
    instances = [row for row in rows if row.level == "instance"]
    detected = [row for row in instances if row.prediction_label is not None]
    confidences = [
        math.nan if row.instance is None else row.instance.confidence for row in detected
    ]
    unknown = sum(map(math.isnan, confidences))
    if unknown:
        raise InputError(
            f"detection_curve: {unknown} of {len(detected)} predicted instances have no confidence; evaluate with "
            "evaluate_instances(…, confidence=…)"
        )
    hits = [row.reference_label is not None for row in detected]
    cases = dict.fromkeys(row.case for row in rows)
    highest = dict.fromkeys(cases, -math.inf)
    for row, confidence in zip(detected, confidences, strict=True):
        highest[row.case] = max(highest[row.case], confidence)
    lesions = [row for row in instances if row.reference_label is not None]
    with_lesions = {row.case for row in lesions}
    return DetectionCurve(
        rows[0].name,
        OperatingPoints.of(confidences, hits),
        len(lesions),
        len(cases),
        tuple(map(float, rates)),
        interpolation,
        precision_rule,
        auroc(list(highest.values()), [case in with_lesions for case in cases]),
    )


def _rows_of(evaluation: Evaluation, structure: Label | str | None) -> list[Row]:
    """Give the rows of one structure and of its instances."""
    if not any(row.level == "instance" for row in evaluation.rows):
        raise InputError(
            "detection_curve: no rows of instances; evaluate with evaluate_instances(…, confidence=…)"
        )
    names = list(dict.fromkeys(row.name for row in evaluation.rows))
    if structure is None:
        if len(names) != 1:
            raise InputError(
                f"detection_curve: {len(names)} structures, {', '.join(map(repr, names))[:200]}; name one of them"
            )
        return list(evaluation.rows)
    evaluation.instances(structure)  # a KeyError if there is none
    return [row for row in evaluation.rows if structure in (row.name, row.label)]
