"""Cohorts of small label maps on disk, evaluated into streams, for the tests of reports."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np

import fastseg

NAMES = {"liver": 1, "spleen": 2}


def stream(
    folder: Path,
    algorithms: Sequence[str] = ("unet", "other"),
    cases: Sequence[str] = ("a", "b", "c"),
) -> Path:
    """Write images, and evaluate them into a stream: of "c" the first algorithm has no spleen, the last nothing."""
    rng = np.random.default_rng(1)
    for side in ("reference", *algorithms):
        (folder / side).mkdir(parents=True)
    for number, case in enumerate(cases):
        reference = np.zeros((12, 20, 16), np.uint8)
        reference[2 : 8 + number % 3, 3:12, 3:12] = 1
        reference[3:8, 14:18, 4:9] = 2
        np.save(folder / "reference" / f"{case}.npy", reference)
        for shift, algorithm in enumerate(algorithms):
            prediction = np.roll(reference, shift + int(rng.integers(2)), 1)
            if case == "c" and shift == 0:
                prediction[prediction == 2] = 0
            if case == "c" and shift == len(algorithms) - 1 > 0:
                continue
            np.save(folder / algorithm / f"{case}.npy", prediction)
    table = folder / "pairs.csv"
    lines = ["algorithm,case,reference,prediction,site"]
    for algorithm in algorithms:
        for number, case in enumerate(cases):
            found = folder / algorithm / f"{case}.npy"
            path = found if found.exists() else ""
            lines.append(
                f"{algorithm},{case},{folder / 'reference' / f'{case}.npy'},{path},site {number % 2}"
            )
    table.write_text("\n".join(lines) + "\n")
    output = folder / "results.jsonl"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the missing prediction
        fastseg.evaluate_cohort(
            table, labels=NAMES, spacing=(3, 1, 1), metrics=["dice", "nsd", "hd95"], output=output
        )
    return output
