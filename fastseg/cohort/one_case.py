"""One case from its files to its outcome, in whatever process: nothing that it raises is lost, and nothing ends it."""

from __future__ import annotations

import functools
import os
import time
import traceback
from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple, TypeVar

import numpy as np

from fastseg import io
from fastseg.cohort.caught import caught_warnings
from fastseg.cohort.choosing import evaluate_case, reads_files
from fastseg.cohort.folders import StrPath, check_is_file
from fastseg.cohort.last_reference import LastReference, reference_key
from fastseg.cohort.memory import Need, needed_bytes, too_large
from fastseg.cohort.outcomes import Case, Outcome
from fastseg.errors import is_bad_input
from fastseg.evaluation.settings import Settings
from fastseg.inputs.source import ArraySource, ConvertedSource
from fastseg.results import Evaluation, with_case
from fastseg.results.attributes import Attributes
from fastseg.results.failures import Failure

_Result = TypeVar("_Result")


# How many times its size on disk a file takes that is not read by us.
_UNZIPPED = 16


class Opened(NamedTuple):
    """A case whose headers were read and compared: how to read its voxels, one map or two, and what was assumed.

    `need` is what it takes of memory at most, `key` names the reference where other cases may have the same.
    """

    reads: Sequence[Callable[..., io.ReadMap]]
    notes: tuple[str, ...]
    need: Need
    key: Hashable = None

    def left_of(self, budget: int | None) -> int | None:
        """Tell what is left of a budget for windows: what is kept zipped is not."""
        if budget is None or self.need.most <= budget:
            return budget
        return budget - self.need.zipped


def open_case(case: Case, settings: Settings) -> Opened:
    """Read and compare the headers of a case; a case without a prediction has one file."""
    for path in (case.reference, case.prediction):
        if path is not None:
            check_is_file(path)
    on_disk = sum(_size(path) for path in (case.reference, case.prediction) if path is not None)
    if reads_files(settings):
        return Opened((), (), Need(0, _UNZIPPED * on_disk, 0))
    if case.prediction is None:
        opened = io.open_image(case.reference)
        read = functools.partial(io.read_map, case.reference)
        return Opened((read,), (), needed_bytes([(opened, None)], settings, on_disk))
    pair = io.prepare_pair(case.reference, case.prediction, settings.grid_rules, ("", ""))
    need = needed_bytes(pair.sides, settings, on_disk)
    return Opened(pair.reads, pair.notes, need, reference_key(case, pair))


def _size(path: StrPath) -> int:
    """Tell how large a file is; a store is none."""
    try:
        return os.path.getsize(path)
    except OSError:
        return 0


def reads_within(
    opened: Opened, budget: int | None, last: LastReference
) -> list[Callable[[], io.ReadMap]]:
    """Give what reads the maps of a case: whole, or window by window where its budget is less than it takes then.

    `last` is the reference of the case before, which is not read again for this one.
    """
    if budget is None or opened.need.most <= budget:
        return last.shared(opened.key, opened.reads)
    last.shared(None, ())
    return [functools.partial(_in_windows, read) for read in opened.reads]


def _in_windows(read: Callable[..., io.ReadMap]) -> io.ReadMap:
    found = read(in_pieces=True)
    one = found.source
    if not isinstance(one, ArraySource):
        return found
    windows = ConvertedSource(
        one.array, one.spacing, one.grid, one.name, one.segments, one.own_labels
    )
    return replace(found, source=windows)


def measure_case(
    read: Sequence[io.ReadMap], settings: Settings, case: Case, budget: int | None = None
) -> Evaluation:
    """Evaluate what was read of a case, a reference alone against an empty prediction on its grid.

    `budget` is how many bytes that may take, None where it does not matter.
    """
    found = _measured(read, settings, case, budget)
    for row in found.rows:
        len(row.flags)  # found now: what they look at is not kept of thousands of cases
    return with_case(found, case.algorithm, case.attributes)


def _measured(
    read: Sequence[io.ReadMap], settings: Settings, case: Case, budget: int | None
) -> Evaluation:
    if reads_files(settings):
        return settings.evaluate_files(case.reference, case.prediction, case.name)
    reference = read[0].source
    limit: dict[str, int] = {} if budget is None else {"budget": budget}
    if len(read) > 1:
        return evaluate_case(reference, read[1].source, settings, case.name, **limit)
    name = "the missing prediction"
    if isinstance(reference, ArraySource):  # what its file says of labels holds for both
        prediction = replace(reference, array=np.zeros_like(reference.array), name=name)
    else:
        nothing = np.zeros(reference.shape, np.uint8)
        prediction = ArraySource(nothing, reference.spacing, reference.grid, name)
    return evaluate_case(reference, prediction, settings, case.name, **limit)


def evaluate_files(
    case: Case,
    settings: Settings,
    budget: int | None = None,
    last: LastReference | None = None,
) -> Outcome:
    """Evaluate a case from its files, one after the other: what a worker in another process or thread does.

    Parameters
    ----------
    case : Case
    settings : Settings
    budget : int, optional
        How many bytes it may take; a case that needs more, and cannot be measured in pieces, fails.
    last : LastReference, optional
        The reference of the case before, of who evaluates many.

    Returns
    -------
    Outcome
        Whatever happens; what was raised is its failure, and what was warned of its notes.
    """
    started = time.perf_counter()
    with caught_warnings() as told:
        found, notes = _from_files(case, settings, budget, last or LastReference())
    seconds = time.perf_counter() - started
    return replace(outcome_of(case, found, (*notes, *told), seconds), error=None)


def _from_files(
    case: Case, settings: Settings, budget: int | None, last: LastReference
) -> tuple[Evaluation | Exception, tuple[str, ...]]:
    opened = attempt(open_case, case, settings)
    if isinstance(opened, Exception):
        return opened, ()
    notes = opened.notes
    if budget is not None and opened.need.within(budget) is None:
        return too_large(opened.need.most, budget), notes
    read = attempt(lambda: [one() for one in reads_within(opened, budget, last)])
    if isinstance(read, Exception):
        return read, notes
    notes += tuple(note for one in read for note in one.notes)
    return attempt(measure_case, read, settings, case, opened.left_of(budget)), notes


def died(case: Case, message: str) -> Outcome:
    """Make the failure of a case whose worker has died."""
    attributes = Attributes(case.attributes)
    failure = Failure(case.name, "WorkerDied", message, case.algorithm, attributes=attributes)
    return Outcome(case, failure=failure)


def outcome_of(
    case: Case, found: Evaluation | Exception, notes: tuple[str, ...] = (), seconds: float = 0.0
) -> Outcome:
    """Make an outcome of what was found, or of what was raised instead."""
    if not isinstance(found, Exception):
        return Outcome(case, found, None, notes, seconds)
    where = "" if is_bad_input(found) else "".join(traceback.format_exception(found))
    failure = Failure.of(found, case.name, case.algorithm, where, case.attributes)
    return Outcome(case, None, failure, notes, seconds, found)


def attempt(function: Callable[..., _Result], *arguments: Any) -> _Result | Exception:
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
