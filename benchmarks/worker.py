"""The inside of a process that is asked to run programs: `versus.py` has one a library, `against.py` one a checkout.

Requests and replies are pickles on standard input and output; large answers are left in a folder. Run as a file, it
imports the fastseg that PYTHONPATH names, and of this folder `programs.py` alone.
"""

from __future__ import annotations

import math
import os
import pickle
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

LEAST = 0.05  # seconds that a run should last: shorter calls are repeated and averaged


class Session:
    """What the process does when asked; `slot` names a program that was made ready."""

    def __init__(self) -> None:
        self.ready: dict[str, Any] = {}

    def answer(self, slot: str, folder: str) -> dict[str, Any]:
        """Run once; arrays go to files in the folder, and the answer has their paths."""
        program = self.ready[slot]
        answer: dict[str, Any] = program.describe(program.call())
        for name, value in answer.items():
            if isinstance(value, np.ndarray):
                path = Path(folder, f"{slot}-{name}.npy")
                np.save(path, value)
                answer[name] = path
        return answer

    def loops(self, slot: str) -> int:
        """How many calls a run needs to be long enough for the clock."""
        return max(1, math.ceil(LEAST / min(self.seconds(slot, 1) for _ in range(2))))

    def seconds(self, slot: str, loops: int, clock: str = "wall") -> float:
        """Seconds of a call, the mean of so many; of the processor, all threads together, or on the wall."""
        call = self.ready[slot].call
        now = time.perf_counter if clock == "wall" else time.process_time
        started = now()
        for _ in range(loops):
            call()
        return (now() - started) / loops

    def forget(self) -> None:
        """Let go of all arrays."""
        self.ready.clear()


class CheckoutSession(Session):
    """Of one checkout of fastseg; the arrays of a case are files."""

    def __init__(self) -> None:
        super().__init__()
        import programs

        self.programs = programs
        self.pair: Any = None

    def home(self) -> str:
        """The folder that fastseg was imported from."""
        return str(Path(self.programs.fastseg.__file__).resolve().parents[1])

    def load(self, reference: str, prediction: str, spacing: tuple[float, ...]) -> None:
        """Read the arrays that programs are then made ready for."""
        self.pair = self.programs.Pair(np.load(reference), np.load(prediction), spacing)

    def prepare(self, slot: str, program: str, options: dict[str, Any]) -> None:
        """Make ready all that is not timed."""
        self.ready[slot] = self.programs.PROGRAMS[program](self.pair, **options)

    def forget(self) -> None:
        super().forget()
        self.pair = None


def serve(start: Callable[[], Session]) -> None:
    """Answer requests until the pipe closes; the session starts with the first."""
    requests = sys.stdin.buffer
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what libraries print must not get among the replies
    session: Session | None = None
    while True:
        try:
            request, arguments = pickle.load(requests)
        except EOFError:
            return

        def act(request: str = request, arguments: Any = arguments) -> Any:
            nonlocal session
            session = session or start()
            return getattr(session, request)(*arguments)

        pickle.dump(reply(act), replies)
        replies.flush()


def reply(action: Callable[[], Any]) -> tuple[str, Any]:
    """What an action gave: a status, and its value or the words of its error."""
    try:
        return "ok", action()
    except ImportError as error:
        return "absent", str(error)
    except BaseException as error:  # a panic of Rust's is no Exception
        return "error", f"{type(error).__name__}: {error}"


if __name__ == "__main__":
    serve(CheckoutSession)
