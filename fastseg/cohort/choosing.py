"""How a cohort's cases are evaluated: structure by structure, or in the way that special settings have."""

from __future__ import annotations

from typing import Any, TypeGuard

from fastseg.evaluation import case as by_structure
from fastseg.evaluation.settings import Settings
from fastseg.evaluation.special_settings import SpecialSettings
from fastseg.inputs.source import Source
from fastseg.results import Evaluation


def settings_of(protocol: str | None = None, **options: Any) -> Settings:
    """Check what every case is evaluated with, before anything is read.

    Parameters
    ----------
    protocol : str, optional
        The name of one; options are then those of :func:`fastseg.evaluate_protocol`.
    **options
        Else as in :func:`fastseg.evaluate`.
    """
    if protocol is not None:
        from fastseg.protocols.framework.settings import ProtocolSettings

        return ProtocolSettings.of(protocol, **options)
    return Settings.checked(**options)


def reads_files(settings: Settings) -> TypeGuard[SpecialSettings]:
    """Tell whether cases are files of another kind than label maps, which these settings read themselves."""
    return isinstance(settings, SpecialSettings) and settings.reads_files


def evaluate_case(
    reference: Source,
    prediction: Source,
    settings: Settings,
    case: str = "",
    *,
    budget: int | None = None,
) -> Evaluation:
    """Evaluate one pair of label maps, as :func:`fastseg.evaluation.case.evaluate_case` or as the settings do."""
    if isinstance(settings, SpecialSettings):
        return settings.evaluate(reference, prediction, case, budget=budget)
    return by_structure.evaluate_case(reference, prediction, settings, case, budget=budget)
