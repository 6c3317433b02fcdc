"""The table of panoptica's aggregator, as panoptica reads it."""

from __future__ import annotations

import csv
import io
import sys
from pathlib import Path
from typing import Any

import pytest

import fastseg
from fastseg.results import Evaluation
from fastseg.results.writers import panoptica_tsv
from tests.results.cohorts import EVALUATIONS, cohort, one

ALIKE = ("dice", "iou", "masd", "relative_volume_difference", "hd", "hd95")


def rows_of(evaluation: Evaluation) -> list[dict[str, str]]:
    text = io.StringIO(panoptica_tsv.table_of(evaluation), newline="")
    return list(csv.DictReader(text, delimiter="\t"))


def test_it_is_this_file() -> None:
    evaluation = cohort(
        labels={"Liver": 1, "the-rest": (2, 3)}, metrics=["dice", "hd95"], failed=["c"]
    )
    assert panoptica_tsv.table_of(evaluation) == (
        "subject_name\tliver-global_bin_volume_pred\tliver-global_bin_volume_ref\tliver-global_bin_dsc\tliver-hd95"
        "\tthe_rest-global_bin_volume_pred\tthe_rest-global_bin_volume_ref\tthe_rest-global_bin_dsc\tthe_rest-hd95\n"
        "a\t27.0\t27.0\t0.6666666666666666\t1.0\t4.0\t7.0\t0.0\t5.385164807134504\n"
        "b\t27.0\t27.0\t0.3333333333333333\t1.0\t4.0\t7.0\t0.0\t5.0990195135927845\n"
        "c\t\t\t\t\t\t\t\t\n"
    )


def test_panopticas_names_are_for_what_it_defines_alike() -> None:
    def names(**options: Any) -> list[str]:
        (row,) = rows_of(one("a", labels={"x": 1}, metrics=ALIKE, **options))
        return [name.removeprefix("x-") for name in row][3:]

    known = [f"global_bin_{name}" for name in ("dsc", "iou", "assd", "rvd", "hd", "hd95")]
    assert names(percentile_method="pooled") == known
    assert names() == [*known[:-1], "hd95"]
    counted = [*known[:2], known[3], "masd", "hd", "hd95"]
    assert names(boundary="surfel") == counted
    assert names(percentile_method="pooled", spacing=(1, 1, 2)) == counted


def test_a_case_needs_a_name() -> None:
    with pytest.raises(fastseg.InputError, match="every case needs a name"):
        panoptica_tsv.table_of(one(""))


def test_groups_are_told_apart() -> None:
    (row,) = rows_of(one("a", labels={"A": 1, "a": 2, "a-b": 3}, metrics=["dice"]))
    assert {name.split("-", 1)[0] for name in row} == {"subject_name", "A", "a", "a_b"}


@pytest.mark.parametrize("name", [name for name in EVALUATIONS if name != "odd names"])
def test_every_case_has_a_line(name: str) -> None:
    evaluation = EVALUATIONS[name]
    cases = [row["subject_name"] for row in rows_of(evaluation)]
    assert len(set(cases)) == len(cases)
    assert set(cases) >= {*evaluation.cases, *(one.case for one in evaluation.failures)}


@pytest.mark.slow
def test_panoptica_writes_and_reads_the_same(tmp_path: Path, monkeypatch: Any) -> None:
    pytest.importorskip("panoptica")
    monkeypatch.setenv("PANOPTICA_CITATION_REMINDER", "false")
    import subprocess

    program = tmp_path / "both.py"
    program.write_text(BESIDE)
    done = subprocess.run(
        [sys.executable, str(program), str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "same"


#: panoptica sets how processes start and writes to the console, so it has a process of its own
BESIDE = """
import csv, sys
import numpy as np
import panoptica
from panoptica.metrics import Metric
from panoptica.utils.label_group import LabelGroup
from panoptica.utils.segmentation_class import SegmentationClassGroups
import fastseg
from fastseg.results.writers import panoptica_tsv

folder = sys.argv[1]
kinds = [Metric.DSC, Metric.IOU, Metric.ASSD, Metric.RVD, Metric.HD, Metric.HD95]
evaluator = panoptica.Panoptica_Evaluator(
    expected_input=panoptica.InputType.SEMANTIC,
    instance_approximator=panoptica.ConnectedComponentsInstanceApproximator(),
    instance_matcher=panoptica.NaiveThresholdMatching(),
    segmentation_class_groups=SegmentationClassGroups(
        {"Liver": LabelGroup(1), "tumour": LabelGroup(2)}
    ),
    global_metrics=kinds,
)
aggregator = panoptica.Panoptica_Aggregator(evaluator, folder + "/theirs.tsv")
parts = []
for i, case in enumerate(["case a", "case-b"]):
    reference = np.zeros((12, 12, 12), np.uint8)
    reference[2:7, 2:7, 2:7] = 1
    reference[8:10, 8:10, 8:10] = 2
    prediction = np.roll(reference, 1, i)
    prediction[8:10, 8:10, 8 : 11 + i] = 2
    aggregator.evaluate(prediction, reference, case)
    parts.append(
        fastseg.evaluate(
            reference, prediction, labels={"Liver": 1, "tumour": 2},
            metrics=["dice", "iou", "masd", "relative_volume_difference", "hd", "hd95"],
            percentile_method="pooled", case=case,
        )
    )
with open(folder + "/ours.tsv", "w") as file:
    file.write(panoptica_tsv.table_of(fastseg.Evaluation.joined(parts)))
ours, theirs = (
    list(csv.DictReader(open(folder + name), delimiter="\\t")) for name in ("/ours.tsv", "/theirs.tsv")
)
for one, other in zip(ours, theirs, strict=True):
    assert list(one) == [key for key in other if key in one], (list(one), list(other))
    for key, value in one.items():
        if key == "subject_name":
            assert value == other[key]
        else:
            assert abs(float(value) - float(other[key])) <= 1e-12, (key, value, other[key])
read = panoptica.Panoptica_Statistic.from_file(folder + "/ours.tsv")
assert read.get("liver", "global_bin_dsc") == [float(one["liver-global_bin_dsc"]) for one in ours]
print("same")
"""
