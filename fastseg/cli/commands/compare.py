"""``fastseg compare``: algorithms pair by pair, on the cases that both have."""

from __future__ import annotations

from typing import Annotated

import typer

from fastseg.cli import options, tables


def compare(
    sources: tables.Sources,
    metric: tables.Metrics = "dice",
    first: Annotated[str | None, typer.Option(help="An algorithm. Default: all pairs.")] = None,
    second: Annotated[str | None, typer.Option(help="The one beside it.")] = None,
    undefined: tables.Undefined = None,
    confidence: Annotated[float, typer.Option(help="Of the interval.")] = 0.95,
    samples: Annotated[int, typer.Option(help="Of the bootstrap of cases.")] = 2000,
    permutations: Annotated[int, typer.Option(help="Of the signs of differences.")] = 10_000,
    clusters: tables.Clusters = None,
    seed: tables.Seed = 0,
    smaller_is_better: tables.Smaller = False,
    larger_is_better: tables.Larger = False,
    case: tables.Case = None,
    algorithm: tables.Algorithm = None,
    task: tables.Task = None,
    output: tables.Output = None,
) -> None:
    """Compare algorithms case by case: the mean difference with its interval, and two tests of it.

    A permutation test of the mean, adjusted by Holm's method over all rows, and Wilcoxon's signed-rank test.
    """
    from fastseg import statistics

    if output is not None:
        options.check_output(output, sources)
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
        undefined=tables.undefined_of(undefined),
        confidence=confidence,
        samples=samples,
        permutations=permutations,
        clusters=clusters,
        seed=seed,
    )
    tables.show(found, output)
