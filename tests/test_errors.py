"""The tree of errors: what its docstring prints is what there is, and nothing else is raised on purpose."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path

import pytest

from fastseg import errors
from fastseg.inputs import choices

PACKAGE = Path(errors.__file__).parent
TREE = {
    name: value
    for name, value in vars(errors).items()
    if inspect.isclass(value) and issubclass(value, errors.FastsegError)
}


def printed_tree() -> dict[str, tuple[str, str]]:
    """The parent that the docstring draws each error under, and the built-in error that it names beside it."""
    parents: list[str] = []
    found = {}
    for line in str(errors.__doc__).splitlines():
        name = line.lstrip(" │├└─").split(" ")[0]
        if name in TREE:
            depth = (len(line) - len(line.lstrip(" │├└─"))) // 4
            parents[depth - 1 :] = [name]
            also = line.partition("(also a")[2].partition(")")[0].split(" ")[-1]
            found[name] = (parents[-2] if len(parents) > 1 else "", also)
    return found


def test_the_docstring_prints_the_tree() -> None:
    printed = printed_tree()
    assert set(printed) == set(TREE)
    for name, (parent, also) in printed.items():
        bases = [base.__name__ for base in TREE[name].__bases__]
        assert bases == [base for base in (parent or "Exception", also) if base], name


def raised(tree: ast.AST) -> list[tuple[str, int]]:
    """The names of the classes that are raised by name, and the lines."""
    found = []
    for node in ast.walk(tree):
        made = node.exc if isinstance(node, ast.Raise) else None
        if isinstance(made, ast.Call) and isinstance(made.func, ast.Name):
            found.append((made.func.id, made.lineno))
    return found


# Drop-ins raise what their hosts do; a backend that cannot be imported says so as any module does.
ELSEWHERE = ("compat", "backends")
# of a protocol of Python: attribute and item look-ups, faults of ours, and memory that is not there, for which file
BUILT_IN = {
    "AttributeError",
    "KeyError",
    "AssertionError",
    "NotImplementedError",
    "EOFError",
    "MemoryError",
}


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: path.stem)
def test_only_errors_of_the_tree_are_raised(path: Path) -> None:
    if path.relative_to(PACKAGE).parts[0] in ELSEWHERE:
        return
    for name, line in raised(ast.parse(path.read_text(encoding="utf-8"))):
        kind = getattr(__import__("builtins"), name, None)
        if inspect.isclass(kind) and issubclass(kind, Exception) and not issubclass(kind, OSError):
            assert name in BUILT_IN, f"{path.name}:{line} raises {name}"


def test_an_unknown_name_is_an_input_error_that_names_the_nearest() -> None:
    error = choices.unknown("metrics", "dcie", ["dice", "iou"])
    assert isinstance(error, errors.InputError)
    assert str(error) == "metrics: unknown 'dcie'; did you mean 'dice'?"
    assert str(choices.unknown("empty", "x", ["worst"], "policy")) == (
        "empty: unknown policy 'x'; known: worst"
    )
