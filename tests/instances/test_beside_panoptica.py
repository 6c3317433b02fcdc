"""evaluate_instances beside panoptica, where it is installed: the same counts and qualities."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import fastseg
from tests.instances import cases


@pytest.mark.slow
def test_panoptica_finds_the_same() -> None:
    panoptica: Any = pytest.importorskip("panoptica")
    evaluator = panoptica.Panoptica_Evaluator(
        expected_input=panoptica.InputType.SEMANTIC,
        instance_approximator=panoptica.ConnectedComponentsInstanceApproximator(),
        instance_matcher=panoptica.NaiveThresholdMatching(),
        instance_metrics=[panoptica.Metric.DSC, panoptica.Metric.IOU, panoptica.Metric.ASSD],
        global_metrics=[],
        verbose=False,
    )
    for number in range(60):
        rng = np.random.default_rng((6, number))
        reference = cases.blobs(rng, (12, 11, 10), 1, 8)
        prediction = cases.changed(rng, reference, 1)
        if not reference.any() or not prediction.any():
            continue
        [twin] = evaluator.evaluate(prediction, reference, verbose=False).values()
        row = fastseg.evaluate_instances(
            reference, prediction, metrics=["dice", "masd"], labels=[1]
        )[1]
        assert (row["instance_tp"], row["instance_fp"], row["instance_fn"]) == (
            *(twin.tp, twin.fp),
            twin.fn,
        )
        for name, expected in (
            ("recognition_quality", twin.rq),
            ("segmentation_quality", twin.sq),
            ("panoptic_quality", twin.pq),
            ("matched_dice", twin.sq_dsc),
            ("matched_masd", twin.sq_assd),
        ):
            if math.isfinite(expected) and row["instance_tp"]:
                assert row[name] == pytest.approx(expected, rel=1e-12), (number, name)
