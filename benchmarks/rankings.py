"""What statistics of a large challenge cost: 19 algorithms, 5900 cases, 9 structures, a million rows.

    python benchmarks/rankings.py [--algorithms N] [--cases N] [--structures N] [--samples N]

Each line is a case: once, after a first call that loads the kernel. Scores are drawn at random, skewed as Dice is.
"""

from __future__ import annotations

import argparse
import functools
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas

from fastseg import statistics


def simulated(algorithms: int, cases: int, structures: int) -> pandas.DataFrame:
    """Make a row for each algorithm, case and structure."""
    rng = np.random.default_rng(0)
    rows = np.indices((algorithms, cases, structures)).reshape(3, -1)
    quality = rng.normal(0, 0.02, algorithms)[rows[0]]
    names = [
        np.array([f"{what} {place}" for place in range(many)], object)
        for what, many in (("algorithm", algorithms), ("case", cases), ("organ", structures))
    ]
    dice = np.clip(rng.beta(9, 1.5, rows.shape[1]) + quality, 0, 1)
    return pandas.DataFrame(
        {
            "algorithm": names[0][rows[0]],
            "case": names[1][rows[1]],
            "name": names[2][rows[2]],
            "site": rows[1] % 20,
            "dice": dice,
        }
    )


def main() -> None:
    """Time each part and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--algorithms", type=int, default=19)
    parser.add_argument("--cases", type=int, default=5900)
    parser.add_argument("--structures", type=int, default=9)
    parser.add_argument("--samples", type=int, default=1000)
    options = parser.parse_args()
    frame = simulated(options.algorithms, options.cases, options.structures)
    print("| what | s |\n|---|---:|")

    def timed(what: str, call: Callable[[], Any]) -> Any:
        begin = time.perf_counter()
        found = call()
        print(f"| {what} | {time.perf_counter() - begin:.2f} |", flush=True)
        return found

    table = timed(
        f"`score_table` of a DataFrame of {len(frame)} rows", lambda: statistics.score_table(frame)
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "scores.csv"
        frame.to_csv(path, index=False)
        timed("the same of a CSV", lambda: statistics.score_table(path))
    one = table.of(task="organ 0")
    first: Any = {"method": "test_then_rank", "bootstraps": 2}
    statistics.rank(one.of(algorithm=["algorithm 0", "algorithm 1"]), "dice", **first)
    many = options.samples
    for how, settings in (
        ("`aggregate_then_rank`, mean", {}),
        ("`aggregate_then_rank`, median", {"aggregate": "median"}),
        ("`rank_then_aggregate`, mean", {"method": "rank_then_aggregate"}),
        ("`test_then_rank`", {"method": "test_then_rank"}),
        ("`aggregate_then_rank`, mean, by clusters", {"clusters": "site"}),
    ):
        chosen: Any = {"bootstraps": many, **settings}
        timed(
            f"`rank` of a structure, {many} samples: {how}",
            functools.partial(statistics.rank, one, "dice", **chosen),
        )
    timed(
        f"`rank` of all structures, {many} samples: `aggregate_then_rank`, mean",
        lambda: statistics.rank(table, "dice", bootstraps=many),
    )
    pairs = options.algorithms * (options.algorithms - 1) // 2
    timed(f"`compare` of {pairs} pairs of a structure", lambda: statistics.compare(one, "dice"))
    parts = options.algorithms * options.structures
    timed(f"`intervals` of {parts} means", lambda: statistics.intervals(table, "dice"))
    timed(
        f"`intervals` of {options.algorithms} medians",
        lambda: statistics.intervals(one, "dice", statistic="median"),
    )
    timed(f"`share_below` of {parts}", lambda: statistics.share_below(table, {"dice": 0.7}))


if __name__ == "__main__":
    main()
