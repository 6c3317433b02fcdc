"""Metrics by the names that the literature has for them: understood, or refused with what they may mean."""

from __future__ import annotations

import re

import numpy as np
import pytest

import fastseg
from fastseg.metrics import canonical, list_metrics, registry, resolve
from fastseg.metrics.synonyms import AMBIGUOUS, SYNONYMS, plain_name

REFERENCE = np.zeros((8, 8, 8), np.uint8)
REFERENCE[1:5, 1:5, 1:5] = 1
PREDICTION = np.roll(REFERENCE, 1, 0)
PREDICTION[6, 6, 6] = 1

NAMES = {metric.name for metric in list_metrics("all")}


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("sensitivity", "recall"),
        ("TPR", "recall"),
        ("ppv", "precision"),
        ("tnr", "specificity"),
        ("dsc", "dice"),
        ("Dice", "dice"),
        ("F1-score", "dice"),
        ("jaccard", "iou"),
        ("Jaccard Index", "iou"),
        ("IoU", "iou"),
        ("hausdorff", "hd"),
        ("Hausdorff distance", "hd"),
        ("HD95", "hd95"),
        ("hausdorff_95", "hd95"),
        ("Hausdorff 95", "hd95"),
        ("hausdorff95", "hd95"),
        ("hd_97_5", "hd97_5"),
        ("95th hd", "hd95"),
        ("volumetric similarity", "volume_similarity"),
        ("VS", "volume_similarity"),
        ("rvd", "relative_volume_difference"),
        ("surface_dice", "nsd"),
        ("Normalized Surface Distance", "nsd"),
        ("Cohen's kappa", "cohen_kappa"),
        ("average_symmetric_surface_distance", "assd"),
        (" assd ", "assd"),
    ],
)
def test_a_synonym_is_answered_with_the_one_name(given: str, name: str) -> None:
    evaluation = fastseg.evaluate(REFERENCE, PREDICTION, metrics=[given])
    assert evaluation.metrics == (name,)
    assert evaluation[1][name] == fastseg.evaluate(REFERENCE, PREDICTION, metrics=name)[1][name]
    assert fastseg.evaluate(REFERENCE, PREDICTION, metrics=given) == evaluation
    assert canonical(given) == canonical(name) == name


def test_no_synonym_shadows_a_metric() -> None:
    families = [pattern for pattern, *_ in registry._families]
    assert len(families) == 5
    for other in [*SYNONYMS, *AMBIGUOUS]:
        assert other not in NAMES
        assert not any(pattern.fullmatch(other) for pattern in families), other
        assert plain_name(other) == other, "it would never be found"
    assert not SYNONYMS.keys() & AMBIGUOUS.keys()
    assert set(SYNONYMS.values()) <= NAMES


def test_every_name_of_the_table_is_its_own() -> None:
    for name in (*NAMES, "hd99", "hd97_5", "hd97.5", "f2", "f0_5", "f1", "hd100"):
        assert canonical(name) == name
        assert [metric.name for metric in resolve([name])] == [name]


@pytest.mark.parametrize(
    "name", ["liver", "", "hausdorff_101", "hd9 5", "95", "surfaces", "dice dice"]
)
def test_what_is_no_synonym_stays_and_is_unknown(name: str) -> None:
    assert canonical(name) == name
    with pytest.raises(ValueError, match=r"^metrics: unknown "):
        resolve([name])


@pytest.mark.parametrize("name", AMBIGUOUS)
def test_a_name_for_several_is_refused_with_what_it_may_be(name: str) -> None:
    with pytest.raises(
        ValueError, match=rf"^metrics: '{name}' is not the name of one metric; "
    ) as caught:
        fastseg.evaluate(REFERENCE, PREDICTION, metrics=[name])
    named = re.findall(r"'(\w+)'", str(caught.value))[1:]
    assert all(resolve([candidate]) for candidate in named)
    assert named or "columns tn and fn" in str(caught.value)


def test_the_average_of_one_direction_or_of_both() -> None:
    with pytest.raises(ValueError, match="'ASD' is not the name") as caught:
        resolve("ASD")
    for candidate in ("asd_prediction_to_reference", "asd_reference_to_prediction", "assd", "masd"):
        assert repr(candidate) in str(caught.value)


@pytest.mark.parametrize(
    "pair", [("dice", "dsc"), ("DSC", "dice"), ("hd95", "HD95"), ("tpr", "recall")]
)
def test_a_metric_given_twice_by_two_names(pair: tuple[str, str]) -> None:
    first, second = pair
    one = canonical(first)
    with pytest.raises(
        ValueError, match=f"once, got '{first}' and '{second}', which are both {one}"
    ):
        fastseg.evaluate(REFERENCE, PREDICTION, metrics=["iou", *pair])


@pytest.mark.parametrize("meant", ["sensitivity", "jaccard", "recall", "dice"])
def test_a_slip_in_a_name_is_told_the_name(meant: str) -> None:
    with pytest.raises(ValueError, match=f"did you mean '{meant}'"):
        resolve([meant[:-3] + meant[-2:]])


def test_the_list_of_all_names_has_each_metric_once() -> None:
    with pytest.raises(ValueError, match="known: dice, iou, .*, hd99") as caught:
        resolve(["qqq"])
    assert "jaccard" not in str(caught.value)
