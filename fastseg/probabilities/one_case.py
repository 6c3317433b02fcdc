"""One case of probabilities, with options that were checked before anything is read."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastseg import dispatch, io
from fastseg._version import __version__
from fastseg.errors import InputError
from fastseg.inputs.arrays import as_label, as_spacing
from fastseg.inputs.scalars import as_tolerance, as_whole_number, shown
from fastseg.inputs.source import whole_map
from fastseg.inputs.structures import Labels, Structure, as_structures
from fastseg.io.pairs import read_map
from fastseg.measures.probability_bins import Cuts, Moments
from fastseg.measures.probability_table import ProbabilityTable
from fastseg.probabilities.chosen import as_counted, structures_of
from fastseg.probabilities.columns import COLUMNS, counts_of, scores_of
from fastseg.probabilities.maps import ChannelAxis, Logits, Maps
from fastseg.probabilities.result import Curves, ProbabilityEvaluation
from fastseg.probabilities.tables import Counted, counted, cuts_of
from fastseg.results import Row
from fastseg.results.score_facts import SCORES

#: ranges of a reliability table at most: each bin is split once
MOST_RANGES = 1000


@dataclass(frozen=True)
class Options:
    """What :func:`fastseg.evaluate_probabilities` was asked for, checked."""

    structures: tuple[Structure, ...] | None
    channel_axis: ChannelAxis
    logits: Logits
    ignore_label: int | None
    bins: int
    right_closed: bool
    exact: bool
    spacing: float | Sequence[float] | None
    backend: str | None
    rules: io.GridRules

    @classmethod
    def checked(
        cls,
        *,
        labels: Labels | None = None,
        channel_axis: ChannelAxis = "first",
        logits: Logits = False,
        ignore_label: int | None = None,
        bins: int = 15,
        right_closed: bool = False,
        exact: bool = False,
        spacing: float | Sequence[float] | None = None,
        backend: str | None = None,
        grid_tolerance: float = io.GridRules().tolerance,
        ignore_grid: bool = False,
        reorient: bool = False,
    ) -> Options:
        """Check them."""
        n_bins = as_whole_number(bins, "bins")
        if not 1 <= n_bins <= MOST_RANGES:
            raise InputError(f"bins: expected 1 to {MOST_RANGES}, got {shown(bins)}")
        dispatch.check_backend(backend)
        rules = io.GridRules(
            as_tolerance(grid_tolerance, "grid_tolerance"), bool(ignore_grid), bool(reorient)
        )
        ignore = None if ignore_label is None else as_label(ignore_label, "ignore_label")
        structures = None if labels is None else as_structures(labels, ignore)
        return cls(
            structures, channel_axis, logits, ignore, n_bins, bool(right_closed), bool(exact),
            spacing, backend, rules,
        )  # fmt: skip

    @property
    def edges(self) -> NDArray[np.float64]:
        """Of the ranges of the reliability table."""
        return np.linspace(0, 1, self.bins + 1)


@dataclass
class Pool:
    """What one structure's voxels of several cases are together."""

    structure: Structure
    moments: Moments
    smallest: float

    def add(self, other: Pool) -> None:
        """Add those of another case."""
        self.moments = Moments.merged([self.moments, other.moments])
        self.smallest = max(self.smallest, other.smallest)


def evaluate_case(
    reference: Any,
    probabilities: Any,
    options: Options,
    mask: Any = None,
    case: str = "",
    pools: dict[str, Pool] | None = None,
) -> ProbabilityEvaluation:
    """Evaluate one case, and add its voxels to pools by the names of structures, if there are any."""
    source = read_map(reference, "reference").source
    label_map = whole_map(source, "probabilities")
    maps = Maps.of(probabilities, source, options.rules, options.channel_axis, options.logits)
    if not case and isinstance(probabilities, (str, os.PathLike)):
        case = io.image_stem(probabilities)
    ignore = options.ignore_label
    chosen = structures_of(options.structures, label_map, maps, ignore)
    within = as_counted(mask, label_map)
    voxel_size = as_spacing(
        source.spacing if options.spacing is None else options.spacing, label_map.ndim
    )
    run_on = dispatch.choose("probability_moments", 1, options.backend, stacklevel=4)

    edges = options.edges
    rows, curves, found_pools = [], {}, {}
    flat = label_map.ravel(maps.order)
    masked = within is not None
    within = None if within is None else within.ravel(maps.order)
    smallest = float(
        np.finfo(np.float32 if maps.logits and maps.dtype == np.float16 else maps.dtype).eps
    )
    for one in chosen:
        channels = (0,) if maps.channels is None else one.prediction
        values = maps.of_channels(channels)
        found = counted(
            values,
            flat,
            one,
            ignore,
            within,
            edges,
            options.right_closed,
            options.exact,
            run_on,
            pools is not None,
        )
        row, curves[case, one.name] = _row(
            found, one, options, smallest, case, math.prod(voxel_size)
        )
        rows.append(row)
        if found.moments is not None:
            found_pools[one.name] = Pool(one, found.moments, smallest)
    if pools is not None:
        for name, pool in found_pools.items():
            if name in pools:
                pools[name].add(pool)
            else:
                pools[name] = pool
    about = {
        "fastseg": __version__,
        "shape": list(label_map.shape),
        "spacing": list(voxel_size),
        "unit": "voxels" if options.spacing is None and source.spacing is None else "mm",
        "labels": {one.name: one.label for one in chosen},
        "logits": maps.logits,
        "masked": masked,
        "log_loss_epsilon": smallest,
        "backend": run_on.name,
        **_about(options),
    }
    return ProbabilityEvaluation(tuple(rows), tuple(COLUMNS), about, (), curves)


def evaluate_pools(pools: Mapping[str, Pool], options: Options, case: str) -> ProbabilityEvaluation:
    """Evaluate the voxels of several cases as if they were of one."""
    cuts = cuts_of(options.edges, np.float32, options.right_closed)
    rows, curves = [], {}
    for name, pool in pools.items():
        table = ProbabilityTable.of_moments(pool.moments, Cuts(cuts))
        found = Counted(table, cuts.astype(np.float64), None)
        row, curves[case, name] = _row(found, pool.structure, options, pool.smallest, case, 1.0)
        rows.append(row)
    about = {"fastseg": __version__, **_about(options)}
    return ProbabilityEvaluation(tuple(rows), tuple(COLUMNS), about, (), curves)


def _row(
    found: Counted,
    structure: Structure,
    options: Options,
    smallest: float,
    case: str,
    voxel_volume: float,
) -> tuple[Row, Curves]:
    """Make a row of what was counted, and its curves."""
    values, curves = scores_of(found, options.edges, smallest)
    counts = counts_of(found)
    empty = counts.empty
    label = structure.label
    row = Row(
        case, label, structure.name, label, label, values, counts, voxel_volume, empty,
        "nan" if empty else "",
    )  # fmt: skip
    return row, curves


def _about(options: Options) -> dict[str, Any]:
    return {
        "ignore_label": options.ignore_label,
        "bins": options.bins,
        "right_closed": options.right_closed,
        "exact": options.exact,
        SCORES: {
            name: {"unit": "", "larger_is_better": better} for name, better in COLUMNS.items()
        },
    }
