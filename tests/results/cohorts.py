"""Evaluations that have everything a writer may stumble over."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

import fastseg
from fastseg.results import Evaluation, Failure, with_case
from fastseg.results.attributes import Attributes

#: what is no UTF-8, as Python keeps it
NO_UTF8 = os.fsdecode(b"le\xe9")
ODD_CASES = ("größe, 1", 'quo"te', "new\nline", "tab\there", NO_UTF8, "😀", "=1+2")

BLOCK = np.zeros((5, 6, 7), np.uint8)
BLOCK[1:4, 2:5, 3:6] = 1
BLOCK[0, 0, :4] = 2
BLOCK[3, 5, :3] = 3
LABELS: Any = {
    "liver": 1,
    "tumour": 2,
    "both": (1, 2),
    "ghost": 9,
    "other side": {"reference": 3, "prediction": 2},
}
METRICS = ("dice", "iou", "hd95", "volume_difference")


def one(
    case: str,
    shift: int = 1,
    algorithm: str = "",
    attributes: Mapping[str, str] | None = None,
    labels: Any = None,
    metrics: Sequence[str] = METRICS,
    **options: Any,
) -> Evaluation:
    """A case: `ghost` is in neither map, and of a shift of 3 the tumour is in one."""
    prediction = np.where(BLOCK == 3, np.uint8(0), BLOCK)
    prediction = np.roll(prediction, shift, 0)
    if shift == 3:
        prediction[prediction == 2] = 0
    evaluation = fastseg.evaluate(
        BLOCK, prediction, labels=labels or LABELS, metrics=metrics, case=case, **options
    )
    return with_case(evaluation, algorithm, attributes or {})


def cohort(
    cases: Sequence[str] = ("a", "b"),
    algorithm: str = "",
    failed: Sequence[str] = (),
    missing: Sequence[str] = (),
    policy: str = "worst",
    sites: Mapping[str, str] | None = None,
    **options: Any,
) -> Evaluation:
    """Several cases, each more wrong than the last, failures and missing predictions."""
    sites = sites or {}

    def known(case: str) -> dict[str, str]:
        return {"site": sites[case]} if case in sites else {}

    parts = [
        one(case, 1 + i % 3, algorithm, known(case), **options) for i, case in enumerate(cases)
    ]
    evaluation = Evaluation.joined(parts)
    failures = tuple(
        Failure(
            case, "InputError", 'no "labels", at all', algorithm, attributes=Attributes(known(case))
        )
        for case in failed
    )
    settings = dict(evaluation.settings)
    if missing:
        by: Any = list(missing)
        settings["missing_predictions"] = {
            "policy": policy,
            "cases": {algorithm: by} if algorithm else by,
        }
    return replace(evaluation, settings=settings, failures=failures)


def two_algorithms(**options: Any) -> Evaluation:
    return Evaluation.joined(
        [cohort(algorithm=name, **options) for name in ("unet", "other")],
    )


def all_failed(algorithm: str = "") -> Evaluation:
    failures = tuple(Failure(case, "OSError", "no such file", algorithm) for case in ("a", "b"))
    return Evaluation((), METRICS, {"unit": "voxels"}, failures)


EMPTY = Evaluation((), METRICS, {})

EVALUATIONS = {
    "one case": one("a"),
    "two cases": cohort(),
    "odd names": cohort(ODD_CASES, "sü/ß", failed=["x\n,y"]),
    "failed and missing": cohort(failed=["c"], missing=["b", "d"], policy="worst"),
    "left out": cohort(failed=["c"], missing=["d"], policy="skip", sites={"a": "B", "c": "C"}),
    "sites": cohort(sites={"a": "B"}),
    "regions of one": one("a", labels={"x": (1,), "y": (2, 1), "z": 1}),
    "surfels": one("a", spacing=(0.1, 0.2, 1 / 3), boundary="surfel"),
    "unlisted": one("a", labels=[1]),
    "all failed": all_failed(),
    "nothing": EMPTY,
}
SEVERAL = {
    "two algorithms": two_algorithms(failed=["c"], missing=["d"], policy="skip"),
    "one of two failed": Evaluation.joined([cohort(algorithm="unet"), all_failed("other")]),
}
