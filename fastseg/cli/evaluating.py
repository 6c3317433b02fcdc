"""The steps of ``fastseg evaluate``: pair, evaluate, show, write."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import fastseg
from fastseg.cli import terminal
from fastseg.cli.messages import say
from fastseg.cohort.evaluate_cohort import Told
from fastseg.cohort.folders import nfc, printable, some
from fastseg.cohort.joining import absent_labels, joined_cases, unlisted_labels
from fastseg.cohort.outcomes import Case
from fastseg.cohort.pair_table import is_table
from fastseg.cohort.pairing import Pairing, find_pairs
from fastseg.cohort.reading_ahead import evaluate_cases
from fastseg.errors import InputError
from fastseg.evaluation.settings import Settings
from fastseg.io import image_stem, is_image_folder
from fastseg.results.failures import Failure

#: as many failures are told one by one
FAILURES_TOLD = 10


def pairs(reference: Path, prediction: Path | None, **how: Any) -> tuple[Pairing, bool]:
    """Pair two folders, read a table of pairs, or take two files as one pair; tell what has no partner.

    The second result is whether the pair is one of two files that were named.
    """
    if prediction is None and not is_table(reference):
        raise InputError(
            f"Missing argument 'prediction': only a table of pairs (.csv, .tsv) stands alone, not {reference} "
            "(see fastseg evaluate --help)"
        )
    if prediction is not None and not is_table(reference):
        folders = [path.is_dir() and not is_image_folder(path) for path in (reference, prediction)]
        if folders[0] != folders[1]:
            raise InputError(
                f"expected two files or two folders, but {reference} is a "
                f"{'folder' if folders[0] else 'file'} and {prediction} is not"
            )
        if not folders[0]:
            if how["reference_suffix"] or how["prediction_suffix"] or how["ending"]:
                raise InputError(
                    "--reference-suffix, --prediction-suffix and --ending are for two folders"
                )
            name = printable(nfc(image_stem(prediction)))
            return Pairing([Case(name, reference, prediction)], [], [], []), True
    pairing = find_pairs(reference, prediction, **how)
    for note in pairing.notes:
        say(note, "warning")
    return pairing, False


def evaluate_all(
    pairing: Pairing, settings: Settings, raising: bool
) -> tuple[fastseg.Evaluation | None, list[Failure]]:
    """Evaluate every pair; the first failures are told as they come, or raised."""
    done: list[fastseg.Evaluation] = []
    failures: list[Failure] = []
    told = Told()
    with terminal.progress(len(pairing.cases), "cases") as advance:
        for outcome in evaluate_cases(pairing.cases, settings):
            if raising and outcome.error is not None:
                raise outcome.error
            told.tell(outcome)
            if outcome.evaluation is not None:
                done.append(outcome.evaluation)
            elif outcome.failure is not None:
                failures.append(outcome.failure)
                if len(failures) <= FAILURES_TOLD:
                    _tell_failure(outcome.failure)
            advance()
    return (joined_cases(done, pairing, failures) if done else None), failures


def _tell_failure(failure: Failure) -> None:
    if failure.traceback:
        print(failure.traceback, end="", file=sys.stderr)
    say(f"case {failure.case}: {failure.message}")


def show(
    evaluation: fastseg.Evaluation,
    pairing: Pairing,
    settings: Settings,
    failures: Sequence[Failure],
    everything: bool,
) -> None:
    """Print the table, and tell of labels that are not in it or in no map."""
    if text := unlisted_labels(evaluation):
        say(text, "note")
    if text := absent_labels(evaluation, settings):
        say(text, "warning")
    terminal.show_evaluation(
        evaluation,
        several=len(pairing.cases) > 1,
        shown=terminal.SHOWN if everything else evaluation.metrics,
        title=_title(evaluation, pairing, failures) if len(pairing.cases) > 1 else None,
    )


def _title(evaluation: fastseg.Evaluation, pairing: Pairing, failures: Sequence[Failure]) -> str:
    """Say over how many cases the means are, which of them have no prediction, and which are not among them."""
    count = len(evaluation.cases)
    text = f"Means over {count} case{'s' * (count != 1)}"
    lonely = [case.name for case in pairing.cases if case.prediction is None]
    if scored := [name for name in lonely if name in evaluation.cases]:
        have = "has" if len(scored) == 1 else "have"
        text += f", of which {len(scored)} {have} no prediction: {some(scored)}"
    names = [failure.case for failure in failures]
    return text + (f"; {len(names)} more failed: {some(names)}" if names else "")


def say_what_was_done(evaluation: fastseg.Evaluation, seconds: float) -> None:
    """Print how much it was and how long it took."""
    cases, rows = len(evaluation.cases), len(evaluation.rows)
    print(f"{cases} case{'s' * (cases != 1)}, {rows} row{'s' * (rows != 1)}, {seconds:.1f} s")


def write(evaluation: fastseg.Evaluation, output: Path) -> None:
    """Write the table to a file; if that fails, to standard output, so that no result is lost."""
    to_text = evaluation.to_json if output.suffix.lower() == ".json" else evaluation.to_csv
    try:
        to_text(output)
    except OSError as error:
        print(to_text(), end="")
        raise OSError(
            f"{output}: it could not be written ({error.strerror or error}), so the whole table is on standard output"
        ) from error
    print(f"Written to {printable(str(output))}")


def failed_cases(pairing: Pairing, failures: Sequence[Failure]) -> str:
    """Say how many cases failed, and name the first of them."""
    names = [failure.case for failure in failures]
    return f"{len(names)} of {len(pairing.cases)} cases failed: {some(names, FAILURES_TOLD)}"
