"""Many cases: one ahead is read while one is measured, and each gives an outcome."""

from __future__ import annotations

import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeVar

import numpy as np

from fastseg import io
from fastseg.errors import CaseError, InputWarning
from fastseg.evaluation.case import evaluate_case
from fastseg.evaluation.folders import StrPath, check_is_file, some
from fastseg.evaluation.joining import absent_labels, joined_cases
from fastseg.evaluation.pairing import Case, Missing, Pairing, find_pairs
from fastseg.evaluation.settings import Settings
from fastseg.inputs.choices import unknown
from fastseg.inputs.source import ArraySource
from fastseg.results import Evaluation
from fastseg.threads import get_num_threads, own_pool

_Result = TypeVar("_Result")

ON_ERROR = ("raise", "skip")

#: how often the same is said of different cases
MOST_TOLD = 3


@dataclass(frozen=True)
class Outcome:
    """What came of a case: its evaluation, or the error that kept it from being evaluated.

    Attributes
    ----------
    case : str
    evaluation : Evaluation or None
    error : Exception or None
        One of the two is None.
    """

    case: str
    evaluation: Evaluation | None = None
    error: Exception | None = None


def evaluate_cases(cases: Iterable[Case], settings: Settings) -> Iterator[Outcome]:
    """Evaluate pairs of files one after another, reading the next while one is computed.

    Parameters
    ----------
    cases : iterable of Case
        The name of a case and two image files.
    settings : Settings

    Yields
    ------
    Outcome
        In the order of the cases. After one that failed the next one follows. At most one case beside the current one
        is in memory.
    """
    cases = list(cases)
    # A thread for each of the two files: unzipping one is serial, and takes about as long as measuring.
    count = min(2, get_num_threads())
    with own_pool(count, "fastseg-read") as submit:

        def start(index: int) -> list[Future[io.ReadMap]] | Exception | None:
            if index == len(cases):
                return None
            prepared = _attempt(_prepared, cases[index], settings)
            if isinstance(prepared, Exception):
                return prepared
            _tell(prepared.notes, cases[index], told)
            return [submit(lambda read: read(), read) for read in prepared.reads]

        told: Counter[str] = Counter()
        reading = start(0)
        for index, case in enumerate(cases):
            read = _attempt(_results, reading) if isinstance(reading, list) else reading
            reading = start(index + 1)
            if not isinstance(read, list):
                yield Outcome(case.name, error=read)
                continue
            _tell([note for one in read for note in one.notes], case, told)
            found = _attempt(_evaluate, read, settings, case.name)
            del read
            yield _outcome(case, found)


def _outcome(case: Case, found: Evaluation | Exception) -> Outcome:
    if isinstance(found, Exception):
        return Outcome(case.name, error=found)
    return Outcome(case.name, found)


def _results(reading: list[Future[io.ReadMap]]) -> list[io.ReadMap]:
    return [future.result() for future in reading]


def _prepared(case: Case, settings: Settings) -> io.PreparedPair:
    return io.prepare_pair(case.reference, case.prediction, settings.grid_rules, ("", ""))


def _evaluate(read: list[io.ReadMap], settings: Settings, case: str) -> Evaluation:
    first, second = read
    return evaluate_case(first.source, second.source, settings, case)


def _tell(notes: Iterable[str], case: Case, told: Counter[str]) -> None:
    """Say what was assumed in reading a case; what is the same of case after case, only of the first few."""
    for note in notes:
        kind = note
        for path in (case.reference, case.prediction):
            kind = kind.replace(str(path), "")
        told[kind] += 1
        if told[kind] <= MOST_TOLD:
            more = " (and so on: no more of these are shown)" if told[kind] == MOST_TOLD else ""
            warnings.warn(f"{note}{more}", InputWarning, stacklevel=2)


def _attempt(function: Callable[..., _Result], *arguments: Any) -> _Result | Exception:
    """Call the function, and return what it raises instead of its result.

    The traceback stays, but lets go of the volumes that its frames hold: a long list of failed cases would not fit
    into memory.
    """
    try:
        return function(*arguments)
    except Exception as error:
        del arguments
        link: BaseException | None = error
        while link is not None:
            traceback.clear_frames(link.__traceback__)
            link = link.__cause__ or link.__context__
        return error


def evaluate_pairing(pairing: Pairing, settings: Settings) -> Iterator[Outcome]:
    """Evaluate all cases of a pairing, those without a prediction against an empty one.

    Yields
    ------
    Outcome
        In the order of the cases. What only looks like a file, a link to nothing say, is an error of its case.
    """
    errors = [_attempt(_check_files, case) for case in pairing.cases]
    whole = [
        case
        for case, error in zip(pairing.cases, errors, strict=True)
        if error is None and case.prediction is not None
    ]
    outcomes = evaluate_cases(whole, settings)
    for case, error in zip(pairing.cases, errors, strict=True):
        if error is not None:
            yield Outcome(case.name, error=error)
        elif case.prediction is not None:
            yield next(outcomes)
        else:
            yield _outcome(case, _attempt(_evaluate_missing, case, settings))


