"""Run the study: ``python -m benchmarks.study [--quick] [--output FOLDER]``; run it again to go on.

It segments synthetic images of known anatomy, made harder in seven ways, by the methods of the lecture, and measures
all by fastseg. The folder then has report.html, and every table as JSON lines; ``--page`` writes docs/study.md of it.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

from benchmarks.study import settings
from benchmarks.study.folder import Folder


def main(arguments: list[str] | None = None) -> int:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.study", description=__doc__.split("\n\n")[0]
    )
    parser.add_argument("--quick", action="store_true", help="tiny volumes, one level, in minutes")
    parser.add_argument(
        "--output", type=Path, help="the run's folder (default: study-full or study-quick)"
    )
    parser.add_argument(
        "--method", action="append", default=[], help="only this one; may be repeated"
    )
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument(
        "--page", type=Path, metavar="FOLDER", help="write docs/study.md of a finished run, no more"
    )
    options = parser.parse_args(arguments)
    if options.page:
        from benchmarks.study import page

        print(page.write(Folder(options.page), Path(__file__).parents[2] / "docs"))
        return 0
    chosen = settings.QUICK if options.quick else settings.FULL
    folder = Folder(options.output or Path(f"study-{chosen.name}"))
    from benchmarks.study import reporting, running
    from benchmarks.study.plan import plan

    begin = time.perf_counter()
    planned = plan(chosen, tuple(options.method))
    for name, why in planned.missing.items():
        print(f"without {name}: {why}")
    try:
        failures = running.run(planned, folder, options.processes)
    except KeyboardInterrupt:
        print("interrupted: the same command goes on", file=sys.stderr)
        return 130
    except OSError as error:
        print(
            f"{folder.root}: {error}; what is finished is kept, and the same command goes on",
            file=sys.stderr,
        )
        return 2
    print(f"{reporting.write(folder)}, after {time.perf_counter() - begin:.0f} s")
    for failure in failures:
        print(f"failed: {failure}", file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
