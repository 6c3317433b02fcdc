"""How far a long command is: a bar on a terminal, a plain line every so often elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)

from fastseg.cli.messages import say
from fastseg.cohort.outcomes import Outcome
from fastseg.cohort.pairing import titled
from fastseg.errors import escaped

#: seconds between two lines where there is no terminal
EVERY = 10.0

# of the name of the slowest case, on a bar
_LONGEST_NAME = 24


class CaseProgress:
    """Cases done, their rate, the time left, how many failed, and which took longest so far.

    Parameters
    ----------
    total : int
        How many cases there are in all.
    before : int
        How many were done before this run.
    """

    def __init__(self, total: int, before: int = 0) -> None:
        self.total, self.done, self.failed = total, before, 0
        self._before = before
        self._slowest: tuple[float, str] = (0.0, "")
        self._started = time.monotonic()

    def add(self, outcome: Outcome) -> None:
        """Count a case."""
        self.done += 1
        self.failed += outcome.failure is not None
        self._slowest = max(self._slowest, (outcome.seconds, titled(outcome.case)))

    @property
    def rate(self) -> float:
        """Cases a second in this run."""
        seconds = time.monotonic() - self._started
        return (self.done - self._before) / seconds if seconds > 0 else 0.0

    def facts(self) -> str:
        """Say what a bar does not: the rate, failures and the slowest case."""
        rate = self.rate
        parts = [f"{rate:.1f}/s" if rate >= 1 else f"{1 / rate:.1f} s each" if rate else ""]
        if self.failed:
            parts.append(f"{self.failed} failed")
        seconds, name = self._slowest
        if seconds:
            parts.append(f"slowest {escaped(name)[:_LONGEST_NAME]} {seconds:.1f} s")
        return ", ".join(filter(None, parts))

    def line(self) -> str:
        """Say all of it in one line."""
        left = (self.total - self.done) / self.rate if self.rate else 0.0
        more = f", {_duration(left)} left" if left else ""
        return f"{self.done} of {self.total} cases{more}, {self.facts()}".rstrip(", ")


def _duration(seconds: float) -> str:
    """Write a time as people say it."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = seconds / 60
    return f"{minutes:.0f} min" if minutes < 90 else f"{minutes / 60:.1f} h"


@contextmanager
def case_progress(
    total: int, before: int = 0, quiet: bool = False
) -> Iterator[Callable[[Outcome], None]]:
    """Show how far the evaluation of many cases is, on standard error.

    Parameters
    ----------
    total, before : int
        See :class:`CaseProgress`.
    quiet : bool
        Show nothing.

    Yields
    ------
    callable
        To be called with each outcome.
    """
    state = CaseProgress(total, before)
    console = Console(stderr=True)
    if quiet or total < 2:
        yield lambda outcome: None
    elif console.is_terminal:
        with _bar(console, "cases", "{task.fields[facts]}") as bar:
            task = bar.add_task("cases", total=total, completed=before, facts="")

            def show(outcome: Outcome) -> None:
                state.add(outcome)
                bar.update(task, advance=1, facts=state.facts())

            yield show
    else:
        told = time.monotonic()

        def tell(outcome: Outcome) -> None:
            nonlocal told
            state.add(outcome)
            now = time.monotonic()
            if now - told >= EVERY and state.done < total:
                told = now
                say(state.line(), "progress")
                sys.stderr.flush()

        yield tell


@contextmanager
def progress(total: int, what: str) -> Iterator[Callable[[], None]]:
    """Show a progress bar if standard error is a terminal and there is more than one thing to do."""
    console = Console(stderr=True)
    if total < 2 or not console.is_terminal:
        yield lambda: None
        return
    with _bar(console, what) as bar:
        task: TaskID = bar.add_task(what, total=total)
        yield lambda: bar.advance(task)


def _bar(console: Console, what: str, *more: str) -> Progress:
    columns: list[Any] = [TextColumn(what), BarColumn(), MofNCompleteColumn()]
    columns += [TimeRemainingColumn(), *map(TextColumn, more)]
    return Progress(*columns, console=console, transient=True)
