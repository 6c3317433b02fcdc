"""What is written as JSON is strict, and is read back as it was."""

from __future__ import annotations

import copy
import json
import math
import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest

import fastseg
from fastseg.measures.joint_histogram import Counts, Empty
from fastseg.results import Evaluation, Failure, Level, Row, with_case
from fastseg.results.attributes import Attributes

MASK = np.zeros((6, 6, 6), np.uint8)
MASK[1:4, 1:4, 1:4] = 1
#: bits that text loses easily
VALUES = (
    *(0.0, -0.0, 1.0, 0.1, 1 / 3, 5e-324, 1.7976931348623157e308, 2.0**53 + 2, -1e-7),
    *(math.nan, math.inf, -math.inf),
)


def bits(value: Any) -> Any:
    """Give a value with its types and, of floats, its bits."""
    if isinstance(value, float):
        return "float", "nan" if math.isnan(value) else struct.pack("<d", value)
    if isinstance(value, dict):
        return "dict", [(bits(key), bits(part)) for key, part in value.items()]
    if isinstance(value, (list, tuple)):
        return type(value).__name__, [bits(part) for part in value]
    return type(value).__name__, value


def contents(evaluation: Evaluation) -> Any:
    rows = [
        bits([getattr(row, name) for name in Row.__dataclass_fields__]) for row in evaluation.rows
    ]
    settings = bits(dict(evaluation.settings))
    return rows, evaluation.metrics, settings, evaluation.failures


def strictly(text: str) -> Any:
    def refuse(name: str) -> None:
        raise AssertionError(name)

    return json.loads(text, parse_constant=refuse)


def random_label(random: np.random.Generator) -> Any:
    one = [int(random.integers(-5, 9)), 2**53 + 1, 2**64 - 1][random.integers(3)]
    return [one, (one,), (one, -3, 2**63)][random.integers(3)]


def random_evaluation(seed: int) -> Evaluation:
    random = np.random.default_rng(seed)
    metrics = ("dice", "hd", "hd99_5", "volume_difference")[: random.integers(5)]
    texts = ["", "a", 'quo"te', "größe", "new\nline", "inf", "1+2", "\u2028", "\x00", "😀"]

    def text() -> str:
        return str(texts[random.integers(len(texts))])

    def value() -> float:
        return float(random.choice([*VALUES, random.normal() * 10.0 ** random.integers(-20, 20)]))

    def row() -> Row:
        label = random_label(random)
        return Row(
            case=text(),
            label=label,
            name=text(),
            reference_label=[label, None][random.integers(2)],
            prediction_label=[label, None][random.integers(2)],
            values_by_metric={name: value() for name in metrics},
            counts=Counts(
                *(int(n) * 2 ** int(random.integers(40)) for n in random.integers(0, 9, 4))
            ),
            voxel_volume=value(),
            empty=random.choice(get_args(Empty)).item(),
            empty_policy=text(),
            level=random.choice(get_args(Level)).item(),
            algorithm=text() if random.integers(2) else "",
            attributes=Attributes({text(): text() for _ in range(random.integers(3))}),
        )

    def failure() -> Failure:
        known = Attributes({text(): text()})
        return Failure(text(), text(), text(), text(), text(), known)

    settings = {
        "spacing": [1.0, value()],
        "tolerance": [1.0, {1: value(), "1": 2.0, "default": value()}][random.integers(2)],
        "empty": ["worst", {"default": "nan", "hd": math.inf, "dice": {"both": 1.0, "one": 0}}][
            random.integers(2)
        ],
        "ignore_label": [None, 2**60][random.integers(2)],
        "labels": {"liver": 1, "both": (1, 2), "sides": {"reference": (3,), "prediction": [4]}},
        "unlisted_labels": {"reference": {2**63: 5, 7: 1}, "prediction": {}},
        "flag": True,
    }
    rows = tuple(row() for _ in range(random.integers(5)))
    failures = tuple(failure() for _ in range(random.integers(3)))
    return Evaluation(rows, metrics, settings, failures)


@pytest.mark.parametrize("seed", range(60))
def test_it_is_read_back_to_the_bit(seed: int, tmp_path: Path) -> None:
    evaluation = random_evaluation(seed)
    text = evaluation.to_json(tmp_path / "t.json")
    content = strictly(text)
    for entry in (*content["rows"], *content["summary"], *content["summary_by_label"]):
        for key, value in entry.items():
            assert value is None or isinstance(value, (str, int, float, dict)), key
            assert (key in evaluation.metrics) <= isinstance(value, (int, float, type(None)))
    for source in (text, tmp_path / "t.json", str(tmp_path / "t.json"), "\ufeff \n" + text):
        assert contents(Evaluation.from_json(source)) == contents(evaluation)
    assert Evaluation.from_json(text).to_json() == text


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"tolerance": {1: 2.0, "default": 1}},
        {"labels": {"x": 1, "y": (1, 2), "z": {"reference": 1, "prediction": 3}}, "spacing": 0.5},
        {"empty": {"default": "diagonal", "hd": 99.5, "nsd": {"both": 1, "one": 0}}},
        {"labels": [1, 9]},
    ],
)
@pytest.mark.filterwarnings("ignore:the reference's only label")
def test_what_evaluate_gives_is_read_back(options: dict[str, Any]) -> None:
    evaluation = fastseg.evaluate(MASK, np.roll(MASK, 1), **options)
    joined = Evaluation.joined({"a": evaluation, "b": fastseg.evaluate(MASK, 2 * MASK, **options)})
    for written in (evaluation, joined, joined.case("b")):
        read = Evaluation.from_json(written.to_json())
        assert contents(read) == contents(written)
        assert str(read) == str(written)
        assert read.to_csv() == written.to_csv()
    again = Evaluation.joined({"c": Evaluation.from_json(evaluation.to_json()), "d": evaluation})
    assert again.cases == ("c", "d")


