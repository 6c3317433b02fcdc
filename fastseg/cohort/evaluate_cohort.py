"""A cohort as one call: which cases there are, what came of each, and all of them as one evaluation."""

from __future__ import annotations

import warnings
from collections import Counter
from typing import Any, Literal

from fastseg.cohort.folders import StrPath, some
from fastseg.cohort.joining import absent_labels, joined_cases
from fastseg.cohort.outcomes import Outcome
from fastseg.cohort.pairing import Missing, find_pairs
from fastseg.cohort.reading_ahead import evaluate_cases
from fastseg.errors import CaseError, InputWarning
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
    failed: list[Outcome] = []
    told = Told()
    for outcome in evaluate_cases(pairing.cases, settings):
        told.tell(outcome)
        if outcome.evaluation is not None:
            done.append(outcome.evaluation)
        else:
            failed.append(outcome)
    failures = [outcome.failure for outcome in failed if outcome.failure is not None]
    if failures:
        reasons = [f"{failure.case}: {failure.message:.300}" for failure in failures]
        message = (
            f"{len(failed)} of {len(pairing.cases)} cases could not be evaluated: "
            f"{some(reasons, 5, '; ')}"
        )
        if on_error == "raise" or not done:
            raise CaseError(message) from failed[0].error
        warnings.warn(message, InputWarning, stacklevel=2)
    evaluation = joined_cases(done, pairing, failures)
    if absent := absent_labels(evaluation, settings):
        warnings.warn(absent, InputWarning, stacklevel=2)
    return evaluation
