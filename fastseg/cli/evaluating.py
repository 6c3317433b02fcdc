"""The steps of ``fastseg evaluate``: pair, evaluate, show, write."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import fastseg
from fastseg.cli import terminal
from fastseg.cli.log_file import CaseLog
from fastseg.cli.messages import say
from fastseg.cli.options import Kept
from fastseg.cli.progress import case_progress
from fastseg.cli.protocols import score_lines
from fastseg.cli.surroundings import Stopped
from fastseg.cohort.algorithms import pair_algorithms
from fastseg.cohort.choosing import reads_files
from fastseg.cohort.evaluate_cohort import Told, evaluate_remaining, joined
from fastseg.cohort.folders import nfc, printable, some
from fastseg.cohort.joining import absent_labels, unlisted_labels
from fastseg.cohort.outcomes import Case, title_of
from fastseg.cohort.pair_table import is_table
from fastseg.cohort.pairing import Pairing, find_pairs, sharded
from fastseg.cohort.recording import recording
from fastseg.errors import InputError
from fastseg.evaluation.settings import Settings
from fastseg.inputs.choices import did_you_mean
from fastseg.io import IMAGE_SUFFIXES, image_stem, is_image_folder
from fastseg.protocols.framework.cohort_scores import COHORT
from fastseg.results.failures import Failure
from fastseg.results.rows import Row
from fastseg.results.writers.registry import Output
from fastseg.results.writers.writer import Files, WriteOptions

#: as many failures are told one by one
FAILURES_TOLD = 10


def pairs(
    reference: Path,
    prediction: Path | None,
    predictions: Mapping[str, Path],
    *,
    settings: Settings,
    shard: tuple[int, int] | None = None,
    **how: Any,
) -> tuple[Pairing, bool]:
    """Pair two folders, or several algorithms' with one, read a table of pairs, or take two files as one pair.

    What has no partner is told. The second result is whether the pair is one of two files that were named. Two files
    of a kind that the settings read themselves, as tables of points are, are a pair and no table of pairs.
    """
    if predictions:
        if prediction is not None:
            raise InputError(
                f"the predictions are given twice, by --prediction and as {prediction}: name each algorithm's folder"
            )
        pairing = pair_algorithms(reference, predictions, **how)
    elif pair := _two_files(reference, prediction, reads_files(settings), how):
        return pair, True
    else:
        pairing = find_pairs(reference, prediction, **how)
    if shard is not None:
        pairing = sharded(pairing, shard)
    for note in pairing.notes:
        say(note, "warning")
    return pairing, False


def _two_files(
    reference: Path, prediction: Path | None, own_files: bool, how: Mapping[str, Any]
) -> Pairing | None:
    """Take two files as a pair; None for folders and tables, which are paired by others."""
    if prediction is None and not is_table(reference):
        raise InputError(
            f"Missing argument 'prediction': only a table of pairs (.csv, .tsv) stands alone, not {reference} "
            "(see fastseg evaluate --help)"
        )
    if prediction is not None and (own_files or not is_table(reference)):
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
            is_image = prediction.name.lower().endswith(IMAGE_SUFFIXES) or not own_files
            name = printable(nfc(image_stem(prediction) if is_image else prediction.stem))
            return Pairing([Case(name, reference, prediction)], [], [], [])
    return None


class Done(NamedTuple):
    """What came of a cohort, or of a part of it where it was interrupted.

    Attributes
    ----------
    evaluation : Evaluation or None
        None if no case could be evaluated.
    failures : list of Failure
    n_done : int
        Of the cases that are done, those that failed among them.
    interrupted : bool
    """

    evaluation: fastseg.Evaluation | None
    failures: list[Failure]
    n_done: int
    interrupted: bool = False


def evaluate_all(
    pairing: Pairing,
    settings: Settings,
    kept: Kept,
    running: Mapping[str, Any],
    log: CaseLog,
    *,
    raising: bool,
    quiet: bool,
) -> Done:
    """Evaluate every pair; the first failures are told as they come, or raised."""
    total = len(pairing.cases)
    told = Told()
    failed = 0
    interrupted = False
    with recording(pairing.cases, settings, kept.stream, kept.resume, kept.hashed) as recorded:
        before = total - len(recorded.remaining)
        if before and not quiet:
            say(f"{before} of {total} cases are in {kept.stream} already", "note")
        log.started(total, before)
        outcomes = evaluate_remaining(recorded, settings, **running)
        try:
            with case_progress(total, before, quiet) as advance, contextlib.closing(outcomes):
                for outcome in outcomes:
                    if raising and outcome.error is not None:
                        raise outcome.error
                    told.tell(outcome)
                    log.add(outcome)
                    advance(outcome)
                    if outcome.failure is not None:
                        failed += 1
                        if failed <= FAILURES_TOLD:
                            _tell_failure(outcome.failure)
        except KeyboardInterrupt:
            interrupted = True
        evaluation, without = joined(pairing, found := list(recorded.outcomes()))
    failures = [outcome.failure for outcome in without if outcome.failure is not None]
    how = f"interrupted after {len(found)} of {total} cases" if interrupted else "all cases done"
    log.ended(f"{how}, {len(failures)} of them failed")
    if interrupted and evaluation is None:
        raise KeyboardInterrupt
    return Done(evaluation, failures, len(found), interrupted)


def finish(
    done: Done,
    pairing: Pairing,
    settings: Settings,
    kept: Kept,
    *,
    seconds: float,
    by: Sequence[str],
    floors: Mapping[str, float],
    everything: bool,
    quiet: bool,
) -> int:
    """Show and write what came of a cohort, and give the status of the command."""
    if done.evaluation is not None:
        try:
            if not quiet:
                show(done.evaluation, pairing, settings, done.failures, by, everything)
                say_what_was_done(done.evaluation, seconds)
        finally:  # whoever reads the table may have gone
            # A table of a part may not take the place of a whole one where a later run goes on with the stream.
            if kept.stream is None or not done.interrupted:
                told = WriteOptions(_files(pairing), tuple(by), floors)
                for output in kept.outputs:
                    write(done.evaluation, output, told, quiet)
    if done.failures:
        say(failed_cases(pairing, done.failures))
    if done.interrupted:
        hint = f"; --resume goes on with {kept.stream}" if kept.stream else ""
        raise Stopped(f"after {done.n_done} of {len(pairing.cases)} cases{hint}")
    if done.failures or any(case.prediction is None for case in pairing.cases):
        return 1 if done.evaluation is not None else 2
    return 0


def _tell_failure(failure: Failure) -> None:
    if failure.traceback:
        print(failure.traceback, end="", file=sys.stderr)
    say(f"case {title_of(failure.algorithm, failure.case)}: {failure.message}")


def check_outputs(
    pairing: Pairing,
    settings: Settings,
    kept: Kept,
    by: Sequence[str],
    floors: Mapping[str, float],
) -> None:
    """Refuse what could not be shown or written in the end, before any work is done."""
    algorithms = [name for name in dict.fromkeys(case.algorithm for case in pairing.cases) if name]
    for output in kept.outputs:
        output.check(algorithms, settings.known_labels)
    for name in floors:
        if name not in settings.metric_names:
            raise InputError(
                f"--floor: {name!r:.80} is not evaluated; {did_you_mean(name, settings.metric_names)}"
            )
    _check_by(by, pairing)


def _check_by(by: Sequence[str], pairing: Pairing) -> None:
    known = {"algorithm": None} if any(case.algorithm for case in pairing.cases) else {}
    known |= dict.fromkeys(name for case in pairing.cases for name in case.attributes)
    for name in by:
        if name not in known:
            has = f"they are {some(list(known), 10)}" if known else "only a table of pairs has any"
            raise InputError(f"--by: no case has a column {name!r:.80}; {has}")


def show(
    evaluation: fastseg.Evaluation,
    pairing: Pairing,
    settings: Settings,
    failures: Sequence[Failure],
    by: Sequence[str],
    everything: bool,
) -> None:
    """Print the table, one for each algorithm and group, and tell of labels that are not in it or in no map."""
    if text := unlisted_labels(evaluation):
        say(text, "note")
    if text := absent_labels(evaluation, settings):
        say(text, "warning")
    several = max(len(pairing.cases), len(evaluation.cases)) > 1  # one table may be of many scans
    tables: list[tuple[str | None, fastseg.Evaluation]] = []
    names = ["algorithm"] if evaluation.algorithms else []
    for title, part in _grouped(evaluation, names):
        tables.append((_title(title, part, pairing, failures) if several else None, part))
    if by:
        for title, part in _grouped(evaluation, list(dict.fromkeys([*names, *by]))):
            tables.append((_title(title, part, pairing, []), part))
    for i, (line, part) in enumerate(tables):
        if i:
            print()
        terminal.show_evaluation(
            part,
            several=several,
            shown=terminal.shown_of(evaluation, everything),
            title=line,
            notes=i == len(tables) - 1,
        )
    if several and (scores := evaluation.settings.get(COHORT)):
        print("\nThe cohort, as the protocol has it")
        terminal.show_pairs(score_lines(scores))


def _grouped(
    evaluation: fastseg.Evaluation, by: Sequence[str]
) -> list[tuple[str, fastseg.Evaluation]]:
    """Split rows by the algorithm and attributes of their cases; each part with what it has in common in words."""
    groups: dict[tuple[str, ...], list[Row]] = {}
    for row in evaluation.rows:
        key = tuple(
            row.algorithm if name == "algorithm" else row.attributes.get(name, "") for name in by
        )
        groups.setdefault(key, []).append(row)
    return [
        (
            ", ".join(
                value if name == "algorithm" else f"{name} {value or '–'}"
                for name, value in zip(by, key, strict=True)
            ),
            replace(evaluation, rows=tuple(rows)),
        )
        for key, rows in groups.items()
    ] or [("", evaluation)]


def _title(
    group: str, evaluation: fastseg.Evaluation, pairing: Pairing, failures: Sequence[Failure]
) -> str:
    """Say over how many cases the means are, which of them have no prediction, and which are not among them."""
    count = len(evaluation.cases)
    means = f"eans over {count} case{'s' * (count != 1)}"
    text = f"{printable(group)}: m{means}" if group else f"M{means}"
    here = {(row.algorithm, row.case) for row in evaluation.rows}
    lonely = [case for case in pairing.cases if case.prediction is None]
    if scored := [case.name for case in lonely if (case.algorithm, case.name) in here]:
        have = "has" if len(scored) == 1 else "have"
        text += f", of which {len(scored)} {have} no prediction: {some(scored)}"
    algorithms = {algorithm for algorithm, _ in here}
    names = [failure.case for failure in failures if failure.algorithm in algorithms]
    return text + (f"; {len(names)} more failed: {some(names)}" if names else "")


def say_what_was_done(evaluation: fastseg.Evaluation, seconds: float) -> None:
    """Print how much it was and how long it took."""
    cases, rows = len(evaluation.cases), len(evaluation.rows)
    many = len(evaluation.algorithms)
    by = f" by {many} algorithms" if many > 1 else ""
    print(f"{cases} case{'s' * (cases != 1)}{by}, {rows} row{'s' * (rows != 1)}, {seconds:.1f} s")


def write(
    evaluation: fastseg.Evaluation, output: Output, told: WriteOptions, quiet: bool = False
) -> None:
    """Write a table to its file; if that fails, all rows to standard output, so that no result is lost."""
    try:
        paths = output.write(evaluation, told)
    except OSError as error:
        is_json = output.writer.name == "json"
        print(evaluation.to_json() if is_json else evaluation.to_csv(), end="")
        raise OSError(
            f"{output.path}: it could not be written ({error.strerror or error}), so the whole table is on standard "
            "output"
        ) from error
    for path in paths:
        if not quiet:
            print(f"Written to {printable(str(path))}")


def _files(pairing: Pairing) -> Files:
    return {
        (case.algorithm, case.name): (
            str(case.reference),
            None if case.prediction is None else str(case.prediction),
        )
        for case in pairing.cases
    }


def failed_cases(pairing: Pairing, failures: Sequence[Failure]) -> str:
    """Say how many cases failed, and name the first of them."""
    names = [failure.case for failure in failures]
    return f"{len(names)} of {len(pairing.cases)} cases failed: {some(names, FAILURES_TOLD)}"
