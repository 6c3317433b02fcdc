"""Probabilities of many cases: case by case, and of all their voxels together."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

from fastseg.cohort.advice import advice
from fastseg.cohort.caught import caught_warnings
from fastseg.cohort.evaluate_cohort import ON_ERROR
from fastseg.cohort.folders import StrPath, images_below, known_ending, printable, some
from fastseg.cohort.outcomes import Case
from fastseg.cohort.pairing import natural
from fastseg.errors import CaseError, InputError, InputWarning
from fastseg.inputs.choices import unknown
from fastseg.inputs.scalars import as_flag
from fastseg.probabilities.one_case import Options, Pool, evaluate_case, evaluate_pools
from fastseg.probabilities.result import ProbabilityEvaluation
from fastseg.results import Evaluation
from fastseg.results.failures import Failure

#: the name of the case that all voxels together are
POOLED = "pooled"


def evaluate_probability_cohort(
    reference: StrPath,
    probabilities: StrPath,
    *,
    reference_suffix: str = "",
    probabilities_suffix: str = "",
    ending: str | None = None,
    pooled: bool = True,
    on_error: Literal["raise", "skip"] = "raise",
    on_case: Callable[[str, int, int], object] | None = None,
    **options: Any,
) -> ProbabilityEvaluation:
    """Evaluate the probabilities of all cases of two folders: each case, and all voxels together.

    Parameters
    ----------
    reference, probabilities : str or path-like
        Two folders, whose files at any depth are paired by their paths without the ending. A .npz file beside a label
        map of the same case, as ``nnUNetv2_predict --save_probabilities`` leaves it, is what is meant there.
    reference_suffix, probabilities_suffix : str
        What the names have before the ending that is not of the case.
    ending : str, optional
        Take only probabilities in files of this ending: ".npz".
    pooled : bool
        Whether to evaluate the voxels of all cases together, too. Needs maps that float32 holds.
    on_error : {"raise", "skip"}
        What to do about cases that cannot be evaluated: raise an error that names them, when all others are done, or
        leave them out with a warning.
    on_case : callable, optional
        Called with the name of a case, its number from 1 on, and how many there are, before it is evaluated.
    **options
        As in :func:`fastseg.evaluate_probabilities`, without `mask` and `case`.

    Returns
    -------
    ProbabilityEvaluation
        A row for each case and structure. Its ``pooled`` is that of the voxels of all cases, from the sum of their
        counts: a case weighs as much as it has voxels, and curves have no gaps of small cases.

    Raises
    ------
    OSError, TypeError, ValueError
        For wrong options, which are checked before any file is read; for folders without a pair, and references without
        probabilities, since nothing stands for what was not predicted; and if cases failed.

    Warns
    -----
    InputWarning
        For probabilities without a reference, which are left out.

    Notes
    -----
    Cases are read one after the other, each on all threads. Where bins leave something open, the errors of `pooled`
    say so as any other's.

    Examples
    --------
    >>> import tempfile, pathlib, numpy as np, fastseg
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for name in ("labels", "maps"):
    ...         pathlib.Path(folder, name).mkdir()
    ...     for case, p in (("a", [0.1, 0.9, 0.8]), ("b", [0.7, 0.2, 0.6])):
    ...         np.save(f"{folder}/labels/{case}.npy", np.array([[0, 1, 1]], np.uint8))
    ...         np.save(f"{folder}/maps/{case}.npy", np.array([p], np.float32))
    ...     found = fastseg.evaluate_probability_cohort(f"{folder}/labels", f"{folder}/maps", labels=[1])
    >>> [row["roc_auc"] for row in found], found.pooled["1"]["roc_auc"]
    ([1.0, 0.0], 0.75)
    """
    if on_error not in ON_ERROR:
        raise unknown("on_error", on_error, ON_ERROR)
    for name in ("mask", "case"):
        if name in options:
            raise InputError(f"{name}: it is of one case; evaluate_probabilities takes it")
    pools: dict[str, Pool] | None = {} if as_flag(pooled, "pooled") else None
    checked = Options.checked(**options)
    cases = _pairs(
        reference, probabilities, reference_suffix, probabilities_suffix, known_ending(ending)
    )
    found: list[ProbabilityEvaluation] = []
    failed: list[tuple[Failure, Exception]] = []
    for number, case in enumerate(cases, 1):
        if on_case is not None:
            on_case(case.name, number, len(cases))
        try:
            with caught_warnings() as notes:
                found.append(
                    evaluate_case(
                        case.reference, case.prediction, checked, case=case.name, pools=pools
                    )
                )
        except (OSError, TypeError, ValueError, MemoryError) as error:
            failed.append((Failure.of(error, case.name), error))
            continue
        for note in dict.fromkeys(notes):
            warnings.warn(f"{case.name}: {note}", InputWarning, stacklevel=2)
    if failed:
        reasons = [f"{one.case}: {one.message:.300}" for one, _ in failed]
        message = (
            f"{len(failed)} of {len(cases)} cases could not be evaluated: {some(reasons, 5, '; ')}"
        )
        if on_error == "raise" or not found:
            raise CaseError(message) from failed[0][1]
        warnings.warn(message, InputWarning, stacklevel=2)
    joined = Evaluation.joined(found)
    return ProbabilityEvaluation(
        joined.rows,
        joined.metrics,
        joined.settings,
        tuple(one for one, _ in failed),
        {name: curves for one in found for name, curves in one.curves.items()},
        None if pools is None else evaluate_pools(pools, checked, POOLED),
    )


def _pairs(
    reference: StrPath,
    probabilities: StrPath,
    reference_suffix: str,
    probabilities_suffix: str,
    ending: str | None,
) -> list[Case]:
    """Pair label maps with files of probabilities."""
    references = images_below(reference, reference_suffix, None, probabilities)
    maps = dict(images_below(probabilities, probabilities_suffix, ending, reference).paths)
    if ending is None:
        maps.update(_archives(probabilities, probabilities_suffix, reference, maps))
    both = references.paths.keys() & maps.keys()
    if not both:
        raise InputError(
            f"no label map in {reference} has probabilities of the same name in {probabilities}"
            f"{advice(list(references.paths), list(maps))}"
        )
    without = sorted(references.paths.keys() - both, key=natural)
    if without:
        raise InputError(
            f"{len(without)} of {len(references.paths)} references in {reference} have no probabilities in "
            f"{probabilities}: {some(without)}; nothing stands for what was not predicted, so leave them out"
        )
    lonely = sorted(maps.keys() - both, key=natural)
    if lonely:
        warnings.warn(
            f"{len(lonely)} of {len(maps)} maps in {probabilities} have no reference and are left out: {some(lonely)}",
            InputWarning,
            stacklevel=3,
        )
    return [
        Case(printable(name), references.paths[name], maps[name])
        for name in sorted(both, key=natural)
    ]


def _archives(
    folder: StrPath, suffix: str, other: StrPath, maps: dict[str, Path]
) -> Iterator[tuple[str, Path]]:
    """List the .npz files that lie beside a label map of the same case: of the two they are the probabilities."""
    if not any(not os.fspath(path).lower().endswith(".npz") for path in maps.values()):
        return
    try:
        found = images_below(folder, suffix, ".npz", other).paths
    except InputError:
        return  # there is none
    yield from found.items()