def _check_files(case: Case) -> None:
    for path in (case.reference, case.prediction):
        if path is not None:
            check_is_file(path)


def _evaluate_missing(case: Case, settings: Settings) -> Evaluation:
    """Evaluate a reference against an empty prediction on its grid."""
    read = io.read_map(case.reference)
    for note in read.notes:
        warnings.warn(note, InputWarning, stacklevel=2)
    reference = read.source
    name = "the missing prediction"
    if isinstance(reference, ArraySource):  # what its file says of labels holds for both
        prediction = replace(reference, array=np.zeros_like(reference.array), name=name)
    else:
        nothing = np.zeros(reference.shape, np.uint8)
        prediction = ArraySource(nothing, reference.spacing, reference.grid, name)
    return evaluate_case(reference, prediction, settings, case.name)


def evaluate_cohort(
    reference: StrPath,
    prediction: StrPath | None = None,
    *,
    reference_suffix: str = "",
    prediction_suffix: str = "",
    ending: str | None = None,
    missing: Missing = "worst",
    on_error: Literal["raise", "skip"] = "raise",
    **options: Any,
) -> Evaluation:
    """Evaluate all pairs of images in two folders, or those that a table names.

    Parameters
    ----------
    reference, prediction : str or path-like
        Two folders, whose images at any depth are paired by their paths without the ending, which name the cases:
        "case_07" or "s0001/liver". Or a table of pairs alone: a CSV or TSV file with the columns reference,
        prediction and, if wanted, case; paths are taken from the folder of the table.
    reference_suffix, prediction_suffix : str
        What the names have before the ending that is not of the case: "_gt", "-seg", "/segmentation". Other files
        are not looked at.
    ending : str, optional
        Take only files of this ending: ".nii.gz". Without it, a .npz file or a picture beside another image of the
        same case is left out, and two images of other kinds for one case are an error.
    missing : {"worst", "skip", "error"}
        What to do about a reference that has no prediction: score it as if its prediction were empty, by the policy
        `empty`; leave it out; or raise an error before anything is read. The first two warn. A prediction that has
        no reference is left out with a warning.
    on_error : {"raise", "skip"}
        What to do about cases that cannot be evaluated, such as files that cannot be read: raise an error that names
        them, or leave them out with a warning that names them. A missing prediction is no such case.
    **options
        As in :func:`fastseg.evaluate`.

    Returns
    -------
    Evaluation
        One row per case and label. Its settings tell which cases are without a prediction ("missing_predictions") and
        which failed ("failed_cases"), if any.

    Raises
    ------
    OSError, TypeError, ValueError
        For wrong options, which are checked before any file is read; for folders or tables without a pair, or with
        two files of one case; and if cases failed, or all did with ``on_error="skip"``.

    Warns
    -----
    InputWarning
        For files without a partner, and for labels that were asked for and are in no map.

    Examples
    --------
    >>> import tempfile, pathlib, numpy as np
    >>> from fastseg import evaluate_cohort
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for rater in ("senior", "junior"):
    ...         pathlib.Path(folder, rater).mkdir()
    ...         for case in ("a", "b"):
    ...             np.save(f"{folder}/{rater}/{case}.npy", np.ones((3, 3, 3), np.uint8))
    ...     evaluation = evaluate_cohort(f"{folder}/senior", f"{folder}/junior")
    >>> evaluation["b", 1]["dice"]
    1.0
    """
    if on_error not in ON_ERROR:
        raise unknown("on_error", on_error, ON_ERROR)
    settings = Settings.checked(**options)
    pairing = find_pairs(
        reference,
        prediction,
        reference_suffix=reference_suffix,
        prediction_suffix=prediction_suffix,
        ending=ending,
        missing=missing,
    )
    for note in pairing.notes:
        warnings.warn(note, InputWarning, stacklevel=2)
    done: list[Evaluation] = []
    failed: dict[str, Exception] = {}
    for outcome in evaluate_pairing(pairing, settings):
        if outcome.evaluation is not None:
            done.append(outcome.evaluation)
        elif outcome.error is not None:
            failed[outcome.case] = outcome.error
    if failed:
        reasons = [f"{case}: {error!s:.300}" for case, error in failed.items()]
        message = (
            f"{len(failed)} of {len(pairing.cases)} cases could not be evaluated: "
            f"{some(reasons, 5, '; ')}"
        )
        if on_error == "raise" or not done:
            raise CaseError(message) from next(iter(failed.values()))
        warnings.warn(message, InputWarning, stacklevel=2)
    evaluation = joined_cases(done, pairing, failed)
    if absent := absent_labels(evaluation, settings):
        warnings.warn(absent, InputWarning, stacklevel=2)
    return evaluation
