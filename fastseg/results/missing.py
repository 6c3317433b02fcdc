"""Which cases have no prediction, as the settings of an evaluation tell it.

``settings["missing_predictions"]`` is ``{"policy": "worst", "cases": ["a", "b"]}``, and where algorithms have names,
``{"policy": "worst", "cases": {"unet": ["a"], "other": ["a", "b"]}}``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

KEY = "missing_predictions"


class Missing(NamedTuple):
    """A case without a prediction, and what was done about it: "worst" scored it, "skip" left it out."""

    algorithm: str
    case: str
    policy: str


def missing_predictions(settings: Mapping[str, Any]) -> list[Missing]:
    """List the cases without a prediction, in the order of the settings."""
    found = settings.get(KEY)
    if not isinstance(found, Mapping):
        return []
    policy, cases = str(found.get("policy", "")), found.get("cases", ())
    by_algorithm = cases if isinstance(cases, Mapping) else {"": cases}
    return [Missing(name, case, policy) for name, held in by_algorithm.items() for case in held]


def with_missing(settings: Mapping[str, Any], missing: Iterable[Missing]) -> dict[str, Any]:
    """Give settings that tell of these cases, and of no others."""
    kept = {key: value for key, value in settings.items() if key != KEY}
    by_algorithm: dict[str, list[str]] = {}
    policies: dict[str, None] = {}
    for one in dict.fromkeys(missing):
        by_algorithm.setdefault(one.algorithm, []).append(one.case)
        policies.update(dict.fromkeys(one.policy.split(" or ")))
    if by_algorithm:
        cases: Any = by_algorithm[""] if list(by_algorithm) == [""] else by_algorithm
        kept[KEY] = {"policy": " or ".join(policies), "cases": cases}
    return kept
