"""The report of an evaluation: the public call."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from fastseg._version import __version__
from fastseg.errors import InputError, InputTypeError
from fastseg.flags import RaisedFlags, list_flags
from fastseg.inputs.scalars import shown
from fastseg.io.replacing import replacing
from fastseg.reports import content, figures
from fastseg.reports.overlays import Overlay, Pair, overlay_of, read_pair
from fastseg.reports.page import rendered
from fastseg.reports.rows import embedded, page_rows
from fastseg.reports.worst import headline_metrics, worst_first
from fastseg.statistics import ScoreTable, score_table
from fastseg.statistics.ranking import Undefined

#: rows from which on fewer bootstrap samples are drawn, whose intervals are no worse for a page
_MANY_ROWS = 100_000


def report(
    source: Any,
    output: str | os.PathLike[str],
    *,
    metrics: str | Iterable[str] | None = None,
    title: str = "Segmentation report",
    worst: int = 12,
    images: bool = True,
    rows: int = 5000,
    undefined: Undefined | None = None,
    **columns: Any,
) -> Path:
    """Write results as one page (HTML) that can be mailed: it asks no network for anything.

    Parameters
    ----------
    source : Evaluation, DataFrame, path, ScoreTable, or a mapping or list of these
        What :func:`~fastseg.statistics.score_table` takes; `columns` are passed on to it. Streams (.jsonl) know which
        images they were made of, so that the worst cases are drawn.
    output : path-like or str
        The page; written whole or not at all.
    metrics : str or iterable of str, optional
        Those that get intervals, ranks and figures; the first decides what is worst. Default: up to four that are
        usual. The table of rows has all.
    title : str
    worst : int
        How many of the worst rows are drawn.
    images : bool
        Whether images are read to draw them.
    rows : int
        The table of the page has at most so many, the worst; all else is of all rows.
    undefined : {"drop", "worst"} or float, optional
        What undefined and missing values count as in rankings. Default: where there are any, algorithms are ranked by
        their mean rank over cases, in which such a value is last.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    TypeError, ValueError
        For what holds no scores, unknown metrics, and numbers that are none.
    OSError
        If the page cannot be written.
    ImportError
        Without what ``pip install "fastseg-metrics[report]"`` brings.

    Examples
    --------
    >>> import tempfile, pathlib, numpy as np, fastseg
    >>> mask = np.ones((3, 3, 3), bool)
    >>> evaluation = fastseg.evaluate(mask, mask, case="a", metrics="dice")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     page = fastseg.report(evaluation, pathlib.Path(folder, "report.html"))
    ...     page.read_text(encoding="utf-8").startswith("<!doctype html>")
    True
    """
    if not isinstance(output, (str, os.PathLike)):
        raise InputTypeError(f"output: expected a path, got {type(output).__name__}")
    target = Path(output)
    if target.suffix.lower() not in (".html", ".htm"):
        raise InputError(f"output: expected a name that ends in .html, got {shown(str(target))}")
    worst, rows = _whole(worst, "worst"), _whole(rows, "rows")
    wanted = [metrics] if isinstance(metrics, str) else None if metrics is None else list(metrics)
    table = score_table(source, **columns)
    text = rendered(_content(table, wanted, str(title), worst, images, rows, undefined))
    with replacing(target) as file:
        file.write(text)
    return target


def _whole(value: Any, name: str) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 0:
        raise InputError(
            f"{name}: expected a whole number that is not negative, got {shown(value)}"
        )
    return int(value)


def _content(
    table: ScoreTable,
    wanted: list[str] | None,
    title: str,
    worst: int,
    images: bool,
    most: int,
    undefined: Any,
) -> dict[str, Any]:
    """Make what the template asks for."""
    headline = headline_metrics(table, wanted)
    every = [*headline, *(name for name in table.metrics if name not in headline)]
    order = worst_first(table, headline)
    samples = 2000 if len(table) < _MANY_ROWS else 500
    summary, notes = content.summary(table, headline, samples) if len(table) else ([], [])
    groups, left_out = content.subgroups(table, headline, samples) if len(table) else ([], [])
    ranking, ranking_notes = content.rankings(table, headline, undefined, 1000)
    drawn, figure_notes = figures.figures_of(table, headline, ranking)
    several = len(table.algorithms) > 1
    return {
        "title": title,
        "version": __version__,
        "several": several,
        "named": any(table.algorithms),
        "algorithms": table.algorithms,
        "counts": content.counts(table, headline),
        "headline": headline,
        "units": content.units(table, every),
        "larger": dict(table.larger_is_better),
        "others": every[len(headline) :],
        "summary": summary,
        "notes": notes,
        "samples": samples,
        "groups": groups,
        "left_out": left_out,
        "ranking": None if ranking is None else _consensus_first(ranking.to_dict()),
        "ranking_notes": ranking_notes,
        "ranking_warnings": [] if ranking is None else list(ranking.table.notes),
        "figures": drawn,
        "figure_notes": figure_notes,
        "flags": content.raised(table),
        "flag_tables": "flags" in table.facts,
        "absent": content.absences(table),
        "undefined": content.undefined_values(table, headline),
        "settings": content.depends_on(table),
        "worst": _worst(table, order[:worst], every, images),
        "images": images,
        "shown_rows": min(most, len(table)),
        "all_rows": len(table),
        "data": embedded(
            page_rows(table, order[:most], every)
            | {
                "units": content.units(table, every),
                "larger": table.larger_is_better,
                "flagNames": {flag.name: flag.effect for flag in list_flags()},
                "named": any(table.algorithms),
            }
        ),
    }


def _consensus_first(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(rows, key=lambda row: row["task"] != "consensus")


def _worst(
    table: ScoreTable, places: Any, metrics: list[str], images: bool
) -> list[dict[str, Any]]:
    """Describe the worst rows, with pictures where the images are there; each pair is read once."""
    files: dict[tuple[str, str], tuple[tuple[str, str | None], Any]] = {
        key: (pair, origin.settings)
        for origin in table.origins
        for key, pair in origin.files.items()
    }
    flags = {flag.name: flag for flag in list_flags()}
    pairs: dict[tuple[str, str], Pair | str] = {}
    found = []
    for number, place in enumerate(np.asarray(places).tolist(), 1):
        fact = {name: held.names[held.codes[place]] for name, held in table.facts.items()}
        key = (
            table.algorithms[table.algorithm.codes[place]],
            table.case.names[table.case.codes[place]],
        )
        drawn: Overlay | str = "images were not asked for"
        if images:
            if key not in pairs:
                if len(pairs) > 1:  # maps are large; rows of one case often follow each other
                    pairs.pop(next(iter(pairs)))
                pairs[key] = (
                    read_pair(*files[key])
                    if key in files
                    else "these results do not say of which files they were made; a stream (.jsonl) does"
                )
            pair = pairs[key]
            drawn = pair if isinstance(pair, str) else _drawn(pair, fact)
        try:
            raised = list(RaisedFlags.from_text(fact.get("flags", "")))
        except ValueError:
            raised = []
        found.append(
            {
                "number": number,
                "algorithm": key[0],
                "case": key[1],
                "task": table.tasks[table.task.codes[place]],
                "values": {name: float(table.metrics[name][place]) for name in metrics},
                "empty": fact.get("empty", ""),
                "flags": [(one, flags.get(one.name)) for one in raised],
                "overlay": drawn if isinstance(drawn, Overlay) else None,
                "why": drawn if isinstance(drawn, str) else "",
            }
        )
    return found


def _drawn(pair: Pair, fact: Mapping[str, str]) -> Overlay | str:
    try:
        labels = [_labels(fact.get(f"{side}_label", "")) for side in ("reference", "prediction")]
        if not any(labels):
            labels = [_labels(fact.get("label", ""))] * 2
    except ValueError:
        return "the labels of this row are not known"
    return overlay_of(pair, (labels[0], labels[1]))


def _labels(text: str) -> list[int]:
    return [int(part) for part in text.split("+")] if text else []
