"""Who evaluates cases."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from fastseg.cohort.outcomes import Case, Outcome
from fastseg.cohort.reading_ahead import evaluate_cases
from fastseg.evaluation.settings import Settings


def evaluate_all(cases: Sequence[Case], settings: Settings, **_: Any) -> Iterator[Outcome]:
    """Evaluate cases."""
    return evaluate_cases(cases, settings)
