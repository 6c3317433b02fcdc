"""fastseg beside its peers: `python benchmarks/versus.py`, after `pip install -e . --group bench`.

Every library runs in a process of its own, on the same arrays with the same number of threads; answers
are compared before anything is timed. Writes a Markdown table and a plot. It measures the checkout that
it lies in. A peer that is not installed is skipped by name.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
if not __package__:  # run as a file: see the checkout, not this folder
    sys.path[0:1] = [str(ROOT), str(ROOT / "kernels")]

from benchmarks.cases import SIDES  # noqa: E402
from benchmarks.comparison import alone, figures, itself, measure, merged, report, rows, stored  # noqa: E402
from benchmarks.comparison.row import Scope  # noqa: E402
from benchmarks.worker import LEAST  # noqa: E402

# how long a row goes on
PATIENT, BRIEF = measure.Patience(pairs=9, seconds=30), measure.Patience(pairs=3, seconds=1.5)


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="smaller volumes, fewer rows and runs")
    parser.add_argument(
        "--side",
        type=int,
        choices=SIDES,
        help="of all volumes, 32 to see that everything runs; default: 256 and 512, quick 128",
    )
    parser.add_argument(
        "--only",
        nargs="+",
        metavar="NAME",
        default=[],
        help="rows whose name contains one of these",
    )
    parser.add_argument(
        "--threads",
        type=int,
        choices=(1, 2),
        help="for every row; default: what each row's requirement is stated for",
    )
    parser.add_argument(
        "--output",
        type=Path,
        metavar="FOLDER",
        default=ROOT / "benchmarks" / "results",
        help="default: benchmarks/results",
    )
    parser.add_argument(
        "--python", metavar="PEER_PYTHON", default=sys.executable, help="that has the peers"
    )
    parser.add_argument(
        "--plot-only", action="store_true", help="draw results/versus.png from results/versus.md"
    )
    parser.add_argument(
        "--readme", action="store_true", help="make the README's table from results/versus.md"
    )
    parser.add_argument(
        "--merge",
        action="store_true",
        help="put the rows into the page that is there, in the place of those of their names",
    )
    parser.add_argument("--list", action="store_true", help="print the names of the rows")
    return parser.parse_args(arguments)


def selected(names: Sequence[str], name: str) -> bool:
    """Whether a row is asked for."""
    return not names or any(part in name for part in names)


def scope_of(options: argparse.Namespace) -> Scope:
    """Which volumes, and whether long rows are in."""
    scope = rows.QUICK if options.quick else rows.FULL
    return replace(scope, side=options.side, large=options.side) if options.side else scope


def results(
    options: argparse.Namespace, workers: measure.Workers, patience: measure.Patience
) -> Iterator[measure.Result]:
    """Every row that is asked for, as it is measured."""
    scope = scope_of(options)
    for row in rows.all_rows(scope):
        if selected(options.only, row.name):
            free = options.threads and not row.ours.threads  # not a row about threads
            for threads in (options.threads,) if free else row.threads:
                yield measure.run(row, threads, workers, patience)
    for sole in itself.sole(scope):
        if selected(options.only, sole.name):
            yield sole.run(workers, patience)
    for solitary in alone.all_solitary(scope):
        if selected(options.only, solitary.name):
            yield solitary.run()


def show(options: argparse.Namespace) -> None:
    """Draw the plot, write the README's table, from the stored results."""
    path = options.output / "versus.md"
    page = stored.read(path)
    if options.plot_only:
        figures.plot(page, path.with_suffix(".png"))
        print(path.with_suffix(".png"))
    if options.readme:
        text = figures.README.read_text(encoding="utf-8")
        figures.README.write_text(figures.with_table(text, page), encoding="utf-8")
        print(figures.README)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, write, and return 1 if a row has failed."""
    options = parse(arguments)
    if options.list:
        scope = scope_of(options)
        names = [row.name for row in rows.all_rows(scope)]
        names += [row.name for row in (*itself.sole(scope), *alone.all_solitary(scope))]
        print("\n".join(name for name in names if selected(options.only, name)))
        return 0
    if options.plot_only or options.readme:
        show(options)
        return 0
    patience = BRIEF if options.quick else PATIENT
    workers = measure.Workers(sys.executable, options.python)
    found: list[measure.Result] = []
    started = time.perf_counter()
    print(f"{report.machine()}\n\n{report.HEADER}")
    try:
        for result in results(options, workers, patience):
            found.append(result)
            print(report.line(result), flush=True)
        versions = dict(sorted(workers.versions().items(), key=lambda item: item[0].lower()))
    finally:
        workers.close()
    print(f"\n{time.perf_counter() - started:.0f} s")
    command = " ".join(["python benchmarks/versus.py", *_said(options)])
    limits = {"least": LEAST, "pairs": patience.pairs, "seconds": patience.seconds}
    part = bool(options.only or options.side) and not options.merge
    path = options.output / f"versus{'-quick' * options.quick}{'-part' * part}.md"
    if options.merge:
        page = merged.merged(path.read_text(encoding="utf-8"), found, versions)
    else:
        page = report.markdown(found, versions, command, limits)
    options.output.mkdir(parents=True, exist_ok=True)
    path.write_text(page, encoding="utf-8")
    print(path)
    if not (options.quick or part or options.threads):
        print("then: python benchmarks/versus.py --plot-only --readme")
    failed = [result.name for result in found if result.status == "failed"]
    if failed:
        print(f"FAILED: {', '.join(failed)}", file=sys.stderr)
    return int(bool(failed))


def _said(options: argparse.Namespace) -> list[str]:
    return [
        *(["--quick"] if options.quick else []),
        *([f"--side {options.side}"] if options.side else []),
        *(["--only", *options.only] if options.only else []),
        *([f"--threads {options.threads}"] if options.threads else []),
    ]


if __name__ == "__main__":
    sys.exit(main())
