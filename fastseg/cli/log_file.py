"""``--log``: a line a case in a file, with the time of day, for who looks at it later."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fastseg._version import __version__
from fastseg.cli.messages import say
from fastseg.cohort.outcomes import Outcome
from fastseg.cohort.pairing import titled
from fastseg.errors import escaped


class CaseLog:
    """What happens to cases, told to a logger; to nobody, where there is no file."""

    def __init__(self, logger: logging.Logger | None) -> None:
        self._logger = logger

    def started(self, total: int, before: int) -> None:
        """Tell what is about to be done, and by which command."""
        command = " ".join(sys.argv[1:])
        self._tell(
            logging.INFO,
            f"fastseg {__version__} {command}: {total} cases, {before} of them done before",
        )

    def add(self, outcome: Outcome) -> None:
        """Tell what came of a case."""
        name = titled(outcome.case)
        for note in outcome.notes:
            self._tell(logging.WARNING, f"{name}: {note}")
        if outcome.failure is not None:
            self._tell(logging.ERROR, f"{name}: {outcome.failure.kind}: {outcome.failure.message}")
            for line in outcome.failure.traceback.splitlines():
                self._tell(logging.ERROR, f"{name}: {line}")
        elif outcome.evaluation is not None:
            count = len(outcome.evaluation.rows)
            self._tell(
                logging.INFO, f"{name}: {count} row{'s' * (count != 1)}, {outcome.seconds:.2f} s"
            )

    def ended(self, how: str) -> None:
        """Tell how it ended."""
        self._tell(logging.INFO, how)

    def _tell(self, level: int, text: str) -> None:
        if self._logger is not None:
            self._logger.log(level, "%s", escaped(text))


class _File(logging.FileHandler):
    """A file whose trouble is told once, and costs no case."""

    _failed = False

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        if not self._failed:
            say(f"{self.baseFilename}: the log cannot be written: {sys.exc_info()[1]}", "warning")
        self._failed = True


@contextmanager
def logging_to(path: Path | None) -> Iterator[CaseLog]:
    """Open a log, which is appended to.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    if path is None:
        yield CaseLog(None)
        return
    handler = _File(path, encoding="utf-8", errors="backslashreplace")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logger = logging.Logger("fastseg.cases", logging.INFO)  # by itself: no root, no other handlers
    logger.addHandler(handler)
    try:
        yield CaseLog(logger)
    finally:
        handler.close()
