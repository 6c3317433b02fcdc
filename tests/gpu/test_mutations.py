"""A test of the tests: bugs seeded into kernels and launchers are all noticed, by a wrong result or by the checker."""

from __future__ import annotations

import importlib
import sys
import types
from pathlib import Path

import pytest

import fastseg_kernels
from tests.gpu import test_kernels
from tests.gpu.conftest import need
from tests.gpu.emulator.cupy_stand_in import Engine, emulated
from tests.gpu.emulator.device_array import UninitialisedError
from tests.gpu.emulator.launch import LaunchError
from tests.gpu.mutants import MUTANTS, Mutant

FOLDER = Path(fastseg_kernels.__file__).parent / "gpu"
CHECKED = Engine(checked=True, most_accesses=30_000_000)
NAMES = ("_module", "masks", "confusion", "edt", "nearest", "surface")


def mutated(mutant: Mutant) -> str:
    """The text of the mutant's file. A mutant that no longer fits its file is an error, not a pass."""
    text = (FOLDER / mutant.file).read_text(encoding="utf-8")
    if text.count(mutant.old) != 1:
        raise ValueError(
            f"{mutant.file} has {text.count(mutant.old)} x {mutant.old!r}: bring {mutant.bug!r} up to date"
        )
    return text.replace(mutant.old, mutant.new)


def launchers(cupy: types.ModuleType, mutant: Mutant | None) -> types.SimpleNamespace:
    """The launchers, one of them mutated, or all of them with a mutated kernel."""
    modules = {}
    for name in NAMES:
        full = f"fastseg_kernels.gpu.{name}"
        if mutant and mutant.file == f"{name}.py":
            module = types.ModuleType(full)
            module.__file__ = str(FOLDER / mutant.file)
            sys.modules[full] = module
            exec(compile(mutated(mutant), module.__file__, "exec"), vars(module))
        modules[name] = importlib.import_module(full)
    return types.SimpleNamespace(**modules, cupy=cupy)


def run(
    mutant: Mutant | None, notices: tuple[object, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    name, *parameters = notices
    with emulated(CHECKED) as cupy:
        if mutant and mutant.file.endswith(".cu"):
            original, text = (FOLDER / mutant.file).read_text(encoding="utf-8"), mutated(mutant)
            monkeypatch.setattr(cupy, "edit", lambda code: text if code == original else code)
        getattr(test_kernels, str(name))(launchers(cupy, mutant), *parameters)


@pytest.mark.parametrize("notices", {mutant.notices: None for mutant in MUTANTS}, ids=str)
def test_without_a_bug_nothing_is_noticed(
    notices: tuple[object, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    need(CHECKED)
    run(None, notices, monkeypatch)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: f"{mutant.file}: {mutant.bug}")
def test_a_seeded_bug_is_noticed(mutant: Mutant, monkeypatch: pytest.MonkeyPatch) -> None:
    need(CHECKED)
    with pytest.raises((AssertionError, LaunchError, UninitialisedError)) as caught:
        run(mutant, mutant.notices, monkeypatch)
    print(
        f"{mutant.file}: {mutant.bug}: {caught.type.__name__}: {caught.value!s:.300}"
    )  # -rP shows it


def test_there_are_enough_bugs() -> None:
    assert len({mutant.bug for mutant in MUTANTS}) == len(MUTANTS) >= 20
    assert {Path(mutant.file).suffix for mutant in MUTANTS} == {".cu", ".py"}
