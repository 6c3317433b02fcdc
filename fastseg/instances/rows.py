"""The rows of a case: of each structure as a whole, and of each of its instances, matched or not."""

from __future__ import annotations

from collections.abc import Sequence

from fastseg.evaluation.rows import fill_in, uncollected, values_of
from fastseg.inputs.structures import Label, Structure
from fastseg.instances.instance_rows import instance_rows
from fastseg.instances.matched_case import CaseFacts, MatchedCase
from fastseg.instances.partitions import partition_of
from fastseg.instances.settings import InstanceSettings
from fastseg.instances.structure_instances import StructureInstances
from fastseg.measures.joint_histogram import Counts, Empty
from fastseg.measures.matching import Matching
from fastseg.measures.regions import Measured
from fastseg.metrics import Options
from fastseg.results import Row
from fastseg.results.summary import mean_of


def rows_of_case(
    found: MatchedCase,
    facts: CaseFacts,
    of_pairs: Sequence[Measured],
    of_wholes: Sequence[Measured],
) -> list[Row]:
    """Make all rows of a case.

    Parameters
    ----------
    found : MatchedCase
    facts : CaseFacts
    of_pairs : sequence of mapping
        What was measured of the rows of partners that have both sides, in their order; empty if nothing was wanted.
    of_wholes : sequence of mapping
        What was measured of each structure as a whole.
    """
    with uncollected(len(found.partners.is_pair)):
        return _rows_of_case(found, facts, of_pairs, of_wholes)


def _rows_of_case(
    found: MatchedCase,
    facts: CaseFacts,
    of_pairs: Sequence[Measured],
    of_wholes: Sequence[Measured],
) -> list[Row]:
    structures, options = found.instances.structures, facts.options()
    rows_of_instances = instance_rows(found, facts, of_pairs, options)
    counts = [one.counts._replace(tn=one.counts.tn - facts.n_ignored) for one in structures]
    values = values_of(facts.settings.structure_metrics, counts, of_wholes, options)
    matchings = found.instances.parted(found.matching)
    rows: list[Row] = []
    for place, (own, false) in enumerate(found.places()):
        members = [rows_of_instances[row] for row in (*own, *false)]
        structure, of_whole = structures[place].structure, values[place]
        empty = counts[place].empty
        if empty:
            metrics, policy = facts.settings.structure_metrics, facts.settings.policy
            fill_in(of_whole, metrics, policy, empty, facts.diagonal, structure.name)
        of_whole |= _detection(structure.name, matchings[place], facts, options[place])
        of_whole |= partition_values(structures[place], facts, options[place])
        of_whole |= means_of(facts.settings, members)
        rows.append(structure_row(structure, counts[place], facts, of_whole))
        rows += members
    return rows


def structure_row(
    structure: Structure, counts: Counts, facts: CaseFacts, values: dict[str, float]
) -> Row:
    """Make the row of a structure as a whole."""
    settings = facts.settings
    other: Label = structure.label
    sides = structure.reference, structure.prediction
    if "given" not in settings.components and sides[0] != sides[1]:
        other = sides[1][0] if len(sides[1]) == 1 else sides[1]
    empty = counts.empty
    return Row(
        facts.case,
        structure.label,
        structure.name,
        structure.label,
        other,
        values,
        counts,
        facts.voxel_volume,
        empty,
        settings.policy.name if empty else "",
    )


def _detection(
    name: str, matching: Matching, facts: CaseFacts, options: Options
) -> dict[str, float]:
    """Find the metrics of how instances were matched."""
    policy, table = facts.settings.policy, matching.table
    there = bool(len(table.reference)), bool(len(table.prediction))
    empties: dict[tuple[bool, bool], Empty] = {
        (True, True): "",
        (False, True): "reference",
        (True, False): "prediction",
        (False, False): "both",
    }
    empty = empties[there]
    values = {}
    for metric in facts.settings.detection:
        value = metric.function(matching, options)
        if empty:
            value = policy.value(metric, value, empty, facts.diagonal, name)
        values[metric.name] = value
    return values


def partition_values(
    one: StructureInstances, facts: CaseFacts, options: Options
) -> dict[str, float]:
    """Find the metrics of the instances of both sides as partitions; nan without any in the reference."""
    metrics = facts.settings.of_partitions
    if not metrics:
        return {}
    partition = partition_of(one.table, sum(one.counts) - facts.n_ignored)
    return {metric.name: metric.function(partition, options) for metric in metrics}


def means_of(settings: InstanceSettings, rows: Sequence[Row]) -> dict[str, float]:
    """Give the means over matched instances and over all, of defined values."""
    values: dict[str, float] = {}
    matched = [row for row in rows if not row.empty]
    for names, members in zip(settings.names_of_means, (matched, rows), strict=True):
        of_each = [row.values_by_metric for row in members]
        if len(of_each) == 1:  # most organs
            values.update(zip(names, of_each[0].values(), strict=True))
            continue
        for name, metric in zip(names, settings.metric_names, strict=True):
            values[name] = mean_of([own[metric] for own in of_each])
    return values
