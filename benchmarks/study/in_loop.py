"""Validation inside the training loop: all of fastseg's metrics on the full validation set, and MONAI's beside them.

What is asked here is what a validation costs where it is done after every step, and what fastseg and MONAI cost on the
same predictions: fastseg with all its default metrics, MONAI with the four that it has of Dice and surfaces, called as
its documentation has it. MONAI's are computed after the first and every `RARELY`-th validation, since they take longer
than the training.
"""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from monai.metrics import (
    DiceMetric,
    HausdorffDistanceMetric,
    SurfaceDiceMetric,
    SurfaceDistanceMetric,
)
from numpy.typing import NDArray

import fastseg
from benchmarks.study.methods import Fitting

RARELY = 8

Predict = Callable[[NDArray[np.float32]], NDArray[np.uint8]]


class Validation:
    """Measure a network on the validation subjects, and count the seconds.

    Attributes
    ----------
    total : dict
        Seconds so far: ``inference``, ``fastseg``, and those of the validations that MONAI measured too
        (``monai``, ``fastseg_beside_monai``); numbers of both.
    """

    def __init__(self, fitting: Fitting) -> None:
        self.samples = fitting.validation
        self.labels = dict(fitting.anatomy.labels)
        tolerances = fitting.anatomy.tolerances
        spacing = fitting.settings.spacing
        self.tolerances = {name: tolerances.get(name, spacing) for name in self.labels}
        self.total: dict[str, float] = dict.fromkeys(
            ("inference", "fastseg", "monai", "fastseg_beside_monai"), 0.0
        )
        self.total |= {"validations": 0, "validations_by_monai": 0}
        # neither's first call is timed: what is loaded then is loaded once
        truth = truth_of(self.samples[0])
        moved = np.roll(truth, 5, axis=0)
        self.by_fastseg(truth, moved, spacing)
        self.by_monai(truth, moved, spacing)

    def __call__(self, predict: Predict, step: int) -> dict[str, Any]:
        """Predict and measure; what is given can be kept as JSON."""
        start = time.perf_counter()
        predictions = [predict(sample.image) for sample in self.samples]
        seconds = {"inference": time.perf_counter() - start}
        found = {}
        monai_too = self.total["validations"] % RARELY == 0
        for name, measure in (("fastseg", self.by_fastseg), ("monai", self.by_monai)):
            if name == "monai" and not monai_too:
                continue
            start = time.perf_counter()
            found[name] = [
                measure(truth_of(sample), prediction, sample.spacing)
                for sample, prediction in zip(self.samples, predictions, strict=True)
            ]
            seconds[name] = time.perf_counter() - start
        for name, value in seconds.items():
            self.total[name] += value
        self.total["validations"] += 1
        if monai_too:
            self.total["validations_by_monai"] += 1
            self.total["fastseg_beside_monai"] += seconds["fastseg"]
        record: dict[str, Any] = {"seconds": seconds}
        for name, subjects in found.items():
            metrics = {
                metric: {
                    label: mean([subject[metric][label] for subject in subjects])
                    for label in self.labels
                }
                for metric in ("dice", "hd95", "assd", "nsd")
            }
            record |= metrics if name == "fastseg" else {"monai": metrics}
        return record

    def by_fastseg(
        self, truth: NDArray[np.uint8], prediction: NDArray[np.uint8], spacing: float
    ) -> Mapping[str, Mapping[str, float]]:
        """Measure all that `fastseg.evaluate` measures by default."""
        rows = fastseg.evaluate(
            truth, prediction, spacing=spacing, labels=self.labels, tolerance=self.tolerances
        )
        return {
            metric: {label: rows[label][metric] for label in self.labels}
            for metric in ("dice", "hd95", "assd", "nsd")
        }

    def by_monai(
        self, truth: NDArray[np.uint8], prediction: NDArray[np.uint8], spacing: float
    ) -> Mapping[str, Mapping[str, float]]:
        """Measure what MONAI has: it takes one-hot tensors, with the background first, which it leaves out."""
        values = np.array([0, *self.labels.values()])
        y, y_pred = (
            torch.from_numpy((labels == values[:, None, None, None])[None].astype(np.float32))
            for labels in (truth, prediction)
        )
        tolerances = list(self.tolerances.values())
        metrics = {
            "dice": DiceMetric(include_background=False),
            "hd95": HausdorffDistanceMetric(include_background=False, percentile=95),
            "assd": SurfaceDistanceMetric(include_background=False, symmetric=True),
            "nsd": SurfaceDiceMetric(tolerances, include_background=False),
        }
        found = {}
        with warnings.catch_warnings():
            # of labels that are not predicted yet
            warnings.simplefilter("ignore")
            for name, metric in metrics.items():
                at = {} if name == "dice" else {"spacing": spacing}
                row = metric(y_pred, y, **at)[0].tolist()
                found[name] = dict(zip(self.labels, row, strict=True))
        return found


def truth_of(sample: Any) -> NDArray[np.uint8]:
    """Give the truth, which validation subjects have."""
    assert sample.truth is not None
    truth: NDArray[np.uint8] = sample.truth
    return truth


def mean(values: list[float]) -> float | None:
    """Average what is defined and finite; None where nothing is: a label is missing in every prediction."""
    finite = [value for value in values if math.isfinite(value)]
    return sum(finite) / len(finite) if finite else None
