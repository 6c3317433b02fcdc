"""`pytest -m gpu`, a row for each test as it ends: what was not reached when the time was up is seen."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks.on_gpu.parts import Row, Scope
from benchmarks.on_gpu.store import ROOT

VARIABLE = "FASTSEG_TEST_ROWS"  # the file that the plugin writes to
LONGEST = 90  # seconds that one test may take


def command(paths: Sequence[str]) -> list[str]:
    """How pytest is called. What packages warn of is no failure here: answers are what is tested."""
    return [
        *(sys.executable, "-m", "pytest", *paths, "-m", "gpu", "-q"),
        *("-p", "benchmarks.on_gpu.device_tests", "-W", "default", "-p", "no:cacheprovider"),
        *("-o", f"timeout={LONGEST}"),
    ]


def rows(
    scope: Scope,
    begin: Callable[[str], None],
    paths: Sequence[str],
    run: Callable[[Sequence[str]], list[str]] = command,
) -> Iterator[Row]:
    """A row for each test that failed, and one for the run, given anew as it goes on."""
    with tempfile.TemporaryDirectory(prefix="fastseg-tests-") as folder:
        file = Path(folder, "tests.lines")
        file.touch()
        environment = {**os.environ, VARIABLE: str(file)}
        process = subprocess.Popen(run(paths), cwd=ROOT, env=environment)
        seen = 0
        entries: list[dict[str, Any]] = []
        while True:
            try:
                process.wait(0.2)
                ended = True
            except subprocess.TimeoutExpired:
                ended = False
            lines = file.read_text(encoding="utf-8").rpartition("\n")[0].splitlines()
            for line in lines[seen:]:
                entry = json.loads(line)
                if "begun" in entry:
                    begin(entry["begun"])
                else:
                    entries.append(entry)
                    if entry["outcome"] == "failed":
                        yield _failed(entry)
            if len(lines) > seen and not ended:
                yield summary(entries, 0)  # so far; the next takes its place
            seen = len(lines)
            if ended:
                break
    yield summary(entries, process.returncode)


def _failed(entry: dict[str, Any]) -> Row:
    return {
        "kind": "test",
        "name": entry["name"],
        "status": "failed",
        "said": entry["said"],
        "seconds": entry["seconds"],
    }


def summary(entries: Sequence[dict[str, Any]], status: int) -> Row:
    """How many tests passed; a failure if none did, or if pytest could not run them."""
    counts = Counter(entry["outcome"] for entry in entries)
    said = ", ".join(f"{n} {outcome}" for outcome, n in sorted(counts.items())) or "no test ran"
    reasons = Counter(entry["said"] for entry in entries if entry["outcome"] == "skipped")
    said += "".join(f"; skipped {n}: {why}" for why, n in reasons.most_common(5))
    # on this machine a test that is skipped for want of a device is one that does not run
    lacking = any("no CUDA device" in why for why in reasons)
    bad = status not in (0, 1) or not counts["passed"] or lacking
    row: Row = {"kind": "tests", "name": "pytest -m gpu", "said": said, "counts": dict(counts)}
    return {**row, "status": "failed"} if bad else row


# ------------------------------------------------------------------------ inside of pytest, a plugin


def pytest_runtest_logstart(nodeid: str, location: Any) -> None:
    """Write that a test begins."""
    _write({"begun": nodeid})


def pytest_runtest_logreport(report: Any) -> None:
    """Write what became of it: of its call, or of what goes before and after if that is no success."""
    if report.when != "call" and report.outcome == "passed":
        return
    said = ""
    if report.outcome == "skipped":
        longrepr = report.longrepr
        said = str(longrepr[2] if isinstance(longrepr, tuple) else longrepr)
    elif report.outcome == "failed":
        said = report.longreprtext[-1500:]
    _write(
        {
            "name": report.nodeid,
            "outcome": report.outcome,
            "said": said,
            "seconds": round(report.duration, 2),
        }
    )


def _write(entry: dict[str, Any]) -> None:
    if VARIABLE in os.environ:
        with open(os.environ[VARIABLE], "a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")
