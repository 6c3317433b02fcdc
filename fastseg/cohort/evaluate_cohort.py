"""A cohort as one call: which cases there are, what came of each, and all of them as one evaluation."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Mapping
from typing import Any, Literal

from fastseg.cohort.algorithms import pair_algorithms
from fastseg.cohort.choosing import settings_of
from fastseg.cohort.folders import StrPath, some
from fastseg.cohort.joining import absent_labels, joined_cases
from fastseg.cohort.outcomes import Outcome
from fastseg.cohort.pairing import Missing, Pairing, find_pairs, sharded, titled
from fastseg.cohort.recording import Recording, recording
from fastseg.cohort.run import evaluate_all
from fastseg.cohort.stream import SUFFIX, is_stream
from fastseg.errors import CaseError, InputError, InputWarning
from fastseg.evaluation.settings import Settings
from fastseg.inputs.choices import unknown
from fastseg.results import Evaluation

ON_ERROR = ("raise", "skip")

#: how often the same is said of different cases
MOST_TOLD = 3


class Told:
    """What was said of cases already: what is the same of case after case is said of the first few."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()

    def tell(self, outcome: Outcome) -> None:
        """Warn of what was assumed in reading a case."""
        for note in outcome.notes:
            kind = note
            for path in (outcome.case.reference, outcome.case.prediction):
                kind = kind.replace(str(path), "")
            self._counts[kind] += 1
            if self._counts[kind] <= MOST_TOLD:
                last = self._counts[kind] == MOST_TOLD
                more = " (and so on: no more of these are shown)" if last else ""
                warnings.warn(f"{note}{more}", InputWarning, stacklevel=3)


def evaluate_remaining(
    recorded: Recording, settings: Settings, **running: Any
) -> Generator[Outcome, None, None]:
    """Evaluate the cases that are not done, in whatever order they come; each is kept before it is given."""
    for outcome in evaluate_all(recorded.remaining, settings, **running):
        recorded.add(outcome)
        yield outcome


def joined(
    pairing: Pairing, outcomes: Iterable[Outcome]
) -> tuple[Evaluation | None, list[Outcome]]:
    """Join the outcomes of a cohort: its evaluation, None if every case failed, and the outcomes that are failures."""
    done: list[Evaluation] = []
    failed: list[Outcome] = []
    places = {
        name: i for i, name in enumerate(dict.fromkeys(case.algorithm for case in pairing.cases))
    }
    for outcome in sorted(outcomes, key=lambda outcome: places[outcome.case.algorithm]):
        if outcome.evaluation is not None:
            done.append(outcome.evaluation)
        else:
            failed.append(outcome)
    failures = [outcome.failure for outcome in failed if outcome.failure is not None]
    return (joined_cases(done, pairing, failures) if done else None), failed


