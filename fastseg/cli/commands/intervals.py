"""``fastseg intervals``: what a metric is on average, and how sure that is."""

from __future__ import annotations

from typing import Annotated

import typer

from fastseg.cli import tables
from fastseg.errors import InputError


def intervals(
    sources: tables.Sources,
    metric: tables.Metrics = "dice",
    statistic: tables.Aggregated = "mean",
    kind: Annotated[
        str, typer.Option(help="bca (bias-corrected and accelerated) or percentile.")
    ] = "bca",
    floor: Annotated[
        str | None,
        typer.Option(
            metavar="METRIC=VALUE,…",
            help="Instead: the share of cases that are worse than these values, with Wilson's interval.",
        ),
    ] = None,
    confidence: tables.Confidence = 0.95,
    samples: Annotated[int, typer.Option(help="Of the bootstrap.")] = 2000,
    clusters: tables.Clusters = None,
    strata: tables.Strata = None,
    within: Annotated[
        bool,
        typer.Option("--within", help="Draw within each cluster, too: patients, then lesions."),
    ] = False,
    level: Annotated[
        str, typer.Option(help="Rows of structure, or of instance: lesions, cells.")
    ] = "structure",
    seed: tables.Seed = 0,
    smaller_is_better: tables.Smaller = False,
    larger_is_better: tables.Larger = False,
    case: tables.Case = None,
    algorithm: tables.Algorithm = None,
    task: tables.Task = None,
    output: tables.Output = None,
) -> None:
    """Give the mean of each metric, or its median or a quantile, with a bootstrap interval.

    For each structure and algorithm. Lesions of a patient are alike: --level instance --clusters case --within.
    """
    from fastseg import statistics

    if output is not None:
        tables.check_output(output, sources)
    floors = _floors(floor)
    names = list(floors) or tables.names_of(metric)
    table = tables.read_table(
        sources,
        names,
        case=case,
        algorithm=algorithm,
        task=task,
        level=level,
        larger_is_better=tables.direction(smaller_is_better, larger_is_better),
    )
    if floors:
        found = statistics.share_below(table, floors, confidence=confidence)
    else:
        found = statistics.intervals(
            table,
            names,
            statistic=tables.aggregate_of(statistic),
            kind=kind,  # type: ignore[arg-type]  # the function says what is known
            confidence=confidence,
            samples=samples,
            clusters=clusters,
            strata=strata,
            within=within,
            seed=seed,
        )
    tables.show(found, output)


def _floors(text: str | None) -> dict[str, float]:
    """Read values by metrics."""
    found: dict[str, float] = {}
    for part in tables.names_of(text or ""):
        name, _, value = part.partition("=")
        try:
            found[name.strip()] = float(value)
        except ValueError:
            raise InputError(
                f"--floor: expected METRIC=VALUE, such as dice=0.7, got {part!r:.80}"
            ) from None
    if text is not None and not found:
        raise InputError("--floor: expected METRIC=VALUE, such as dice=0.7, got nothing")
    return found
