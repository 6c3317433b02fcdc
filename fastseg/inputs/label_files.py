"""Which labels, and what holds for each: texts such as a command line takes, and JSON or YAML files."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeGuard

from fastseg.errors import InputError, MissingPackageError

SUFFIXES = (".json", ".yaml", ".yml")

#: nnU-Net's name for the label of voxels that nobody annotated
IGNORE = "ignore"

FORMS = 'expected {"liver": 1, "tumour": [1, 2]}, {"1": "liver"} or a dataset.json with "labels"'

# 1.0 is what tables of floats make of 1
_WHOLE = re.compile(r"\s*([+-]?\d+)(?:\.0*)?\s*")

Labels = dict[str, int | tuple[int, ...]]


@dataclass(frozen=True)
class LabelNames:
    """What a names file says.

    Attributes
    ----------
    labels : dict
        Name to label, or to a tuple of labels that form a region; the background is left out.
    ignore_label : int or None
        The label that nnU-Net's dataset.json calls "ignore".
    """

    labels: Labels
    ignore_label: int | None = None


def read_label_names(path: str | os.PathLike[str]) -> LabelNames:
    """Read names for labels from a JSON or YAML file.

    Parameters
    ----------
    path : str or path-like
        The file holds one object: of names to ids, ``{"liver": 1}``, or to regions, ``{"tumour": [1, 2]}``; of ids
        to names, ``{"1": "liver"}``; or one of these under the key "labels", as in nnU-Net's dataset.json, where the
        name "ignore" is the ignore label. Id 0, the background, is left out.

    Returns
    -------
    LabelNames

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ImportError
        For YAML without PyYAML.
    ValueError
        If the file is not JSON or YAML, or is none of these forms, or names something twice.
    """
    path = Path(path)
    content = read_mapping(path)
    nested = content.get("labels")
    if isinstance(nested, dict):
        content = nested
    source = str(path)
    labels = _by_name(content, source)
    found = labels.get(IGNORE) if isinstance(nested, dict) else None
    ignore = found if isinstance(found, int) else None
    labels = {name: label for name, label in labels.items() if label not in (0, (0,), ignore)}
    for name, label in labels.items():
        if isinstance(label, tuple) and 0 in label:
            raise InputError(f"{source}: {name!r} holds 0, which is the background of every region")
    if not labels:
        raise InputError(f"{source}: it names no label but the background; {FORMS}")
    return LabelNames(labels, ignore)


def parse_labels(text: str | None) -> tuple[list[int] | Labels | None, int | None]:
    """Read ids separated by commas, or a names file; also the ignore label that the file tells of."""
    if text is None:
        return None, None
    parts = text.split(",")
    ids = [_WHOLE.fullmatch(part) for part in parts]
    if all(ids):
        return [int(found[1]) for found in ids if found], None
    if not text.lower().endswith(SUFFIXES):
        raise InputError(
            f"labels: expected ids separated by commas, or a file of names that ends in "
            f"{', '.join(SUFFIXES)}, got {text!r}"
        )
    names = read_label_names(text)
    return names.labels, names.ignore_label


def parse_tolerance(
    text: str, labels: Sequence[int] | Labels | None, argument: str = "tolerance"
) -> float | dict[str | int, float]:
    """Read a number, name=number pairs separated by commas, or a JSON or YAML file of names to numbers.

    A key that is a whole number is the id of a label, unless a label has it for a name.
    """
    try:
        return float(text)
    except ValueError:
        pass
    found: dict[Any, Any]
    if text.lower().endswith(SUFFIXES):
        found = read_mapping(Path(text))
    else:
        pairs = [part.partition("=") for part in text.split(",")]
        if not all(equals for _, equals, _ in pairs):
            raise InputError(
                f"{argument}: expected a number, name=number pairs separated by commas, or a file, got {text!r}"
            )
        _check_unique((name.strip() for name, _, _ in pairs), argument, "the name")
        found = {name.strip(): _as_number(number) for name, _, number in pairs}
    tolerances: dict[str | int, float] = {}
    for key, value in found.items():
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise InputError(f"{argument}: expected a number for {str(key)!r}, got {value!r}")
        named = isinstance(labels, dict) and key in labels
        whole = None if named else _WHOLE.fullmatch(str(key))
        tolerances[int(whole[1]) if whole else str(key)] = value
    return tolerances


def _as_number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def read_mapping(path: Path) -> dict[Any, Any]:
    """Read the object that a JSON or YAML file holds; a key given twice is an error."""
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise InputError(f"{path}: expected a file that ends in {', '.join(SUFFIXES)}")
    if not path.exists():
        raise FileNotFoundError(f"{path}: no such file")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not a text file in UTF-8 ({error.reason})") from error
    content = _from_json(text, path) if suffix == ".json" else _from_yaml(text, path)
    if not isinstance(content, dict):
        raise InputError(f"{path}: it holds a {type(content).__name__}, not an object; {FORMS}")
    return content


def _by_name(content: dict[Any, Any], source: str) -> Labels:
    """Bring ids to names, and names to ids, to the latter."""
    if not content:
        raise InputError(f"{source}: it names no label; {FORMS}")
    if all(isinstance(value, str) for value in content.values()):
        ids = [(_as_id(key, source), name) for key, name in content.items()]
        _check_unique((name for _, name in ids), source, "the name")
        _check_unique((label for label, _ in ids), source, "the id")
        return {name: label for label, name in ids}
    labels: Labels = {}
    for name, value in content.items():
        if not isinstance(name, str):
            raise InputError(
                f"{source}: expected a name, got {name!r}; put it in quotes if it is one"
            )
        if isinstance(value, list) and value and all(_is_id(part) for part in value):
            labels[name] = tuple(dict.fromkeys(map(int, value)))
        elif _is_id(value):
            labels[name] = int(value)
        else:
            raise InputError(f"{source}: {name!r} is {json.dumps(value, default=str):.80}; {FORMS}")
    return labels


def _is_id(value: object) -> TypeGuard[float]:
    if isinstance(value, float):
        return value.is_integer()
    return isinstance(value, int) and not isinstance(value, bool)


def _as_id(key: object, source: str) -> int:
    if _is_id(key):
        return int(key)
    whole = _WHOLE.fullmatch(key) if isinstance(key, str) else None
    if whole:
        return int(whole[1])
    raise InputError(f"{source}: {key!r} is not a whole number; {FORMS}")


def _check_unique(values: Iterable[Hashable], source: str, what: str) -> None:
    seen = set()
    for value in values:
        if value in seen:
            raise InputError(f"{source}: {what} {value!r} is given twice")
        seen.add(value)


def _from_json(text: str, path: Path) -> Any:
    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        _check_unique((key for key, _ in pairs), str(path), "the key")
        return dict(pairs)

    try:
        return json.loads(text, object_pairs_hook=unique)
    except json.JSONDecodeError as error:
        raise InputError(
            f"{path}: not valid JSON: {error.msg} in line {error.lineno}, column {error.colno}"
        ) from error


def _from_yaml(text: str, path: Path) -> Any:
    try:
        import yaml
    except ImportError as error:
        raise MissingPackageError(
            'YAML files need PyYAML: pip install "fastseg-metrics[cli]"'
        ) from error

    class UniqueLoader(yaml.SafeLoader):
        """YAML's own loader keeps the last of several equal keys and says nothing."""

        def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
            keys = [self.construct_object(key) for key, _ in node.value]
            _check_unique((key for key in keys if isinstance(key, Hashable)), str(path), "the key")
            return super().construct_mapping(node, deep)

    try:
        return yaml.load(text, UniqueLoader)
    except yaml.YAMLError as error:
        where = getattr(error, "problem_mark", None)
        place = f" in line {where.line + 1}, column {where.column + 1}" if where else ""
        problem = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise InputError(f"{path}: not valid YAML: {problem}{place}") from error
