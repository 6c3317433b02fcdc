"""Small cohorts on disk, for those who run their cases; a worker that dies of some of them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fastseg.cohort.outcomes import Case, Outcome
from fastseg.evaluation.settings import Settings
from tests.processes import ROOT

SETTINGS = Settings.checked(metrics=["dice", "hd95", "nsd"], backend="scipy")

# Python runs it as a process begins: case files of some names then have their reader do what damaged ones may.
DEADLY = f"""
import os, signal, sys, time
sys.path[:0] = [{str(ROOT)!r}, {str(ROOT / "kernels")!r}]
from fastseg.cohort import one_case
genuine = one_case.open_case
def open_case(case, settings):
    for what in ("exit", "kill", "crash", "sleep"):
        if case.name.startswith(what):
            if what == "exit":
                os._exit(3)
            if what == "sleep":
                open(case.reference + ".began", "w").close()
                time.sleep(60)
            os.kill(os.getpid(), signal.SIGKILL if what == "kill" else signal.SIGSEGV)
    return genuine(case, settings)
one_case.open_case = open_case
"""


def saved(folder: Path, names: Iterable[str], shape: tuple[int, ...] = (6, 5, 4)) -> list[Case]:
    """Save a pair of maps for each name; those that begin with "bad" cannot be read."""
    cases = []
    for seed, name in enumerate(names):
        case = Case(name, str(folder / f"{name}_r.npy"), str(folder / f"{name}_p.npy"))
        for side, path in enumerate((case.reference, str(case.prediction))):
            random = np.random.default_rng(2 * seed + side)
            np.save(path, random.integers(0, 3, shape, dtype=np.uint8))
        if name.startswith("bad"):
            Path(case.reference).write_bytes(b"no image")
        cases.append(case)
    return cases


def rows(outcomes: Iterable[Outcome]) -> dict[str, Any]:
    """What came of each case, by its name; each may come once."""
    found: dict[str, Any] = {}
    for outcome in outcomes:
        assert outcome.case.name not in found
        assert (outcome.evaluation is None) != (outcome.failure is None)
        found[outcome.case.name] = (
            outcome.failure.kind
            if outcome.failure is not None
            else (outcome.evaluation.to_dict(), dict(outcome.evaluation.settings))  # type: ignore[union-attr]
        )
    return found


@pytest.fixture
def deadly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the processes that are started die of cases by their names."""
    place = tmp_path / "site"
    place.mkdir()
    (place / "sitecustomize.py").write_text(DEADLY, encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(place))