def test_settings_are_written_as_they_are_read() -> None:
    """Keys that are no text are in the settings as text, and 1 beside "1" is not lost."""
    settings = {
        "tolerance": {1: 2.0, "1": 3.0, "default": 1.0},
        "boundary": "voxel",
        "no": math.nan,
    }
    content = strictly(Evaluation((), ("dice",), settings).to_json())
    assert content["settings"] == {
        "tolerance": {"1": 2.0, "'1'": 3.0, "default": 1.0},
        "boundary": "voxel",
        "no": None,
    }
    assert set(content["settings_restored"]) == {"tolerance", "no"}
    plain = fastseg.evaluate(MASK, MASK, metrics="dice")
    assert "settings_restored" not in strictly(plain.to_json())


def test_numbers_of_numpy_and_whatever_else_cost_no_table() -> None:
    settings = {
        "a": np.float32(0.5),
        "b": np.int64(3),
        "c": np.array([1, 2]),
        "d": {3, 1},
        "e": Path("x/y"),
        "f": np.float64("inf"),
        "g": np.bool_(True),
    }
    read = Evaluation.from_json(Evaluation((), (), settings).to_json())
    values = (0.5, 3, [1, 2], [1, 3], "x/y", math.inf, True)
    assert read.settings == dict(zip("abcdefg", values, strict=True))


def test_one_row_is_one_line() -> None:
    evaluation = fastseg.evaluate(MASK, MASK, labels=[1, 2])
    lines = evaluation.to_json().splitlines()
    rows = [line for line in lines if line.startswith('  {"case"')]
    assert [json.loads(line.removesuffix(","))["label"] for line in rows] == [1, 2]


def _without(key: str) -> Callable[[dict[str, Any]], Any]:
    return lambda content: content.pop(key)


def _row(key: str, value: Any) -> Callable[[dict[str, Any]], Any]:
    return lambda content: content["rows"][0].__setitem__(key, value)


def _top(key: str, value: Any) -> Callable[[dict[str, Any]], Any]:
    return lambda content: content.__setitem__(key, value)


DAMAGE = {
    "newer": (_top("format", 4), "written by a newer fastseg, in format 4"),
    "no format": (_without("format"), "an object with a 'format'; got an object with the keys"),
    "format is text": (_top("format", "1"), "expected a whole number as 'format', got '1'"),
    "format is true": (_top("format", True), "expected a whole number as 'format', got True"),
    "no rows": (_without("rows"), "expected a list as 'rows', got nothing"),
    "no metrics": (_without("metrics"), "expected a list as 'metrics'"),
    "metrics": (_top("metrics", [1]), "expected a list of texts as 'metrics', got 1"),
    "rows": (_top("rows", [1]), "expected a list of objects as 'rows', got 1"),
    "no settings": (_without("settings"), "expected an object as 'settings', got nothing"),
    "restored": (_top("settings_restored", {"a": {"x": 1}}), "expected what to_json wrote"),
    "another metric": (_top("metrics", ["dice", "hd"]), "row 1: expected a number or null as 'hd'"),
    "value is text": (_row("dice", "inf"), "row 1: expected a number or null as 'dice', got 'inf'"),
    "value is true": (_row("dice", True), "expected a number or null as 'dice', got True"),
    "value is vast": (_row("dice", 10**400), "expected a number or null as 'dice', got 1000"),
    "reason": (
        lambda content: content["rows"][0].update(dice=None, not_finite={"dice": "big"}),
        "expected 'nan', 'inf' or '-inf' as 'not_finite', got 'big'",
    ),
    "reasons": (
        lambda content: content["rows"][0].update(dice=None, not_finite=["dice"]),
        "expected an object as 'not_finite'",
    ),
    "no label": (_row("label", None), "expected a label as 'label', got None"),
    "label": (_row("label", "1+x"), "expected a label as 'label', got '1+x'"),
    "label is a number": (_row("label", 1.5), "expected a label as 'label', got 1.5"),
    "count": (_row("tp", -1), "expected a whole number that is not negative as 'tp', got -1"),
    "count is a fraction": (_row("fn", 0.5), "expected a whole number as 'fn', got 0.5"),
    "empty": (_row("empty", "none"), "expected one of '', 'reference', 'prediction', 'both'"),
    "case": (_row("case", 7), "expected text as 'case', got 7"),
    "algorithm": (_row("algorithm", None), "expected text as 'algorithm', got None"),
    "attributes": (_row("attributes", ["a"]), "expected an object as 'attributes', got ['a']"),
    "attribute": (_row("attributes", {"a": 1}), "expected an object of texts as 'attributes'"),
    "failures": (_top("failures", {}), "expected a list as 'failures'"),
    "failure": (_top("failures", [{"case": "a"}]), "failure 1: expected text as 'kind'"),
}


