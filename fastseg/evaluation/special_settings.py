"""Settings that bring a way of their own to evaluate a case: instance by instance, or as a challenge does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fastseg.evaluation.settings import Settings
from fastseg.inputs.source import Source
from fastseg.results import Evaluation


@dataclass(frozen=True)
class SpecialSettings(Settings):
    """What cohorts run as they run :class:`Settings`, but that evaluates a case itself."""

    @property
    def reads_files(self) -> bool:
        """Whether a case is files of another kind than label maps, which :meth:`evaluate_files` reads."""
        return False

    def evaluate(
        self, reference: Source, prediction: Source, case: str = "", *, budget: int | None = None
    ) -> Evaluation:
        """Evaluate one pair of label maps; `budget` is how many bytes that may take, if it matters."""
        raise NotImplementedError

    def evaluate_files(self, reference: Any, prediction: Any, case: str = "") -> Evaluation:
        """Evaluate one pair of files, where :attr:`reads_files`; None stands for a prediction that is missing."""
        raise NotImplementedError
