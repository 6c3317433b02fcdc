"""The steps of ``fastseg evaluate``: pair, evaluate, show, write."""

from __future__ import annotations

import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import fastseg
from fastseg.cli import terminal
from fastseg.cli.messages import is_bad_input, one_line, say
from fastseg.errors import InputError
from fastseg.evaluation.cohort import evaluate_pairing
from fastseg.evaluation.folders import nfc, printable, some
from fastseg.evaluation.joining import absent_labels, joined_cases, unlisted_labels
from fastseg.evaluation.pair_table import is_table
from fastseg.evaluation.pairing import Case, Pairing, find_pairs
from fastseg.evaluation.settings import Settings
from fastseg.io import image_stem

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
        if reference.is_dir() != prediction.is_dir():
            raise InputError(
                f"expected two files or two folders, but {reference} is a "
                f"{'folder' if reference.is_dir() else 'file'} and {prediction} is not"
            )
        if not reference.is_dir():
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
) -> tuple[fastseg.Evaluation | None, dict[str, Exception]]:
    """Evaluate every pair; the first failures are told as they come, or raised."""
    done: list[fastseg.Evaluation] = []
    failed: dict[str, Exception] = {}
    with terminal.progress(len(pairing.cases), "cases") as advance:
        for outcome in evaluate_pairing(pairing, settings):
            if outcome.evaluation is not None:
                done.append(outcome.evaluation)
            elif outcome.error is not None:
                if raising:
                    raise outcome.error
                failed[outcome.case] = outcome.error
                if len(failed) <= FAILURES_TOLD:
                    if not is_bad_input(outcome.error):
                        traceback.print_exception(outcome.error)
                    say(f"case {outcome.case}: {one_line(outcome.error)}")
            advance()
    return (joined_cases(done, pairing, failed) if done else None), failed


def show(
    evaluation: fastseg.Evaluation,
    pairing: Pairing,
    settings: Settings,
    failed: Mapping[str, Exception],
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
        title=_title(evaluation, pairing, failed) if len(pairing.cases) > 1 else None,
    )


def _title(
    evaluation: fastseg.Evaluation, pairing: Pairing, failed: Mapping[str, Exception]
) -> str:
    """Say over how many cases the means are, which of them have no prediction, and which are not among them."""
    count = len(evaluation.cases)
    text = f"Means over {count} case{'s' * (count != 1)}"
    lonely = [case.name for case in pairing.cases if case.prediction is None]
    if scored := [name for name in lonely if name in evaluation.cases]:
        have = "has" if len(scored) == 1 else "have"
        text += f", of which {len(scored)} {have} no prediction: {some(scored)}"
    return text + (f"; {len(failed)} more failed: {some(list(failed))}" if failed else "")


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


def failures(pairing: Pairing, failed: Mapping[str, Exception]) -> str:
    """Say how many cases failed, and name the first of them."""
    names: Sequence[str] = list(failed)
    return f"{len(names)} of {len(pairing.cases)} cases failed: {some(names, FAILURES_TOLD)}"
