"""Several raters of many images as one call: which files belong together, what came of each, all of it as one table."""

from __future__ import annotations

import os
import time
import traceback
import warnings
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from fastseg._version import __version__
from fastseg.cohort.caught import caught_warnings
from fastseg.cohort.evaluate_cohort import ON_ERROR, Told
from fastseg.cohort.folders import StrPath, some
from fastseg.cohort.one_case import attempt
from fastseg.cohort.outcomes import Case, Outcome
from fastseg.cohort.rater_pairing import RaterCase, find_rater_cases, named_raters
from fastseg.errors import CaseError, InputError, InputWarning, is_bad_input
from fastseg.inputs.arrays import Array
from fastseg.inputs.choices import unknown
from fastseg.io import write_image
from fastseg.measures.vote_patterns import vote_patterns
from fastseg.raters.case import evaluate_maps
from fastseg.raters.cohort_results import RaterCohort
from fastseg.raters.consensus import fused
from fastseg.raters.evaluate_raters import check_names
from fastseg.raters.maps import as_maps
from fastseg.raters.results import RaterEvaluation
from fastseg.raters.settings import RaterSettings
from fastseg.results.failures import Failure
from fastseg.results.writers.registry import check_writable

# A consensus is a file of the kind of the first rater's, if it is one of these.
_KEPT = (".nii.gz", ".nii", ".nrrd", ".mha")


@dataclass(frozen=True)
class RaterOutcome(Outcome):
    """What came of a case of several raters.

    Attributes
    ----------
    found : RaterEvaluation or None
    consensus : Path or None
        Where the consensus was written.
    """

    found: RaterEvaluation | None = field(default=None, compare=False)
    consensus: Path | None = None


def evaluate_rater_cohort(
    raters: Mapping[str, StrPath] | Sequence[StrPath],
    prediction: StrPath | None = None,
    *,
    rater_suffix: str = "",
    prediction_suffix: str = "",
    ending: str | None = None,
    consensus_folder: StrPath | None = None,
    on_error: Literal["raise", "skip"] = "raise",
    on_outcome: Callable[[RaterOutcome], object] | None = None,
    **options: Any,
) -> RaterCohort:
    """Tell of many images how far their raters agree, and where predictions stand among them.

    Parameters
    ----------
    raters : mapping of str to path-like, or list of path-like
        The folder of each rater. Images at any depth belong together by their paths without the ending, which name the
        cases, as in :func:`evaluate_cohort`. Without names raters are called as their folders are.
    prediction : path-like, optional
        The folder of the predictions.
    rater_suffix, prediction_suffix : str
        What names have before the ending that is not of the case: "_seg". Other files are not looked at.
    ending : str, optional
        Take only files of this ending: ".nii.gz".
    consensus_folder : path-like, optional
        Where to write the consensus of every case, with all labels, by the method of ``consensus=``: on the grid of the
        first rater's map, as NRRD, MetaImage or NIfTI as that is (NIfTI if it is another format, .npy if it has no
        grid). It is made if it is not there.
    on_error : {"raise", "skip"}
        What to do about cases that fail: raise an error that names them, or warn. Either comes after all other cases.
    on_outcome : callable, optional
        Called with each outcome (`case`, `found`, `failure`, `notes`, `seconds`, `consensus`) as it comes.
    **options
        As in :func:`evaluate_raters`, but ``samples``.

    Returns
    -------
    RaterCohort
        A table for each case, and means over them with 95 % intervals.

    Raises
    ------
    OSError, TypeError, ValueError
        For wrong options, which are checked before any file is read; for folders without a case of two raters; for a
        folder that cannot be written to; and if cases failed, or all did with ``on_error="skip"``.

    Warns
    -----
    InputWarning
        For cases that are not by all raters, which are evaluated with those that there are, for cases without a
        prediction, and for predictions that are left out.

    Examples
    --------
    >>> import tempfile, pathlib, numpy as np, fastseg
    >>> first = np.zeros((20, 20), np.uint8); first[5:15, 5:15] = 1
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for shift, rater in enumerate(["anna", "ben", "carla"]):
    ...         pathlib.Path(folder, rater).mkdir()
    ...         for case in ("a", "b", "c"):
    ...             np.save(f"{folder}/{rater}/{case}.npy", np.roll(first, shift, axis=0))
    ...     folders = [f"{folder}/{rater}" for rater in ("anna", "ben", "carla")]
    ...     cohort = fastseg.evaluate_rater_cohort(folders, metrics="dice")
    >>> round(cohort.mean(1, "dice").mean, 3), cohort.case("b").value(1, "dice", "anna", "carla")
    (0.867, 0.8)
    """
    if on_error not in ON_ERROR:
        raise unknown("on_error", on_error, ON_ERROR)
    settings = RaterSettings.checked(**options)
    folders = named_raters(raters)
    check_names(list(folders))
    pairing = find_rater_cases(
        folders,
        prediction,
        rater_suffix=rater_suffix,
        prediction_suffix=prediction_suffix,
        ending=ending,
    )
    if consensus_folder is not None:
        check_consensus_folder(consensus_folder, [*folders.values(), prediction])
    for note in pairing.notes:
        warnings.warn(note, InputWarning, stacklevel=2)
    told = Told()
    outcomes = []
    for outcome in rater_outcomes(pairing.cases, settings, consensus_folder):
        told.tell(outcome)
        outcomes.append(outcome)
        if on_outcome is not None:
            on_outcome(outcome)
    cohort = cohort_of(outcomes, settings, folders)
    if cohort.failures:
        reasons = [f"{one.case}: {one.message:.300}" for one in cohort.failures]
        message = f"{len(reasons)} of {len(pairing.cases)} cases failed: {some(reasons, 5, '; ')}"
        if on_error == "raise" or not cohort.evaluations:
            raise CaseError(message) from next(
                (one.error for one in outcomes if one.error is not None), None
            )
        warnings.warn(message, InputWarning, stacklevel=2)
    return cohort


