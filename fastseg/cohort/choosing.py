"""How a cohort's cases are evaluated: structure by structure, or in the way that special settings have."""

from __future__ import annotations

from typing import Any, TypeGuard

from fastseg.errors import InputError
from fastseg.evaluation import case as by_structure
from fastseg.evaluation.settings import Settings
from fastseg.evaluation.special_settings import SpecialSettings
from fastseg.inputs.source import Source
from fastseg.instances.evaluate_instances import evaluate_instances_case
from fastseg.instances.settings import InstanceSettings
from fastseg.results import Evaluation


def settings_of(
    protocol: str | None = None, *, instances: bool = False, **options: Any
) -> Settings:
    """Check what every case is evaluated with, before anything is read.

    Parameters
    ----------
    protocol : str, optional
        The name of one; options are then those of :func:`fastseg.evaluate_protocol`.
    instances : bool
        Whether options are those of :func:`fastseg.evaluate_instances`.
    **options
        Else as in :func:`fastseg.evaluate`.

    Raises
    ------
    InputError
        Also if both are asked for: a protocol decides on instances itself.
    """
    if protocol is not None:
        if instances:
            raise InputError(
                f"instances (--instances): the protocol {protocol!r:.80} decides itself what is matched; ask for one "
                "of the two"
            )
        from fastseg.protocols.framework.settings import ProtocolSettings

        return ProtocolSettings.of(protocol, **options)
    if instances:
        return InstanceSettings.checked(**options)
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
    """Evaluate one pair of label maps, by structures or by instances, or as the settings do."""
    if isinstance(settings, InstanceSettings):
        return evaluate_instances_case(reference, prediction, settings, case)
    if isinstance(settings, SpecialSettings):
        return settings.evaluate(reference, prediction, case, budget=budget)
    return by_structure.evaluate_case(reference, prediction, settings, case, budget=budget)
