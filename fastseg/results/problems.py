"""What has no numbers of its own in a table, as further rows of it: failed cases, missing predictions, other labels.

A column ``problem``, the last, says what is wrong with a row; it is there where any row needs it. A row without a level
holds no measurement.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from fastseg.results.failures import Failure
from fastseg.results.missing import missing_predictions

PROBLEM = "problem"
UNLISTED = "unlisted_labels"


def with_problems(
    columns: Sequence[str],
    rows: Sequence[dict[str, Any]],
    failures: Iterable[Failure],
    settings: Mapping[str, Any],
) -> tuple[list[str], list[dict[str, Any]]]:
    """Give columns and rows with what has no row: columns that a further row does not name are empty."""
    marks: dict[tuple[str, str], str] = {}
    further: list[dict[str, Any]] = []
    for failure in failures:
        told = {"case": failure.case, **failure.attributes, PROBLEM: failure.reason}
        further.append({"algorithm": failure.algorithm, **told} if "algorithm" in columns else told)
    there = {(row.get("algorithm", ""), row["case"]) for row in rows}
    for one in missing_predictions(settings):
        key = (one.algorithm if "algorithm" in columns else "", one.case)
        if key in there:
            marks[key] = "no prediction"
        else:
            told = {"case": one.case, PROBLEM: "no prediction: left out"}
            further.append({"algorithm": one.algorithm, **told} if key[0] else told)
    cases = {case for _, case in there}
    for side, sizes in settings.get(UNLISTED, {}).items():
        for label, size in sizes.items():
            voxels = f"{size} voxel{'s' * (size != 1)} in the {side}"
            further.append(
                {
                    "case": "".join(cases) if len(cases) == 1 else "",
                    "label": label,
                    PROBLEM: f"label not asked for: {voxels}",
                }
            )
    if not marks and not further:
        return list(columns), list(rows)
    marked = [
        {**row, PROBLEM: marks.get((row.get("algorithm", ""), row["case"]), "")} for row in rows
    ]
    return [*columns, PROBLEM], [*marked, *further]
