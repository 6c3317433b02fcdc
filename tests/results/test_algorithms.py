"""Several algorithms, and what is known of a case beside its maps, stand in rows, tables and look-ups."""

from __future__ import annotations

import pickle
from dataclasses import FrozenInstanceError, replace
from typing import Any

import numpy as np
import pytest

import fastseg
from fastseg.results import Evaluation, Failure, with_case
from fastseg.results.attributes import Attributes
from fastseg.results.with_case import check_attributes

BLOCK = np.zeros((5, 6, 7), np.uint8)
BLOCK[1:4, 2:5, 3:6] = 1
LABELS = {"liver": 1, "tumour": 2}


def one(case: str, shift: int = 0, algorithm: str = "", **attributes: str) -> Evaluation:
    prediction = np.roll(BLOCK, shift, 0)
    evaluation = fastseg.evaluate(
        BLOCK, prediction, labels=LABELS, metrics="dice", case=case, flags=False
    )
    return with_case(evaluation, algorithm, attributes)


def two() -> Evaluation:
    parts = [
        one(case, shift, name, site=case.upper())
        for name, shift in (("unet", 0), ("other", 1))
        for case in "ab"
    ]
    return Evaluation.joined(parts)


def test_rows_know_them_and_stay_as_they_are() -> None:
    evaluation = one("a", 0, "unet", site="B", sex="f")
    for row in evaluation:
        assert (row.algorithm, row.attributes) == ("unet", {"site": "B", "sex": "f"})
        assert repr(pickle.loads(pickle.dumps(row))) == repr(row)
        with pytest.raises(FrozenInstanceError):
            row.algorithm = "mine"  # type: ignore[misc]
        with pytest.raises(TypeError):
            row.attributes["site"] = "C"  # type: ignore[index]
    assert one("a").rows[0].attributes == {}
    plain = one("a")
    assert with_case(plain) is plain
    assert hash(Attributes({"a": "b", "c": "d"})) == hash(Attributes({"c": "d", "a": "b"}))
    given = {"site": "B"}
    kept = with_case(plain, "", given)
    given["site"] = "C"
    assert kept.rows[0].attributes == {"site": "B"}
    assert repr(kept.rows[0].attributes) == "{'site': 'B'}"


def test_columns_stand_where_they_belong_and_only_if_needed() -> None:
    evaluation = Evaluation.joined([one("a", 0, "unet", site="B"), one("b", 0, "unet", sex="f")])
    assert evaluation.columns[:5] == ["algorithm", "case", "site", "sex", "level"]
    assert evaluation.to_csv().splitlines()[1:4:2] == [
        "unet,a,B,,structure,1,liver,1,1,1.0,27.0,27.0,27,0,0,183,,,",
        "unet,b,,f,structure,1,liver,1,1,1.0,27.0,27.0,27,0,0,183,,,",
    ]
    assert all(list(row) == evaluation.columns for row in evaluation.to_dict())
    assert list(evaluation.rows[0].to_dict())[:4] == ["algorithm", "case", "site", "level"]
    assert one("a").columns[:3] == ["case", "level", "label"]
    mixed = Evaluation.joined([one("a"), one("a", 0, "unet")])
    assert [row["algorithm"] for row in mixed.to_dict()] == ["", "", "unet", "unet"]
    pandas = pytest.importorskip("pandas")
    frame = evaluation.to_pandas()
    assert isinstance(frame, pandas.DataFrame)
    assert list(frame.columns) == evaluation.columns
    assert "algorithm" in str(mixed)
    assert "algorithm" not in str(evaluation)


def test_look_ups_of_several_algorithms_say_how_to_ask() -> None:
    evaluation = two()
    assert (evaluation.cases, evaluation.algorithms) == (("a", "b"), ("unet", "other"))
    asks: list[Any] = [
        lambda: evaluation["liver"],
        lambda: evaluation["a", "liver"],
        lambda: evaluation.row("liver", "a"),
        lambda: evaluation.case("a").row("liver"),
    ]
    for ask in asks:
        with pytest.raises(
            KeyError,
            match=r"2 algorithms have the label 'liver': .* evaluation\.algorithm\('unet'\)\['a', 'liver",
        ):
            ask()
    assert evaluation.algorithm("unet")["a", "liver"]["dice"] == 1
    assert evaluation.algorithm("other")["a", "liver"]["dice"] < 1
    assert evaluation.case("a").algorithm("other")["liver"]["dice"] < 1
    assert len(evaluation.case("a")) == 4
    with pytest.raises(KeyError, match="no algorithm 'unnet'; did you mean 'unet'"):
        evaluation.algorithm("unnet")
    with pytest.raises(KeyError, match="no algorithm ''; known: none"):
        one("a").algorithm("")
    assert Evaluation.joined([one("a"), one("a", 0, "unet")]).algorithm("").cases == ("a",)


