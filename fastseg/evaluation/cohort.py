"""Many cases: one ahead is read while one is measured, and each gives an outcome."""

from __future__ import annotations

import traceback
import warnings
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from fastseg import io
from fastseg.errors import CaseError, InputWarning
from fastseg.evaluation.case import evaluate_case
from fastseg.evaluation.pairing import Case, StrPath, pair_folders
from fastseg.evaluation.settings import Settings
from fastseg.inputs.choices import unknown
from fastseg.results import Evaluation
from fastseg.threads import get_num_threads

_Result = TypeVar("_Result")

ON_ERROR = ("raise", "skip")


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
    with ThreadPoolExecutor(count, thread_name_prefix="fastseg-read") as readers:

        def start(index: int) -> list[Future[io.ReadMap]] | Exception | None:
            if index == len(cases):
                return None
            prepared = _attempt(_prepared, cases[index], settings)
            if isinstance(prepared, Exception):
                return prepared
            for note in prepared.notes:
                warnings.warn(f"{cases[index].name}: {note}", InputWarning, stacklevel=2)
            return [readers.submit(read) for read in prepared.reads]

        reading = start(0)
        for index, case in enumerate(cases):
            read = reading
            if isinstance(reading, list):
                read = _attempt(lambda futures: [future.result() for future in futures], reading)
            reading = start(index + 1)
            if isinstance(read, Exception):
                yield Outcome(case.name, error=read)
                continue
            found = _attempt(_evaluate, read, settings, case.name)
            del read
            if isinstance(found, Exception):
                yield Outcome(case.name, error=found)
            else:
                yield Outcome(case.name, found)


def _prepared(case: Case, settings: Settings) -> io.PreparedPair:
    return io.prepare_pair(case.reference, case.prediction, settings.grid_rules, ("", ""))


def _evaluate(read: list[io.ReadMap], settings: Settings, case: str) -> Evaluation:
    for one in read:
        for note in one.notes:
            warnings.warn(note, InputWarning, stacklevel=2)
    first, second = read
    return evaluate_case(first.source, second.source, settings, case)


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


def evaluate_cohort(
    reference: StrPath,
    prediction: StrPath,
    *,
    on_error: Literal["raise", "skip"] = "raise",
    **options: Any,
) -> Evaluation:
    """Evaluate all pairs of images in two folders.

    Parameters
    ----------
    reference, prediction : str or path-like
        Folders; their images are paired by name, see :func:`pair_folders`. An image without a partner is named in a
        warning.
    on_error : {"raise", "skip"}
        What to do about cases that cannot be evaluated: raise an error that names all of them, or leave them out
        with a warning that names them.
    **options
        As in :func:`fastseg.evaluate`.

    Returns
    -------
    Evaluation
        One row per case and label.

    Raises
    ------
    OSError, TypeError, ValueError
        For wrong options, which are checked before any file is read; as :func:`pair_folders`; and if cases failed,
        or all did with ``on_error="skip"``.

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
    pairing = pair_folders(reference, prediction)
    lonely = [str(path) for path in (*pairing.only_reference, *pairing.only_prediction)]
    if lonely:
        warnings.warn(
            f"{len(lonely)} images have no partner and are left out: {', '.join(lonely)}",
            stacklevel=2,
        )
    outcomes = list(evaluate_cases(pairing.cases, settings))
    done = [outcome.evaluation for outcome in outcomes if outcome.evaluation is not None]
    failed = [outcome for outcome in outcomes if outcome.error is not None]
    if failed:
        message = f"{len(failed)} of {len(outcomes)} cases could not be evaluated: " + "; ".join(
            f"{outcome.case}: {outcome.error}" for outcome in failed
        )
        if on_error == "raise" or not done:
            raise CaseError(message) from failed[0].error
        warnings.warn(message, stacklevel=2)
    return Evaluation.joined(done)
