"""Flags of structures that were evaluated by instances, and of predictions beside raters."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fastseg
from fastseg.flags.raters import rater_flags


def lesions() -> Any:
    reference = np.zeros((40, 40, 40), np.uint8)
    reference[5:25, 5:25, 5:25] = 1
    reference[30:33, 30:33, 30:33] = 1
    return reference


def test_a_structure_that_one_instance_dominates() -> None:
    reference = lesions()
    evaluation = fastseg.evaluate_instances(reference, np.roll(reference, 1, 0), tolerance=1)
    whole, *instances = evaluation.rows
    found = {flag.name: flag.measured for flag in whole.flags}
    assert found["dominated_score"] == pytest.approx(8000 / 8027, rel=1e-3)
    assert all(not row.flags for row in instances)
    assert "dominated_region" not in whole.flags


def test_instances_of_a_size_and_single_ones_dominate_nothing() -> None:
    reference = lesions()
    reference[5:25, 5:25, 5:25] = 0
    assert "dominated_score" not in fastseg.evaluate_instances(reference, reference).rows[0].flags
    reference[5:8, 5:8, 5:8] = 1
    assert "dominated_score" not in fastseg.evaluate_instances(reference, reference).rows[0].flags


def test_given_instances_are_no_region() -> None:
    reference = lesions()
    reference[reference > 0] = np.where(np.argwhere(reference)[:, 0] > 26, 2, 1)
    row = fastseg.evaluate_instances(reference, reference, components="given").rows[0]
    assert "dominated_score" in row.flags
    assert "dominated_region" not in row.flags


def test_instances_take_flags_as_structures_do() -> None:
    reference = lesions()
    for options in ({"flags": False}, {"flags": {"dominated_score": 0.999}}):
        row = fastseg.evaluate_instances(reference, reference, **options).rows[0]
        assert "dominated_score" not in row.flags
    regions = fastseg.evaluate_instances(reference, reference, regions="voronoi").rows[0]
    assert "dominated_score" in regions.flags
    coarse = fastseg.evaluate_instances(reference, np.roll(reference, 1, 0), spacing=3, tolerance=1)
    assert "tolerance_below_voxel" in coarse.rows[0].flags


def test_a_table_of_instances_has_them_and_is_read_again(tmp_path: Path) -> None:
    evaluation = fastseg.evaluate_instances(lesions(), lesions())
    path = tmp_path / "rows.json"
    evaluation.to_json(path)
    assert "dominated_score=" in str(evaluation.to_dict()[0]["flags"])
    assert fastseg.read_results(path).rows[0].flags == evaluation.rows[0].flags
    assert evaluation.flags.counts["dominated_score"] == 1


def test_within_the_spread_of_raters() -> None:
    between = np.array([[1.0, 0.8, 0.9], [0.8, 1.0, 0.85], [0.9, 0.85, 1.0]])  # means .85 .825 .875
    for mean, share in ((0.8, None), (0.83, 0.3333), (0.86, 0.6667), (0.9, 1)):
        flags = rater_flags(np.full(3, mean), between, True)
        assert [one.measured for one in flags] == ([] if share is None else [share])
    assert rater_flags(np.full(3, 5.0), 1 - between, False) == fastseg.flags.NO_FLAGS
    assert rater_flags(np.full(3, 0.01), 1 - between, False)[0].measured == 1
    assert not rater_flags(np.full(3, np.nan), between, True)
    assert not rater_flags(np.full(3, 0.9), np.full((3, 3), np.nan), True)
    assert not rater_flags(np.full(3, 0.9), between, None)