def test_the_same_of_two_algorithms_is_joined_and_of_one_is_not() -> None:
    assert len(two()) == 8
    with pytest.raises(
        ValueError, match=r"both have the structure 'liver' of a case 'a' by the algorithm 'unet'"
    ):
        Evaluation.joined([one("a", 0, "unet"), one("a", 1, "unet")])
    with pytest.raises(ValueError, match="no name for their case"):
        Evaluation.joined([one("", 0, "unet"), one("", 1, "unet")])


def test_failures_and_missing_predictions_are_joined_and_chosen() -> None:
    def cohort(name: str, *missing: str) -> Evaluation:
        evaluation = one("a")
        settings = dict(evaluation.settings)
        settings["missing_predictions"] = {"policy": "worst", "cases": list(missing)}
        failed = (Failure("bad", "InputError", "no reason"),)
        return with_case(replace(evaluation, settings=settings, failures=failed), name)

    joined = Evaluation.joined([cohort("unet", "a"), cohort("other", "a", "c")])
    assert joined.settings["missing_predictions"] == {
        "policy": "worst",
        "cases": {"unet": ["a"], "other": ["a", "c"]},
    }
    assert [one.algorithm for one in joined.failures] == ["unet", "other"]
    other = joined.algorithm("other")
    assert other.settings["missing_predictions"]["cases"] == {"other": ["a", "c"]}
    assert other.failures == (Failure("bad", "InputError", "no reason", "other"),)
    assert other.case("a").failures == ()
    with pytest.raises(KeyError, match="'bad' could not be evaluated: InputError: no reason"):
        joined.case("bad")
    with pytest.raises(KeyError, match="'bad' could not be evaluated: InputError: no reason"):
        joined["bad"]
    assert repr(Evaluation.from_json(joined.to_json())) == repr(joined)
    failed = Evaluation((), ("dice",), {}, (Failure("a", "InputError", "no", "unet"),))
    assert failed.algorithms == ("unet",)
    assert failed.algorithm("unet") == failed
    unnamed = [replace(cohort("", "x"), rows=one(case).rows) for case in "ab"]
    assert Evaluation.joined(unnamed).settings["missing_predictions"]["cases"] == ["x"]
    assert len(Evaluation.joined(unnamed).failures) == 1


def test_a_case_under_a_new_name_takes_along_its_failure() -> None:
    failed = Evaluation((), ("dice",), {}, (Failure("x", "InputError", "no"),))
    joined = Evaluation.joined({"a": one("x"), "b": failed})
    assert (joined.cases, joined.failures[0].case) == (("a",), "b")
    with pytest.raises(ValueError, match="'both' has 2 cases already"):
        Evaluation.joined({"both": replace(one("a"), failures=failed.failures)})


@pytest.mark.parametrize(
    "name", ["dice", "case", "level", "algorithm", "tp", "mean", "problem", ""]
)
def test_further_columns_may_not_be_called_as_ours(name: str) -> None:
    with pytest.raises(fastseg.InputError, match=r"^pairs\.csv: "):
        check_attributes(["site", name], ["dice"], "pairs.csv")


def test_further_columns_are_there_once() -> None:
    check_attributes(["site", "hd95"], ["dice"])
    with pytest.raises(fastseg.InputError, match="'site' is there twice"):
        check_attributes(["site", "site"])


def test_what_failed_is_shown() -> None:
    failures = tuple(Failure(case, "InputError", "no <b>") for case in "bc")
    told = "2 cases failed: b: InputError: no <b>, and 1 more"
    assert str(Evaluation((), ("dice",), {}, failures)) == told
    both = replace(one("a"), failures=failures[:1])
    assert str(both).endswith("\n(1 case failed: b: InputError: no <b>)")
    assert both._repr_html_().endswith("<p>1 case failed: b: InputError: no &lt;b&gt;</p>")


def test_voxels_of_labels_that_were_not_asked_for_are_added_up() -> None:
    def case(name: str, **options: Any) -> Evaluation:
        return fastseg.evaluate(
            BLOCK, 2 * BLOCK, labels={"x": 3}, metrics="dice", case=name, **options
        )

    joined = Evaluation.joined([case("a"), case("b"), one("c")])
    assert joined.settings["unlisted_labels"] == {"reference": {1: 54}, "prediction": {2: 54}}
    assert "unlisted_labels" not in Evaluation.joined([one("a"), one("b")]).settings
