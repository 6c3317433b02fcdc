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
        (("a", "livre"), "did you mean 'liver'"),
        (("c", "liver"), "case 'c' has no label 'liver'"),
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


def test_looking_up_is_no_search() -> None:
    """Ten thousand labels, each asked for once: a search of all rows took minutes."""
    rows = tuple(replace(ONE.rows[0], label=i, name=str(i)) for i in range(10_000))
    many = Evaluation(rows, ONE.metrics)
    started = time.perf_counter()
    assert all(many[i] is rows[i] and many["a", str(i)] is rows[i] for i in range(10_000))
    assert time.perf_counter() - started < 5
