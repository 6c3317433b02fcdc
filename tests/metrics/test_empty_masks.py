"""Policies decide on many values of a metric as on each."""

from __future__ import annotations

import math
from typing import Any

import pytest

from fastseg.errors import EmptyMaskError
from fastseg.metrics import find
from fastseg.metrics.empty_masks import POLICIES, as_policy

GIVEN: list[Any] = [*POLICIES, {"dice": 0.25, "hd95": {"both": 1, "one": "diagonal"}}]


@pytest.mark.parametrize("given", GIVEN)
@pytest.mark.parametrize("name", ["dice", "hd95", "nsd", "precision", "volume_difference"])
@pytest.mark.parametrize("empty", ["reference", "prediction", "both"])
def test_many_values_are_decided_on_as_one_by_one(given: Any, name: str, empty: Any) -> None:
    policy, metric = as_policy(given), find(name, "metrics")
    for values in ([0.0, 0.5, 1.0], [0.5, math.nan, math.inf, 0.0], []):
        try:
            expected = [policy.value(metric, one, empty, 9.0, "liver") for one in values]
        except EmptyMaskError:
            with pytest.raises(EmptyMaskError, match="liver"):
                policy.values(metric, values, empty, 9.0, "liver")
            continue
        found = policy.values(metric, values, empty, 9.0, "liver")
        assert found == pytest.approx(expected, nan_ok=True, rel=0, abs=0)
