"""What every metric is, as a page: `python docs/make_definitions.py` writes docs/definitions.md.

Names, formulas, units and sources are those of the registry, and what stands for a missing structure is what
:func:`fastseg.evaluate` gives for one. The test of the README fails while the page is not what is made here.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

import fastseg
from fastseg.instances.matching import RULES
from fastseg.instances.scores import SCORES
from fastseg.measures.distributions import PERCENTILE_METHODS
from fastseg.measures.surface_distances import BOUNDARIES
from fastseg.metrics import MEASUREMENTS, POLICIES, Metric

PAGE = Path(__file__).with_name("definitions.md")

BETTER = {True: "larger", False: "smaller", None: "near 0"}

# What the values of an option mean, and who means the same.
BOUNDARY = {
    "voxel": (
        "voxels of the mask with a face neighbour outside it; the outside of the image counts as background",
        "MedPy, MONAI, MetricsReloaded",
    ),
    "surfel": (
        "corners of the voxel lattice that the surface passes, weighted by marching-cubes area; percentiles are the "
        "smallest distance that holds this share of the area",
        "surface-distance, MONAI `use_subvoxels`",
    ),
    "vertex": (
        "the same corners, weighted by the area of the voxels' faces that meet there, each face's shared equally among "
        "its corners; in percentiles each counts the same",
        "DisTorch",
    ),
    "mesh": (
        "triangles of marching cubes with corners halfway between voxel centres (in 2-D segments), weighted by area; "
        "distances are those of their middles to the nearest point of the other mesh; percentiles as of surfels",
        "MeshMetrics",
    ),
}
PERCENTILE_METHOD = {
    "max_of_directions": (
        "the larger of the two directions' percentiles",
        "MONAI, MetricsReloaded",
    ),
    "pooled": ("the percentile of both directions together", "MedPy, panoptica"),
}

# What shows a policy: two metrics, and what reference and prediction are filled with. The diagonal is 13.
SHOWN = ("dice", "hd95")
FILLED = {"both": (0, 0), "one": (1, 0)}
SHAPE = (3, 4, 12)
DIAGONAL = 13


def page() -> str:
    """All of it."""
    return f"""# What is computed, exactly

<!-- made by `python docs/make_definitions.py`: what is written here by hand is lost -->

