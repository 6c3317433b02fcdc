"""Streams of several runs as one: parts of a cohort that were evaluated on several machines."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from fastseg.cohort.folders import StrPath, some
from fastseg.cohort.outcomes import title_of
from fastseg.cohort.pairing import natural
from fastseg.cohort.records import Key, Record, differences
from fastseg.cohort.stream import read_stream
from fastseg.errors import InputError
from fastseg.protocols.framework.cohort_scores import with_cohort_scores
from fastseg.results import Evaluation
from fastseg.results.missing import Missing, with_missing


def merged(paths: Sequence[StrPath]) -> list[Record]:
    """Merge streams: every case once, in the order of algorithms and names, whatever the order of the streams.

    Of a case that several have, an evaluation counts more than a failure. Two evaluations of it must have the same
    rows; which of two equal ones is kept depends on what they say alone, so that merging the merged gives the same.

    Raises
    ------
    ValueError
        If they were made with different settings, or disagree about a case.
    OSError
        If one cannot be read.
    """
    found: dict[Key, tuple[Record, StrPath]] = {}
    first: tuple[Record, StrPath] | None = None
    for path in paths:
        for record in read_stream(path):
            if first is None:
                first = record, path
            elif changed := differences(first[0].settings, record.settings):
                raise InputError(
                    f"{first[1]} and {path} were made with different settings ({some(changed, 3, '; ')})"
                )
            other = found.get(record.key)
            found[record.key] = (record, path) if other is None else _better(other, (record, path))
    ordered = sorted(found, key=lambda key: (natural(key.algorithm), natural(key.case)))
    return [found[key][0] for key in ordered]


def _better(one: tuple[Record, StrPath], other: tuple[Record, StrPath]) -> tuple[Record, StrPath]:
    """Choose between two outcomes of one case."""
    first, second = one[0], other[0]
    if (first.failure is None) != (second.failure is None):
        return one if first.failure is None else other
    if first.failure is None and first.result() != second.result():
        which = title_of(*first.key)
        raise InputError(
            f"{one[1]} and {other[1]} disagree about the case {which!r:.200}, of which both have rows: they are of "
            "different files; leave one out"
        )
    return min(one, other, key=lambda pair: pair[0].line())


def write_merged(records: Iterable[Record]) -> str:
    """Give the text of a stream of these outcomes."""
    return "".join(record.line() for record in records)


def files_of(records: Sequence[Record]) -> dict[tuple[str, str], tuple[str, str | None]]:
    """Tell which files each case was made of, those of failed cases where they could be looked at."""
    return {
        (record.key.algorithm, record.key.case): (
            "" if record.reference is None else record.reference.path,
            None if record.prediction is None else record.prediction.path,
        )
        for record in records
    }


def evaluation_of(records: Sequence[Record]) -> Evaluation:
    """Make one evaluation of outcomes, with the missing predictions and the failures among them."""
    done = [record.evaluation for record in records if record.evaluation is not None]
    failures = tuple(record.failure for record in records if record.failure is not None)
    if not done:
        metrics = tuple(records[0].settings.get("metrics", ()))
        return Evaluation((), metrics, {}, failures)
    lonely = [
        Missing(record.key.algorithm, record.key.case, "worst")
        for record in records
        if record.evaluation is not None and record.prediction is None
    ]
    whole = Evaluation.joined(done)
    about = with_missing(whole.settings, lonely)
    return with_cohort_scores(replace(whole, settings=about, failures=failures))
