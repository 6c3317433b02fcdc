"""``fastseg compare``: algorithms pair by pair, on the cases that both have."""

from __future__ import annotations

from typing import Annotated

import typer

from fastseg.cli import tables


def compare(
    sources: tables.Sources,
    metric: tables.Metrics = "dice",
    first: Annotated[str | None, typer.Option(help="An algorithm. Default: all pairs.")] = None,
    second: Annotated[str | None, typer.Option(help="The one beside it.")] = None,
    statistic: tables.Aggregated = "mean",
    undefined: tables.Undefined = None,
    confidence: tables.Confidence = 0.95,
    samples: Annotated[int, typer.Option(help="Of the bootstrap of cases.")] = 2000,
    permutations: Annotated[int, typer.Option(help="Of the signs of differences.")] = 10_000,
    clusters: tables.Clusters = None,
    strata: tables.Strata = None,
    seed: tables.Seed = 0,
    smaller_is_better: tables.Smaller = False,
    larger_is_better: tables.Larger = False,
    case: tables.Case = None,
    algorithm: tables.Algorithm = None,
    task: tables.Task = None,
    output: tables.Output = None,
) -> None:
    """Compare algorithms case by case: the mean difference, or its median, with an interval, and two tests.

    A permutation test of the mean, adjusted by Holm's method over all rows, and Wilcoxon's signed-rank test.
    """
    from fastseg import statistics

    if output is not None:
        tables.check_output(output, sources)
    names = tables.names_of(metric)
    table = tables.read_table(
        sources,
        names,
        case=case,
        algorithm=algorithm,
        task=task,
        larger_is_better=tables.direction(smaller_is_better, larger_is_better),
    )
    found = statistics.compare(
        table,
        names,
        first=first,
        second=second,
        statistic=tables.aggregate_of(statistic),
        undefined=tables.undefined_of(undefined),
        confidence=confidence,
        samples=samples,
        permutations=permutations,
        clusters=clusters,
        strata=strata,
        seed=seed,
    )
    tables.show(found, output)
