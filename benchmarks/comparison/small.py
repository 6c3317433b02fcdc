"""Rows of small arrays: what a training loop asks for a hundred thousand times."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from benchmarks.cases import CASES
from benchmarks.comparison.agreement import Check
from benchmarks.comparison.batches import FUNCTIONS, ITEMS
from benchmarks.comparison.row import Job, Row

FOUR = ("dice", "hd95", "assd", "nsd")


def small_calls() -> Iterator[Row]:
    """evaluate() of one small pair, and batches through the drop-in for MONAI."""
    peers: list[tuple[str, dict[str, Any], tuple[str, ...], float]] = [
        ("surface-distance", {"boundary": "surfel"}, ("dice", "hd95", "nsd"), 1e-12),
        ("MONAI", {}, FOUR, 1e-6),
        ("MedPy", {"percentile_method": "pooled"}, ("dice", "hd95", "assd"), 1e-12),
    ]
    for case in ("near-2d-64", "near-32", "near-2d-256"):
        for peer, options, names, tolerance in peers:
            yield Row(
                f"small/{peer}/{case}",
                "small calls",
                f"{', '.join(FOUR)} of a mask, {CASES[case].size}",
                f"{peer}: {', '.join(names)}",
                Job("fastseg", "evaluate", case, {"metrics": FOUR, **options}),
                Job(peer, "evaluate", case),
                Check(names, relative=tolerance),
            )
    for case in ("near-2d-256", "near-64"):
        for function in FUNCTIONS:
            yield Row(
                f"batch/{function}/{case}",
                "small calls",
                f"fastseg.compat.monai: {function} of {ITEMS} masks of {CASES[case].size} at once",
                "MONAI",
                Job("fastseg.compat.monai", "batch", case, {"of": function}),
                Job("MONAI", "batch", case, {"of": function}),
                Check(("values",)),
                threads=(1, 2),
            )