def rater_outcomes(
    cases: Iterable[RaterCase], settings: RaterSettings, consensus_folder: StrPath | None = None
) -> Generator[RaterOutcome, None, None]:
    """Evaluate one case after the other; whatever one of them raises is its failure."""
    for case in cases:
        yield rater_outcome(case, settings, _target(case, consensus_folder))


def rater_outcome(
    case: RaterCase, settings: RaterSettings, consensus: Path | None = None
) -> RaterOutcome:
    """Read and evaluate the maps of a case, and write their consensus if a path is given for it."""
    started = time.perf_counter()
    with caught_warnings() as told:
        found = attempt(_evaluated, case, settings, consensus)
    seconds = time.perf_counter() - started
    pair = Case(case.name, next(iter(case.maps.values())), case.prediction)
    notes = tuple(told)
    if isinstance(found, Exception):
        return RaterOutcome(
            pair, None, _failure(found, case), notes, seconds, found, consensus=None
        )
    evaluation, written, error = found
    failure = None if error is None else _failure(error, case)
    return RaterOutcome(
        pair, None, failure, notes, seconds, error, found=evaluation, consensus=written
    )


def cohort_of(
    outcomes: Sequence[RaterOutcome], settings: RaterSettings, raters: Mapping[str, StrPath]
) -> RaterCohort:
    """Join what came of all cases."""
    evaluations = {one.case.name: one.found for one in outcomes if one.found is not None}
    failures = tuple(one.failure for one in outcomes if one.failure is not None)
    about = {
        "raters": list(raters),
        "metrics": settings.metrics,
        "tolerance": settings.tolerance,
        "consensus": settings.consensus,
        "levels": settings.levels,
        "seed": settings.seed,
        "version": __version__,
    }
    return RaterCohort(evaluations, failures, about)


def check_consensus_folder(folder: StrPath, given: Iterable[StrPath | None]) -> None:
    """Refuse, before any work is done, a folder that cannot be written to, and one within those that are read.

    Raises
    ------
    InputError, OSError
    """
    target = Path(folder)
    own = target.resolve()
    for other in given:
        if other is not None and os.path.isdir(other) and own.is_relative_to(Path(other).resolve()):
            raise InputError(f"{folder}: the consensus would be written among what is read")
    if target.exists() and not target.is_dir():
        raise NotADirectoryError(f"{folder}: expected a folder, but this is a file")
    there = own
    while not there.exists():
        there = there.parent
    check_writable(there / "consensus")


def _target(case: RaterCase, folder: StrPath | None) -> Path | None:
    """Say where the consensus of a case is written, less its ending."""
    return None if folder is None else Path(folder, *case.name.split("/"))


def _failure(error: Exception, case: RaterCase) -> Failure:
    where = "" if is_bad_input(error) else "".join(traceback.format_exception(error))
    return Failure.of(error, case.name, traceback=where)


def _evaluated(
    case: RaterCase, settings: RaterSettings, consensus: Path | None
) -> tuple[RaterEvaluation, Path | None, Exception | None]:
    """Evaluate a case; an error in writing its consensus does not take its numbers away."""
    samples = case.samples
    maps = as_maps(
        dict(case.maps), settings.spacing, case.prediction, samples, rules=settings.rules
    )
    patterns = vote_patterns(maps.arrays)
    predicted = case.prediction is not None
    evaluation = evaluate_maps(maps, settings, patterns, predicted=predicted, samples=len(samples))
    if consensus is None:
        return evaluation, None, None
    many = len(case.maps)
    own = patterns.of(range(many)) if many < len(maps.arrays) else patterns
    image = fused(maps.arrays[:many], own, settings.consensus)
    like = next(iter(case.maps.values()))
    written = attempt(_write, image, like if maps.grid is not None else None, consensus)
    if isinstance(written, Exception):
        return evaluation, None, written
    return evaluation, written, None


def _write(image: Array, like: StrPath | None, target: Path) -> Path:
    """Write a consensus where a rater's map lies; of arrays without a place as NumPy's file."""
    suffix = ".npy"
    if like is not None:
        name = Path(like).name.lower()
        suffix = next((one for one in _KEPT if name.endswith(one)), ".nii.gz")
    path = (
        target
        if target.name.lower().endswith((*_KEPT, ".npy"))
        else target.parent / f"{target.name}{suffix}"
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    write_image(path, image, like)
    return path