Each metric is a function of what was measured of a structure. *Missed* is its score where a structure is missing and
the formula gives none ([empty masks](#empty-masks)). Units are those of `spacing`, which images give in mm. Beside
these metrics any percentile (`hd99`, `hd97_5`) and any F-beta (`f2`, `f0_5`) can be asked for by name.

`metrics=` takes names, and names of groups: `"overlap"` has the metrics of counts, `"surface"` those of distances and
bands, `"topology"` and `"shape"` have theirs, and `"all"` is what is given by default: the first two without the rates
of over- and under-segmentation. Groups stand among names too: `metrics=["all", "topology"]`, `--metrics all,topology`.

{kinds_of_metrics()}

## Rules of matching

`evaluate_instances` takes one by name. A rule judges a pair by its score alone, and pairs share a voxel at least, but
for centres. A score that is the threshold reaches it, unless `strict=True`. R and P are the voxels of two instances:

{scores()}

{rules_of_matching()}

## Options

{options()}

Percentiles of `boundary="voxel"` and `"vertex"` interpolate linearly between order statistics. `tolerance` is τ, one
number or one for each structure; `boundary_iou` takes its bands from voxel surfaces under any boundary.

`boundary="vertex"` is what `boundary_metrics` of DisTorch gives, without the rounding of its float32: `hd95` is the
larger of its two Hausdorff95, of which its script takes the mean; averages and `nsd` are weighted. Where both masks
have the same vertices its share within the tolerance is 0, `nsd` is 1; where one is empty all of it is nan, see below.

## Empty masks

Where a structure is missing from the reference, the prediction or both, `empty=` decides what an undefined value is.
The row says which mask was empty and which policy was applied; summaries count what is undefined.

{policies()}

A mapping gives single metrics a policy, a number, or `{{"both": …, "one": …}}`; its key "default" is for all others.
What a formula still defines stays: Dice is 0 for a missed organ, and no organ at all is needed by
{always_defined()}.
"""


def kinds_of_metrics() -> str:
    """A section for each measurement, with a table of its metrics."""
    heads = ("metric", "what it is", "formula", "unit", "better", "missed", "depends on", "source")
    sections = []
    for measurement, kind in MEASUREMENTS.items():
        metrics = [each for each in fastseg.list_metrics("all") if each.measurement == measurement]
        sections.append(f"## {kind.title}\n{kind.about}\n{table(heads, map(of_metric, metrics))}")
    return "\n\n".join(sections)


def of_metric(metric: Metric) -> Iterator[str]:
    """The cells of a metric."""
    yield f"`{metric.name}`"
    yield (metric.function.__doc__ or "").splitlines()[0].rstrip(".").replace("``", "`")
    yield metric.formula
    yield metric.unit
    yield "" if math.isnan(metric.best) else BETTER[metric.larger_is_better]
    yield "" if metric.always_defined else number(metric.worst)
    yield ", ".join(f"`{option}`" for option in sorted(metric.uses - {"voxel_volume"}))
    yield metric.source


def rules_of_matching() -> str:
    """What each rule accepts, and how it decides ties."""
    heads = ("`matching=`", "accepts", "of equal ones")
    rules = RULES.values()
    return table(
        heads,
        (
            (f'`"{one.name}"`' + " (default)" * (one is RULES["greedy"]), one.about, one.ties)
            for one in rules
        ),
    )


def scores() -> str:
    """The scores of pairs with their formulas."""
    return table(
        ("`score=`", "formula"), ((f'`"{one.name}"`', one.formula) for one in SCORES.values())
    )


def options() -> str:
    """What may be chosen; the first value is the default."""
    rows = [
        (f'`{option}="{name}"`' + " (default)" * (name == names[0]), *texts[name])
        for option, names, texts in (
            ("boundary", BOUNDARIES, BOUNDARY),
            ("percentile_method", PERCENTILE_METHODS, PERCENTILE_METHOD),
        )
        for name in names
    ]
    return table(("option", "meaning", "the same as"), rows)


def policies() -> str:
    """What each policy gives."""
    heads = (f"`{metric}`, {empty} empty" for metric, empty in itertools.product(SHOWN, FILLED))
    return table(("`empty=`", *heads), map(of_policy, POLICIES))


def of_policy(policy: str) -> Iterator[str]:
    """The cells of a policy: what it gives for each metric that is shown, if both maps are empty and if one is."""
    yield f'`"{policy}"`' + " (default)" * (policy == next(iter(POLICIES)))
    for metric, filled in itertools.product(SHOWN, FILLED.values()):
        maps = [np.full(SHAPE, value, np.uint8) for value in filled]
        try:
            scores = fastseg.evaluate(
                *maps, labels=[1], metrics=metric, empty=policy, backend="scipy"
            )
        except fastseg.EmptyMaskError:
            yield "an error"
        else:
            score = scores[1][metric]
            yield "the image's diagonal" if score == DIAGONAL else number(score)


def always_defined() -> str:
    """The metrics that no policy applies to."""
    names = [f"`{metric.name}`" for metric in fastseg.list_metrics() if metric.always_defined]
    return f"{', '.join(names[:-1])} and {names[-1]}"


def table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A table in Markdown."""
    first = line(heads)
    return "\n".join((first, "|" + "---|" * (first.count("|") - 1), *map(line, rows)))


def line(cells: Iterable[str]) -> str:
    """A line of a table; a bar within a cell is no border."""
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def number(score: float) -> str:
    """A score without digits that say nothing."""
    return "∞" if score == float("inf") else f"{score:g}".replace("-", "−")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
