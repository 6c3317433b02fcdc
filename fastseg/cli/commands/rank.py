"""``fastseg rank``: which algorithm is best, and how sure that is."""

from __future__ import annotations

from typing import Annotated

import typer

from fastseg.cli import tables


def rank(
    sources: tables.Sources,
    metric: tables.Metrics = "dice",
    method: Annotated[
        str, typer.Option(help="aggregate_then_rank, rank_then_aggregate or test_then_rank.")
    ] = "aggregate_then_rank",
    aggregate: tables.Aggregated = "mean",
    undefined: tables.Undefined = None,
    ties: Annotated[str, typer.Option(help="Rank of equal ones: min, max or average.")] = "min",
    alpha: Annotated[float, typer.Option(help="Level of the tests.")] = 0.05,
    adjust: Annotated[str, typer.Option(help="Of the tests: none or holm.")] = "none",
    bootstraps: Annotated[int, typer.Option(help="Samples of the cases; 0 for none.")] = 1000,
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
    """Rank algorithms for each structure and metric, and say by a bootstrap over cases how stable the ranking is.

    By the rules of challengeR. Several structures or metrics make a consensus, by their mean ranks.
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
    ranking = statistics.rank(
        table,
        names,
        method=method,  # type: ignore[arg-type]  # the function says what is known
        aggregate=tables.aggregate_of(aggregate),
        undefined=tables.undefined_of(undefined),
        ties=ties,  # type: ignore[arg-type]
        alpha=alpha,
        adjust=adjust,  # type: ignore[arg-type]
        bootstraps=bootstraps,
        clusters=clusters,
        strata=strata,
        seed=seed,
    )
    tables.show(ranking.table, output)
