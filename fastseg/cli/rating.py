"""The steps of ``fastseg raters``: find the cases, evaluate, show, write."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from fastseg.cli import options
from fastseg.cli.evaluating import FAILURES_TOLD
from fastseg.cli.messages import say
from fastseg.cli.progress import case_progress
from fastseg.cli.rater_tables import show_cohort, show_one
from fastseg.cli.surroundings import Stopped
from fastseg.cohort.evaluate_cohort import Told
from fastseg.cohort.folders import nfc, printable, some
from fastseg.cohort.rater_cohort import (
    RaterOutcome,
    check_consensus_folder,
    cohort_of,
    rater_outcomes,
)
from fastseg.cohort.rater_pairing import (
    RaterCase,
    RaterPairing,
    find_rater_cases,
    named_raters,
    names_of,
)
from fastseg.errors import InputError
from fastseg.io import image_stem, is_image_folder
from fastseg.raters.cohort_results import RaterCohort
from fastseg.raters.evaluate_raters import check_names
from fastseg.raters.results import RaterEvaluation
from fastseg.raters.settings import RaterSettings

_FORMATS = (".csv", ".json")


class Asked(NamedTuple):
    """What was asked for: what is read, where consensus goes, what decides the numbers."""

    raters: Mapping[str, Path]
    prediction: Path | None
    samples: tuple[Path, ...]
    consensus: Path | None
    settings: RaterSettings
    quiet: bool


class Found(NamedTuple):
    """The cases, what was said of them, and whether it is one of files that were named."""

    pairing: RaterPairing
    alone: bool


class Done(NamedTuple):
    """What came of the cases, or of a part of them where that was interrupted."""

    outcomes: list[RaterOutcome]
    interrupted: bool


def named(texts: Sequence[str]) -> dict[str, Path]:
    """Read the paths of raters, with a name before them or without."""
    if len(texts) < 2:
        raise InputError(
            f"expected the maps of at least two raters, got {len(texts)}: fastseg raters anna/ ben/ (see fastseg "
            "raters --help)"
        )
    names: dict[int, str] = {}
    paths = []
    for place, text in enumerate(texts):
        name, equals, rest = text.partition("=")
        if equals and name.strip() and rest and not os.path.exists(text):
            names[place] = name.strip()
            paths.append(Path(rest))
        else:
            paths.append(Path(text))
    own = names_of(paths)
    found = {}
    for place, path in enumerate(paths):
        name = names.get(place, own[place])
        if name in found:
            raise InputError(f"two raters are called {name!r:.200}: name them, as in ben={path}")
        found[name] = path
    check_names(list(found))
    return {name: Path(path) for name, path in named_raters(found).items()}


def checked_outputs(outputs: Sequence[Path], given: Sequence[str]) -> list[Path]:
    """Refuse what could not be written in the end, before any work is done."""
    for place, path in enumerate(outputs):
        if path.suffix.lower() not in _FORMATS:
            raise InputError(f"{path}: expected a file that ends in {' or '.join(_FORMATS)}")
        options.check_output(path, given)
        if path.absolute() in [other.absolute() for other in outputs[:place]]:
            raise InputError(f"{path}: two outputs would be written to it")
    return list(outputs)


def cases_of(asked: Asked, how: Mapping[str, Any]) -> Found:
    """Take files as one case, or find those of folders, and tell what has to be said of them."""
    paths = dict(asked.raters)
    if asked.prediction is not None:
        paths["prediction"] = asked.prediction
    folders = {name: path.is_dir() and not is_image_folder(path) for name, path in paths.items()}
    if len(set(folders.values())) > 1:
        one, other = (next(paths[n] for n in paths if folders[n] is kind) for kind in (True, False))
        raise InputError(f"expected files or folders, but {one} is a folder and {other} is a file")
    alone = not any(folders.values())
    if asked.samples and not alone:
        raise InputError("--sample is for one case: name the files of the raters, not folders")
    if alone:
        if any(how.values()):
            raise InputError("--rater-suffix, --prediction-suffix and --ending are for folders")
        first = asked.prediction or next(iter(asked.raters.values()))
        name = printable(nfc(image_stem(first)))
        case = RaterCase(name, asked.raters, asked.prediction, asked.samples)
        pairing = RaterPairing([case], [], [])
        given: list[Path | None] = []
    else:
        pairing = find_rater_cases(asked.raters, asked.prediction, **how)
        given = [*asked.raters.values(), asked.prediction]
    if asked.consensus is not None:
        check_consensus_folder(asked.consensus, given)
    for note in pairing.notes:
        say(note, "warning")
    return Found(pairing, alone)


def evaluate_all(found: Found, asked: Asked) -> Done:
    """Evaluate every case; the first failures are told as they come, or raised where there is one case."""
    cases = found.pairing.cases
    told, failed, outcomes = Told(), 0, []
    running = rater_outcomes(cases, asked.settings, asked.consensus)
    interrupted = False
    try:
        with case_progress(len(cases), 0, asked.quiet) as advance, contextlib.closing(running):
            for outcome in running:
                if found.alone and outcome.error is not None and outcome.found is None:
                    raise outcome.error
                told.tell(outcome)
                outcomes.append(outcome)
                advance(outcome)
                if outcome.failure is not None:
                    failed += 1
                    if failed <= FAILURES_TOLD:
                        print(outcome.failure.traceback, end="", file=sys.stderr)
                        say(f"case {outcome.case.name}: {outcome.failure.message}")
    except KeyboardInterrupt:
        if not outcomes:
            raise
        interrupted = True
    return Done(outcomes, interrupted)


def finish(done: Done, found: Found, asked: Asked, outputs: Sequence[Path], seconds: float) -> int:
    """Show and write what came of all cases, and give the status of the command."""
    pairing = found.pairing
    cohort = cohort_of(done.outcomes, asked.settings, asked.raters)
    table: RaterCohort | RaterEvaluation = cohort
    if found.alone and cohort.evaluations:
        table = cohort.case(pairing.cases[0].name)
    if cohort.evaluations:
        try:
            if not asked.quiet:
                _show(table, cohort, pairing, asked, done, seconds)
        finally:  # whoever reads the table may have gone
            for path in outputs:
                _write(table, path, asked.quiet)
    if cohort.failures:
        names = [one.case for one in cohort.failures]
        say(f"{len(names)} of {len(pairing.cases)} cases failed: {some(names, FAILURES_TOLD)}")
    if done.interrupted:
        raise Stopped(f"after {len(done.outcomes)} of {len(pairing.cases)} cases")
    if not cohort.evaluations:
        return 2
    return 1 if cohort.failures or pairing.missing else 0


def _show(
    table: RaterCohort | RaterEvaluation,
    cohort: RaterCohort,
    pairing: RaterPairing,
    asked: Asked,
    done: Done,
    seconds: float,
) -> None:
    if isinstance(table, RaterCohort):
        many = len(cohort)
        title = f"Means over {many} case{'s' * (many != 1)}"
        if failed := len(pairing.cases) - many:
            title += f"; {failed} more failed" if not done.interrupted else ""
        print(title)
        show_cohort(table)
    else:
        show_one(table)
    written = [one.consensus for one in done.outcomes if one.consensus is not None]
    if written:
        what = str(written[0]) if len(written) == 1 else f"{len(written)} maps in {asked.consensus}"
        print(f"Consensus ({asked.settings.consensus}) written: {printable(what)}")
    many, raters = len(cohort), len(asked.raters)
    print(f"{many} case{'s' * (many != 1)} of {raters} raters, {seconds:.1f} s")


def _write(table: RaterCohort | RaterEvaluation, path: Path, quiet: bool) -> None:
    """Write a table to its file; if that fails, to standard output, so that no result is lost."""
    form: Callable[..., str] = table.to_json if path.suffix.lower() == ".json" else table.to_csv
    try:
        form(path)
    except OSError as error:
        print(form(), end="")
        raise OSError(
            f"{path}: it could not be written ({error.strerror or error}), so the whole table is on standard output"
        ) from error
    if not quiet:
        print(f"Written to {printable(str(path))}")