def evaluate_cohort(
    reference: StrPath,
    prediction: StrPath | Mapping[str, StrPath] | None = None,
    *,
    reference_suffix: str = "",
    prediction_suffix: str = "",
    ending: str | None = None,
    missing: Missing = "worst",
    on_error: Literal["raise", "skip"] = "raise",
    output: StrPath | None = None,
    resume: bool = False,
    hashed: bool = False,
    shard: tuple[int, int] | None = None,
    workers: int | None = 1,
    threads: int | None = None,
    max_memory: int | str | None = None,
    executor: Any = None,
    on_outcome: Callable[[Outcome], object] | None = None,
    protocol: str | None = None,
    instances: bool = False,
    **options: Any,
) -> Evaluation:
    """Evaluate all pairs of images in two folders, of several algorithms, or those that a table names.

    Parameters
    ----------
    reference, prediction : str or path-like
        Two folders, whose images at any depth are paired by their paths without the ending, which name the cases:
        "case_07" or "s0001/liver". For several algorithms, `prediction` maps the name of each to its folder. Or a
        table of pairs alone: a CSV, TSV or Parquet file with the columns reference, prediction and, if wanted, case
        and algorithm; paths are taken from the folder of the table, and further columns (site, sex) stay with the
        case.
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
        them, or leave them out with a warning that names them. Either comes after all other cases. A missing
        prediction is no such case.
    output : str or path-like, optional
        A file (.jsonl) to which every outcome is appended as it comes, one line a case: its rows, or its failure,
        and what made it.
    resume : bool
        Go on with `output` if it is there: what is in it and stands is not done again. Cases that failed are, and
        those whose files have another size or time (with `hashed`: another content). Other settings than before are
        an error that names them.
    hashed : bool
        Keep the SHA-256 of the files in `output`.
    shard : (k, n), optional
        Only the k-th of n parts of the cases, for n runs side by side; ``fastseg merge`` joins their outputs.
    workers : int or None
        Processes that evaluate cases side by side, 1 for this one alone; None chooses by cores, memory and sizes.
        They do not run the caller's script again.
    threads : int, optional
        Of each worker. Default: the cores, shared out.
    max_memory : int or str, optional
        Bytes, or "4GiB": what all cases together may take. A case that needs more fails and says how much.
    executor : concurrent.futures.Executor, distributed.Client or str, optional
        Who evaluates the cases, in place of workers; a text is the address of a Dask scheduler.
    on_outcome : callable, optional
        Called with each outcome (`case`, `evaluation`, `failure`, `notes`, `seconds`) when it has been kept.
    protocol : str, optional
        Score as a challenge does, see :func:`fastseg.evaluate_protocol`; the settings then tell the organiser's scores
        of the whole cohort, as :func:`fastseg.protocol_scores` gives them ("cohort_scores").
    instances : bool
        Evaluate instance by instance, see :func:`fastseg.evaluate_instances`.
    **options
        As in :func:`fastseg.evaluate`, or as in :func:`fastseg.evaluate_protocol` or
        :func:`fastseg.evaluate_instances`.

    Returns
    -------
    Evaluation
        One row per case and label. `failures` of it are the cases that failed; its settings tell which cases are
        without a prediction ("missing_predictions"), if any.

    Raises
    ------
    OSError, TypeError, ValueError
        For wrong options, which are checked before any file is read; for folders or tables without a pair, or with
        two files of one case; for an output that cannot be written; and if cases failed, or all did with
        ``on_error="skip"``.

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
    if output is not None and not is_stream(output):
        raise InputError(f"output: expected a file that ends in {SUFFIX}, got {str(output)!r:.200}")
    if output is None and (resume or hashed):
        raise InputError("resume and hashed are about output, which was not given")
    settings = settings_of(protocol, instances=instances, **options)
    how: dict[str, Any] = {
        "reference_suffix": reference_suffix,
        "prediction_suffix": prediction_suffix,
        "ending": ending,
        "missing": missing,
    }
    if isinstance(prediction, Mapping):
        pairing = pair_algorithms(reference, prediction, **how)
    else:
        pairing = find_pairs(reference, prediction, **how)
    if shard is not None:
        pairing = sharded(pairing, shard)
    for note in pairing.notes:
        warnings.warn(note, InputWarning, stacklevel=2)
    told = Told()
    raised: dict[str, Exception] = {}
    with recording(pairing.cases, settings, output, resume, hashed) as recorded:
        running = {
            "workers": workers,
            "threads": threads,
            "max_memory": max_memory,
            "executor": executor,
        }
        for outcome in evaluate_remaining(recorded, settings, **running):
            told.tell(outcome)
            if outcome.error is not None:
                raised[titled(outcome.case)] = outcome.error
            if on_outcome is not None:
                on_outcome(outcome)
        evaluation, failed = joined(pairing, recorded.outcomes())
    if failed:
        reasons = [
            f"{titled(outcome.case)}: {outcome.failure.message:.300}"
            for outcome in failed
            if outcome.failure is not None
        ]
        message = (
            f"{len(failed)} of {len(pairing.cases)} cases could not be evaluated: "
            f"{some(reasons, 5, '; ')}"
        )
        if on_error == "raise" or evaluation is None:
            raise CaseError(message) from next(iter(raised.values()), None)
        warnings.warn(message, InputWarning, stacklevel=2)
    if evaluation is None:
        raise CaseError(f"there is nothing to evaluate: shard {shard} holds no case")
    if absent := absent_labels(evaluation, settings):
        warnings.warn(absent, InputWarning, stacklevel=2)
    return evaluation