@pytest.mark.parametrize(("damage", "told"), DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_table_is_refused_in_one_line(
    damage: Callable[[dict[str, Any]], Any], told: str, tmp_path: Path
) -> None:
    content = json.loads(fastseg.evaluate(MASK, MASK, metrics="dice").to_json())
    assert len(Evaluation.from_json(json.dumps(content))) == 1
    damaged = copy.deepcopy(content)
    damage(damaged)
    path = tmp_path / "t.json"
    path.write_text(json.dumps(damaged))
    with pytest.raises(fastseg.InputError) as error:
        Evaluation.from_json(path)
    assert told in str(error.value)
    assert str(error.value).startswith(str(path))
    assert len(str(error.value)) < len(str(path)) + 250


@pytest.mark.parametrize(
    "text",
    ["", "  ", "{", '{"rows": [', "[1, 2]", "{}", "[" * 100_000, '{"format": ' + "9" * 5000 + "}"],
    ids=range(8),
)
def test_other_text_is_refused(text: str, tmp_path: Path) -> None:
    with pytest.raises(fastseg.InputError, match="^from_json: "):
        Evaluation.from_json(text)
    (tmp_path / "t").write_text(text)
    with pytest.raises(fastseg.InputError, match="/t: "):
        Evaluation.from_json(tmp_path / "t")


def test_other_files_and_types_are_refused(tmp_path: Path) -> None:
    (tmp_path / "t").write_bytes(b"\x93NUMPY\xff")
    with pytest.raises(fastseg.InputError, match="no text in UTF-8"):
        Evaluation.from_json(tmp_path / "t")
    with pytest.raises(FileNotFoundError):
        Evaluation.from_json(str(tmp_path / "no.json"))
    with pytest.raises(IsADirectoryError):
        Evaluation.from_json(tmp_path)
    wrong: Any
    for wrong in (None, 3, b"{}", {"format": 1}):
        with pytest.raises(TypeError, match="expected a path, or the text that to_json gave, got"):
            Evaluation.from_json(wrong)


def test_null_without_a_reason_is_undefined() -> None:
    """Another program may have written the rows again."""
    content = json.loads(fastseg.evaluate(MASK, MASK, metrics="dice").to_json())
    content["rows"][0]["dice"] = None
    assert math.isnan(Evaluation.from_json(json.dumps(content))[1]["dice"])


def test_what_older_versions_wrote_is_read() -> None:
    """Format 1, before there were algorithms, attributes and failures."""
    path = Path(__file__).parent / "format_1.json"
    read = Evaluation.from_json(path)
    assert [(row.case, row.name, row["dice"]) for row in read] == [("a", "1", 1.0), ("b", "1", 0.0)]
    assert math.isinf(read["b", 1]["hd"])
    assert (read.algorithms, read.rows[0].attributes, read.failures) == ((), {}, ())
    again = strictly(read.to_json())
    before = strictly(path.read_text("utf-8"))
    assert {key: again[key] for key in ("format", "settings", "rows")} == {
        key: before[key] for key in ("format", "settings", "rows")
    }


def test_the_format_is_raised_only_where_older_versions_would_misread() -> None:
    plain = fastseg.evaluate(MASK, MASK, metrics="dice", case="a")
    known = with_case(plain, attributes={"site": "B"})
    failed = replace(known, failures=(Failure("b", "InputError", "no"),))
    assert [strictly(one.to_json())["format"] for one in (plain, known, failed)] == [1, 1, 1]
    assert strictly(with_case(plain, "unet").to_json())["format"] == 2
    alone = Evaluation((), ("dice",), {}, (Failure("b", "InputError", "no", "unet"),))
    content = strictly(alone.to_json())
    assert content["format"] == 2
    assert content["failures"] == [
        {"case": "b", "kind": "InputError", "message": "no", "algorithm": "unet"}
    ]
    assert Evaluation.from_json(alone.to_json()) == alone


def test_the_row_says_algorithm_and_attributes() -> None:
    evaluation = with_case(
        fastseg.evaluate(MASK, MASK, metrics="dice", case="a"), "unet", {"site": "B", "sex": "x"}
    )
    row = strictly(evaluation.to_json())["rows"][0]
    assert list(row)[:4] == ["algorithm", "case", "level", "label"]
    assert (row["case"], row["attributes"]) == ("a", {"site": "B", "sex": "x"})
