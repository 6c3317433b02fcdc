"""An evaluation says what it is asked: a case, a structure, or one structure of one case."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest

import fastseg
from fastseg.results import Evaluation

BLOCK = np.zeros((5, 6, 7), np.uint8)
BLOCK[1:4, 2:5, 3:6] = 1
BLOCK[0, 0] = 2
LABELS = {"liver": 1, "tumour": 2, "both": (1, 2)}


def case(name: str, shift: int = 1) -> Evaluation:
    return fastseg.evaluate(
        BLOCK, np.roll(BLOCK, shift, 0), labels=LABELS, metrics="dice", case=name
    )


ONE = case("a")
TWO = Evaluation.joined([ONE, case("b", 2)])


@pytest.mark.parametrize("evaluation", [ONE, TWO])
def test_a_key_means_the_same_whatever_the_number_of_cases(evaluation: Evaluation) -> None:
    """A cohort of which one case was left answered as if it were no cohort."""
    assert evaluation["a"].rows == evaluation.case("a").rows == ONE.rows
    assert evaluation["a", "liver"] is evaluation["a", 1] is evaluation.rows[0]
    assert evaluation["a", (1, 2)] is evaluation["a", "both"] is evaluation.row("both", "a")
    assert evaluation["a"]["liver"] is evaluation.rows[0]
    assert evaluation.cases == ("a", "b")[: len(evaluation.cases)]


def test_one_case_needs_no_name() -> None:
    assert ONE["liver"] is ONE.row("liver") is ONE[1] is ONE.row(1) is ONE.rows[0]
    assert ONE[(1, 2)] is ONE.rows[2]


def test_a_structure_of_several_cases_needs_the_case() -> None:
    for ask in (lambda: TWO["liver"], lambda: TWO.row("liver"), lambda: TWO[1]):
        with pytest.raises(KeyError, match=r"2 cases have the label .* as in evaluation\['a', "):
            ask()
    only = Evaluation((*ONE.rows, replace(TWO.rows[3], name="kidney", label=7)), ONE.metrics)
    assert only["kidney"].case == "b"


def test_what_is_a_case_and_a_structure_is_said_so() -> None:
    same = Evaluation(tuple(replace(row, case="liver") for row in ONE.rows), ONE.metrics)
    with pytest.raises(KeyError, match=r"names a case and a structure: .*\.case\('liver'\)"):
        same["liver"]
    assert same.row("liver") is same.rows[0]
    assert same.case("liver").rows == same.rows


@pytest.mark.parametrize(
    ("key", "told"),
    [
        ("livre", "did you mean 'liver'"),
        (3, "label 3 was not evaluated"),
        (True, "label True was not evaluated"),
        (("a", "livre"), "'livre' was not evaluated in case 'a'; did you mean 'liver'"),
        (("c", "liver"), "no case 'c'; known: a, b"),
        ("seventy", r"known: liver, 1, tumour, 2, both, \(1, 2\), a, b"),
    ],
)
def test_unknown_keys_suggest_the_nearest(key: object, told: str) -> None:
    with pytest.raises(KeyError, match=told):
        TWO[key]
    with pytest.raises(KeyError, match="no case 'aa'; did you mean 'a'"):
        TWO.case("aa")


def test_instances_are_no_structures() -> None:
    """Their rows are in the table; a structure's name finds the structure."""
    instance = replace(
        ONE.rows[0], level="instance", reference_label=7, prediction_label=None, label=1
    )
    both = Evaluation((instance, *ONE.rows), ONE.metrics)
    assert both["liver"] is ONE.rows[0]
    row = both.to_dict()[0]
    assert (row["level"], row["reference_label"], row["prediction_label"]) == ("instance", 7, None)
    assert both.to_csv().splitlines()[1].startswith("a,instance,1,liver,7,,")


