"""Files of label names, and the texts for labels and tolerances."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fastseg.inputs.label_files import parse_labels, parse_tolerance, read_label_names

GOOD = {
    "name to id": ("n.json", '{"liver": 1, "spleen": 2}', {"liver": 1, "spleen": 2}, None),
    "background": ("n.json", '{"background": 0, "liver": 1}', {"liver": 1}, None),
    "region": ("n.json", '{"tumour": [1, 2, 4], "core": [4]}', {"tumour": (1, 2, 4), "core": (4,)}, None),
    "id to name": ("n.json", '{"0": "background", "3": "liver"}', {"liver": 3}, None),
    "nnU-Net": (
        "dataset.json",
        '{"name": "x", "labels": {"background": 0, "whole": [1, 2], "core": 2, "ignore": 3}}',
        {"whole": (1, 2), "core": 2},
        3,
    ),
    "first nnU-Net": ("dataset.json", '{"labels": {"0": "background", "1": "liver"}}', {"liver": 1}, None),
    "an organ of that name": ("n.json", '{"ignore": 3, "liver": 1}', {"ignore": 3, "liver": 1}, None),
    "byte order mark": ("n.json", '\ufeff{"Großhirn": 1}', {"Großhirn": 1}, None),
    "large ids": ("n.json", '{"neuron": 720575940379279980}', {"neuron": 720575940379279980}, None),
    "ids from a table of floats": (
        "n.json", '{"labels": {"liver": 1.0, "both": [1.0, 2], "ignore": 3.0}}', {"liver": 1, "both": (1, 2)}, 3
    ),
    "float id to name": ("n.json", '{"0.0": "background", "3.0": "liver"}', {"liver": 3}, None),
    "yaml": ("n.yaml", "liver: 1\ntumour: [1, 2]\n", {"liver": 1, "tumour": (1, 2)}, None),
    "yaml, id to name": ("n.yml", "0: background\n1: liver\n", {"liver": 1}, None),
}  # fmt: skip

BAD = {
    "not JSON": ("n.json", '{"liver": 1,,}', "not valid JSON: .* line 1, column 13"),
    "not YAML": ("n.yaml", "liver: [1\nspleen: 2", "not valid YAML: .* line 2"),
    "not text": ("n.json", b"\xff\xfe\x00\x01", "not a text file"),
    "a list": ("n.json", "[1, 2]", "holds a list"),
    "empty": ("n.json", "{}", "names no label"),
    "background only": ("n.json", '{"background": 0}', "no label but the background"),
    "a fraction": ("n.json", '{"liver": 1.5}', "'liver' is 1.5"),
    "a boolean": ("n.json", '{"liver": true}', "'liver' is true"),
    "text among ids": ("n.json", '{"liver": 1, "spleen": "2"}', "'spleen' is \"2\""),
    "an empty region": ("n.json", '{"liver": []}', r"'liver' is \[\]"),
    "background in a region": ("n.json", '{"liver": [0, 1]}', "'liver' holds 0"),
    "names for names": ("n.json", '{"liver": "Leber"}', "'liver' is not a whole number"),
    "key twice": ("n.json", '{"liver": 1, "liver": 2}', "key 'liver' is given twice"),
    "yaml key twice": ("n.yaml", "liver: 1\nliver: 2\n", "key 'liver' is given twice"),
    "name twice": ("n.json", '{"1": "liver", "2": "liver"}', "name 'liver' is given twice"),
    "id twice": ("n.json", '{"1": "liver", "01": "spleen"}', "id 1 is given twice"),
    "yaml's no": ("n.yaml", "no: 1\n", "expected a name, got False"),
    "suffix": ("n.txt", "liver 1", "ends in .json, .yaml, .yml"),
}


def _write(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize(("name", "content", "labels", "ignore"), GOOD.values(), ids=GOOD)
def test_names_files_of_every_form(
    tmp_path: Path, name: str, content: str | bytes, labels: Any, ignore: int | None
) -> None:
    names = read_label_names(_write(tmp_path, name, content))
    assert names.labels == labels
    assert {type(label) for label in names.labels.values()} <= {int, tuple}
    assert names.ignore_label == ignore


@pytest.mark.parametrize(("name", "content", "message"), BAD.values(), ids=BAD)
def test_broken_names_files_are_named_with_what_is_wrong(
    tmp_path: Path, name: str, content: str | bytes, message: str
) -> None:
    path = _write(tmp_path, name, content)
    with pytest.raises(ValueError, match=message) as caught:
        read_label_names(path)
    assert str(caught.value).startswith(str(path))


def test_missing_names_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"absent\.json: no such file"):
        read_label_names(tmp_path / "absent.json")


def test_labels_text(tmp_path: Path) -> None:
    assert parse_labels(None) == (None, None)
    assert parse_labels("3, 1,-2") == ([3, 1, -2], None)
    path = _write(tmp_path, "d.json", '{"labels": {"liver": 1, "ignore": 9}}')
    assert parse_labels(str(path)) == ({"liver": 1}, 9)
    for text in ("liver", "1,", "1.5", ""):
        with pytest.raises(ValueError, match="expected ids separated by commas"):
            parse_labels(text)


@pytest.mark.parametrize(
    ("text", "labels", "tolerance"),
    [
        ("2.5", None, 2.5),
        ("liver=2, default=1", {"liver": 1}, {"liver": 2, "default": 1}),
        # A whole number is an id, unless a label is named so.
        ("1=2,default=1", {"liver": 1}, {1: 2, "default": 1}),
        ("1=2,default=1", {"1": 7}, {"1": 2, "default": 1}),
        ("1=2,2=3", [1, 2], {1: 2, 2: 3}),
        ("1=2,default=3", None, {1: 2, "default": 3}),
    ],
)
def test_tolerance_text(text: str, labels: Any, tolerance: Any) -> None:
    assert parse_tolerance(text, labels) == tolerance


def test_tolerance_file(tmp_path: Path) -> None:
    path = tmp_path / "t.json"
    path.write_text(json.dumps({"liver": 2, "default": 1.5}))
    assert parse_tolerance(str(path), {"liver": 1}) == {"liver": 2, "default": 1.5}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("two", "expected a number, name=number pairs"),
        ("liver=2,3", "expected a number, name=number pairs"),
        ("liver=two", "expected a number for 'liver', got 'two'"),
        ("liver=1,liver=2", "name 'liver' is given twice"),
    ],
)
def test_broken_tolerances(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_tolerance(text, None)
