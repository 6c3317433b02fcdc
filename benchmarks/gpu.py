"""fastseg on a GPU: `python benchmarks/gpu.py [--wheels FOLDER]`, on a machine with CUDA, CuPy, torch, SciPy and numba.

Runs the tests on the device, and compute-sanitizer, and times every kernel, transforms and `evaluate` beside the
peers, in at most eight minutes and without a network. Each part is a process with a time limit of its own. What it
found is written as it ends, and not done again unless the code or the card is another one.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
if not __package__:  # run as a file: see the checkout, not this folder
    sys.path[0:1] = [str(ROOT), str(ROOT / "kernels")]

from benchmarks.on_gpu import page, wheels  # noqa: E402
from benchmarks.on_gpu.parts import FULL, PARTS, QUICK, Part, Scope  # noqa: E402
from benchmarks.on_gpu.runner import Runner  # noqa: E402
from benchmarks.on_gpu.store import Store, write_whole  # noqa: E402

SITE = Path(tempfile.gettempdir()) / "fastseg-gpu-site"  # where wheels are unpacked
NO_DEVICE = 2  # the exit status
DRIVER_LIMIT = 90  # seconds until a driver that does not answer is given up


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small volumes: does everything run?")
    parser.add_argument(
        "--only",
        nargs="+",
        metavar="PART",
        default=[],
        help="parts whose name contains one of these",
    )
    parser.add_argument("--list", action="store_true", help="print the parts and their limits")
    parser.add_argument("--again", action="store_true", help="also what was done before")
    parser.add_argument("--minutes", type=float, default=8.0, help="for everything; default: 8")
    parser.add_argument(
        "--wheels",
        type=Path,
        metavar="FOLDER",
        default=ROOT / "benchmarks" / "wheels",
        help="with wheels of peers that are missing; default: benchmarks/wheels, if it is there",
    )
    parser.add_argument(
        "--output",
        type=Path,
        metavar="FOLDER",
        default=ROOT / "benchmarks" / "results",
        help="for gpu.json and gpu.md; default: benchmarks/results",
    )
    return parser.parse_args(arguments)


def machine(site: Path | None) -> dict[str, Any]:
    """Card, driver and versions, or under "missing" why there is no device."""
    with tempfile.TemporaryDirectory(prefix="fastseg-gpu-") as folder:
        file = Path(folder, "machine.json")
        paths = [*([site] if site else []), ROOT, ROOT / "kernels"]
        before = os.environ.get("PYTHONPATH", "")
        path = os.pathsep.join(filter(None, [*map(str, paths), before]))
        command = [sys.executable, "-m", "benchmarks.on_gpu.device", str(file)]
        process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": path})
        try:
            status = process.wait(DRIVER_LIMIT)
        except subprocess.TimeoutExpired:
            process.kill()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(5)  # one that hangs in the driver may not even be killed
            return {"missing": f"the driver did not answer within {DRIVER_LIMIT} s"}
        if not file.exists():
            return {"missing": f"asking for the card ended with status {status}"}
        found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        return found


def selected(names: Sequence[str]) -> list[Part]:
    """The parts that are asked for."""
    return [part for part in PARTS if not names or any(name in part.name for name in names)]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, write; 1 if a part is not done, 2 if there is no device."""
    started = time.monotonic()
    options = parse(arguments)
    parts = selected(options.only)
    if options.list:
        print("\n".join(f"{part.name:18} {part.limit:4.0f} s  {part.about}" for part in parts))
        return 0
    before = signal.signal(signal.SIGTERM, _interrupted)  # so that the part that runs ends with us
    try:
        return _run_here(options, parts, started)
    finally:
        signal.signal(signal.SIGTERM, before)


def _run_here(options: argparse.Namespace, parts: Sequence[Part], started: float) -> int:
    """Look for a device, and run the parts on it."""
    site, missing = None, []
    if options.wheels.is_dir():
        site, missing = wheels.install(options.wheels, SITE)
    found = machine(site)
    if "missing" in found:
        print(f"No GPU to run on: {found['missing']}. Nothing was run and nothing written.")
        return NO_DEVICE
    print(f"{found['card']}, driver {found['driver']}", flush=True)
    for said in missing:
        print(f"not installed: {said}", flush=True)
    scope = QUICK if options.quick else FULL
    until = started + 60 * options.minutes - 5
    return run(parts, scope, options, found, until, (site, missing))


def run(
    parts: Sequence[Part],
    scope: Scope,
    options: argparse.Namespace,
    found: dict[str, Any],
    until: float,
    installed: tuple[Path | None, list[str]],
    **more: Any,
) -> int:
    """Run the parts, and write both files as each has ended."""
    options.output.mkdir(parents=True, exist_ok=True)
    name = "gpu-quick" if scope == QUICK else "gpu"
    kept = Store(options.output / f"{name}.json")
    kept.machine = found
    site, missing = installed

    def ended(part: Part, entry: dict[str, Any]) -> None:
        text = page.markdown(kept.machine, kept.parts, missing)
        write_whole(kept.path.with_suffix(".md"), text)
        said = f": {entry['said']}" if entry["said"] else ""
        print(f"{part.name}: {entry['status']}{said}", flush=True)

    card = f"{found['card']}, driver {found['driver']}"
    Runner(kept, scope, card, until, site, ended, **more).run(parts, options.again)
    print(kept.path.with_suffix(".md"))
    bad = [part.name for part in parts if not kept.is_done(part, scope, card)]
    if bad:
        print(f"NOT DONE: {', '.join(bad)}", file=sys.stderr)
    return int(bool(bad))


def _interrupted(*_: object) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
