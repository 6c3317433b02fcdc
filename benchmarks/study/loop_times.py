"""What share of a training loop validation takes, read from the records of training."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any


@dataclasses.dataclass(frozen=True)
class Shares:
    """Of the seconds of the first steps, each of which was followed by a validation on all validation subjects.

    Parameters
    ----------
    steps : int
        How many these are.
    training, inference, fastseg : float
        Shares of the loop's seconds, measured by fastseg; together 1.
    monai : float
        The share of measuring, were it MONAI that measures after every step: what it took where it did, for all.
    fastseg_seconds, monai_seconds : float
        Of one validation.
    ratio : float
        MONAI's seconds to fastseg's, on the predictions that both measured.
    """

    steps: int
    training: float
    inference: float
    fastseg: float
    monai: float
    fastseg_seconds: float
    monai_seconds: float
    ratio: float


def shares(records: Sequence[Mapping[str, Any]]) -> Shares:
    """Take the records of a method whose first steps were each validated."""
    first = []
    for record in records:
        if record.get("step") != len(first) + 1:
            break
        first.append(record)
    if not first:
        raise ValueError("the first step was not validated: this is another network's log")
    training = first[-1]["training"]
    inference, by_fastseg = (
        sum(record["seconds"][name] for record in first) for name in ("inference", "fastseg")
    )
    both = [record["seconds"] for record in first if "monai" in record["seconds"]]
    monai_seconds = sum(seconds["monai"] for seconds in both) / len(both)
    by_monai = monai_seconds * len(first)
    whole = training + inference + by_fastseg
    return Shares(
        steps=len(first),
        training=training / whole,
        inference=inference / whole,
        fastseg=by_fastseg / whole,
        monai=by_monai / (training + inference + by_monai),
        fastseg_seconds=by_fastseg / len(first),
        monai_seconds=monai_seconds,
        ratio=monai_seconds * len(both) / sum(seconds["fastseg"] for seconds in both),
    )
