"""What a command meets outside of itself: a reader that goes away, a full device, a signal to end."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

INTERRUPTED = 128 + signal.SIGINT
TERMINATED = 128 + signal.SIGTERM


class Stopped(Exception):  # noqa: N818 - no error
    """An interrupt after which what was finished has been shown; it says how far that was."""


class LastingStream:
    """Standard output or error for which a reader that has gone away (``| head``) is no trouble.

    What is written from then on goes nowhere, the flush at the end of the interpreter included, so that the command
    does all of its work and has the status of that. Any other trouble is raised once, under the stream's name.
    Characters that the stream's encoding lacks are written as escapes.
    """

    def __init__(self, stream: TextIO, name: str) -> None:
        self._stream = stream
        self._name = name

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write a text, as far as somebody reads."""
        try:
            return self._stream.write(text)
        except UnicodeEncodeError:
            encoding = self._stream.encoding
            return self.write(text.encode(encoding, "backslashreplace").decode(encoding))
        except OSError as error:
            self._give_up(error)
            return len(text)

    def flush(self) -> None:
        """Pass on what was written, as far as somebody reads."""
        try:
            self._stream.flush()
        except OSError as error:
            self._give_up(error)

    def _give_up(self, error: OSError) -> None:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self._stream.fileno())
        os.close(nowhere)
        if not isinstance(error, BrokenPipeError):
            raise OSError(error.errno, error.strerror, self._name) from error


@contextmanager
def lasting_streams() -> Iterator[None]:
    """Let standard output and error last as long as the block."""
    before = sys.stdout, sys.stderr
    with open(
        os.devnull, "w", encoding="utf-8"
    ) as nowhere:  # for one that was closed from the start
        sys.stdout = LastingStream(sys.stdout or nowhere, "standard output")
        sys.stderr = LastingStream(sys.stderr or nowhere, "standard error")
        try:
            yield
        finally:
            sys.stdout, sys.stderr = before


class Termination:
    """A request to end (SIGTERM, which batch systems and containers send) that is met like an interrupt.

    Attributes
    ----------
    came : bool
        Whether there was one.
    """

    came = False

    def _handle(self, *_: object) -> None:
        self.came = True
        raise KeyboardInterrupt

    @contextmanager
    def heard(self) -> Iterator[None]:
        """Listen in the block, unless somebody else does."""
        here = threading.current_thread() is threading.main_thread()
        if not here or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
            yield
            return
        signal.signal(signal.SIGTERM, self._handle)
        try:
            yield
        finally:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