def test_known_labels_are_told_once() -> None:
    """A label that has no name is named as its id."""
    plain = fastseg.evaluate(BLOCK, BLOCK, metrics="dice")
    for key in (77, "seventy"):
        with pytest.raises(KeyError, match="known: 1, 2['\"]$"):
            plain[key]
    thousands = Evaluation(
        tuple(replace(ONE.rows[0], label=i, name=str(i)) for i in range(10_000)), ONE.metrics
    )
    with pytest.raises(KeyError) as told:
        thousands[-5]
    assert len(str(told.value)) < 400


def test_one_of_several_rows_is_never_given_in_silence() -> None:
    """Two structures may share a label on one side, and rows of two runs may have one name."""
    shared = fastseg.evaluate(
        BLOCK, BLOCK, labels={"x": 1, "y": {"reference": 1, "prediction": 2}}, metrics="dice"
    )
    assert (shared["x"]["dice"], shared["y"]["dice"]) == (1, 0)
    key: object
    for key in (1, ("", 1)):
        with pytest.raises(KeyError, match=r"2 structures have the label 1: ask by name, 'x' or"):
            shared[key]
    twice = Evaluation((*ONE.rows, *map(replace, ONE.rows)), ONE.metrics)
    again: object
    for again in ("liver", ("a", 1)):
        with pytest.raises(KeyError, match=r"2 rows are of the structure .* of the case 'a'"):
            twice[again]
    assert len(twice.case("a")) == 6


def test_what_is_in_an_evaluation() -> None:
    """It went through the rows, and found no label in any of them."""
    for key in ("liver", 1, (1, 2), "both", "a", ("a", "liver"), ("b", 2), TWO.rows[4]):
        assert key in TWO
    for wrong in ("livre", 3, (1, 3), "c", ("c", 1), ("a", 3), True, [1, 2], None, ("a", [1])):
        assert wrong not in TWO
    with pytest.raises(KeyError, match="was not evaluated"):
        TWO[[1, 2]]


def test_looking_up_is_no_search() -> None:
    """Ten thousand labels, each asked for once: a search of all rows took minutes."""
    n = 10_000
    rows = tuple(replace(ONE.rows[0], label=i, name=str(i)) for i in range(n))
    many = Evaluation(rows, ONE.metrics)
    started = time.perf_counter()
    assert all(many[i] is rows[i] and many["a", str(i)] is rows[i] for i in range(n))
    assert all(many["a"][i] is rows[i] for i in range(n))  # each case has its index, made once
    assert all(i in many for i in range(n))
    assert time.perf_counter() - started < 5


def test_labels_that_are_not_there_are_told_in_no_time() -> None:
    """Comparing each of a thousand wrong labels with ten thousand took five minutes."""
    rows = tuple(replace(ONE.rows[0], label=i, name=f"n{i}") for i in range(10_000))
    many = Evaluation(rows, ONE.metrics)
    started = time.perf_counter()
    for i in range(100):
        with pytest.raises(KeyError):
            many[-1 - i]
    assert time.perf_counter() - started < 10


@pytest.mark.slow
def test_tables_of_many_labels_grow_with_them() -> None:
    """Ten thousand rows to every table there is."""
    rows = tuple(
        replace(row, label=i, name=str(i))
        for i in range(5000)
        for row in (ONE.rows[0], TWO.rows[3])
    )
    many = Evaluation(rows, ONE.metrics, ONE.settings)
    started = time.perf_counter()
    summary = many.summary(by_label=True)
    assert [summary[str(i), "dice"].n for i in range(5000)] == [2] * 5000
    assert len(many.to_dict()) == len(rows)
    assert Evaluation.from_json(many.to_json()) == many
    assert time.perf_counter() - started < 30


def test_a_metric_is_found_by_any_of_its_names() -> None:
    row = fastseg.evaluate(BLOCK, BLOCK, labels=[1], metrics=["dsc", "sensitivity"])[1]
    assert list(row) == ["dice", "recall"]
    assert row["DSC"] == row["dice"] == row["sensitivity"] == row["tpr"] == 1
    with pytest.raises(KeyError, match="'ppv' was not evaluated"):
        row["ppv"]
