"""On what the kernels run: the emulator's engines in turn, and a real device where there is one."""

from __future__ import annotations

import importlib
import os
import types
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

import fastseg_kernels
from tests.gpu.emulator import build, nvrtc
from tests.gpu.emulator.cupy_stand_in import Engine, emulated

#: where each CUDA file lies beside the module that launches it
LAUNCHED = Path(fastseg_kernels.__file__).parent / "gpu"

SOURCES = (
    Engine(),
    Engine(schedule="reversed"),
    Engine(schedule="shuffled"),
    Engine(checked=True),
)
PTX = (Engine(architecture=70), Engine(architecture=90, checked=True))


def absent(tool: str) -> None:
    """Skip, but on a machine that says it is a CI, where everything must be installed."""
    if os.environ.get("CI"):
        pytest.fail(f"{tool} is missing, and CI is set")
    pytest.skip(f"needs {tool}")


def need(engine: Engine) -> None:
    """What an engine runs on must be there."""
    if not build.have_compiler():
        absent("g++ (version 12 or later)")
    if engine.architecture is not None and nvrtc.library() is None:
        absent("NVRTC: pip install nvidia-cuda-nvrtc-cu12")


def real_cupy() -> types.ModuleType:
    """CuPy with a device that works; it is not enough that it can be imported."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore"
            )  # what CuPy warns of as it looks for CUDA is no reason to skip
            cupy = importlib.import_module("cupy")
        cupy.zeros(1).get()
    except Exception as error:  # whatever is missing: package, driver, device
        pytest.skip(f"no CUDA device that works ({type(error).__name__}: {error})")
    return cupy


REAL = pytest.param(None, id="real", marks=pytest.mark.gpu)


@pytest.fixture(params=[*(pytest.param(e, id=str(e)) for e in (*SOURCES, *PTX)), REAL])
def device(request: pytest.FixtureRequest) -> Iterator[types.ModuleType]:
    """The module `cupy`: on every engine of the emulator, and on a device."""
    engine: Engine | None = request.param
    if engine is None:
        yield real_cupy()
        return
    need(engine)
    with emulated(engine) as cupy:
        yield cupy


@pytest.fixture
def launchers(device: types.ModuleType) -> types.SimpleNamespace:
    """The modules that launch the kernels, imported on top of `device`."""
    names = sorted(path.stem for path in LAUNCHED.glob("*.cu"))
    modules = {name: importlib.import_module(f"fastseg_kernels.gpu.{name}") for name in names}
    return types.SimpleNamespace(**modules, cupy=device)


@pytest.fixture
def checked() -> Iterator[types.ModuleType]:
    """The stand-in with the checker on."""
    engine = Engine(checked=True)
    need(engine)
    with emulated(engine) as cupy:
        yield cupy
