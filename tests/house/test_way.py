"""The way from a call to its numbers: how many files and functions a person would have to follow."""

from __future__ import annotations

import json
from collections.abc import Callable

MOST_FILES, MOST_FUNCTIONS = 22, 108

TRACE = """
import json, os, sys, threading
import numpy as np
import fastseg, fastseg_kernels

reference = np.zeros((20, 20, 20), np.uint8)
reference[5:15, 5:15, 5:15] = 1
prediction = np.roll(reference, 1, axis=0)
fastseg.evaluate(reference, prediction, metrics="hd95")  # imports, and what is computed once
entered = {}
ours = tuple(os.path.dirname(package.__file__) for package in (fastseg, fastseg_kernels))

def note(frame, event, argument):
    file = frame.f_code.co_filename
    if event == "call" and file.startswith(ours):
        entered.setdefault(file, set()).add((frame.f_code.co_qualname, frame.f_code.co_firstlineno))

threading.setprofile(note)
sys.setprofile(note)
fastseg.evaluate(reference, prediction, metrics="hd95")
sys.setprofile(None)
print(json.dumps({file: sorted(map(str, names)) for file, names in entered.items()}))
"""


def test_one_hd95_passes_few_files_and_functions(run_python: Callable[..., str]) -> None:
    """Kernels as plain Python, comprehensions counted: what is asked for is one number of two small arrays."""
    entered: dict[str, list[str]] = json.loads(run_python(TRACE, NUMBA_DISABLE_JIT="1"))
    functions = sum(map(len, entered.values()))
    assert 10 < len(entered) <= MOST_FILES, sorted(entered)
    assert 40 < functions <= MOST_FUNCTIONS, entered
