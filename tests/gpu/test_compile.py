"""NVIDIA's compiler takes every kernel, for every architecture, within stated limits; CuPy takes them too."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import fastseg_kernels
from tests.gpu.conftest import absent
from tests.gpu.emulator import build, nvrtc
from tests.gpu.emulator.cupy_stand_in import SAME_AS_NUMPY, Engine, emulated

pytestmark = pytest.mark.slow

SOURCES = sorted((Path(fastseg_kernels.__file__).parent / "gpu").glob("*.cu"))
OPTIONS = ("-std=c++17", "--fmad=false")

# A block of 256 threads with 64 registers each leaves room for 4 blocks, half the threads that a multiprocessor holds.
MOST_REGISTERS = 64
MOST_SHARED = 20 << 10
# ptxas keeps some kernels at 32 registers on sm_70 and sm_80, and spills round the division of 64-bit integers, a call.
MOST_SPILLED = 16


@pytest.fixture
def compiled() -> Callable[..., tuple[bytes, str]]:
    if nvrtc.library() is None:
        absent("NVRTC: pip install nvidia-cuda-nvrtc-cu12")
    return nvrtc.compiled


def test_there_is_something_to_compile() -> None:
    assert {path.stem for path in SOURCES} >= {"confusion", "edt", "masks", "nearest", "surface"}


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_kernels_compile_within_limits(path: Path, compiled: Callable[..., Any]) -> None:
    text = path.read_text(encoding="utf-8")
    assert "#include" not in text, "NVRTC has no headers"

    def check(architecture: int) -> set[str]:
        cubin, log = compiled(text, OPTIONS, f"sm_{architecture}")
        assert cubin.startswith(b"\x7fELF")
        assert "kernel.cu" not in log, log  # no warning, no remark
        found = nvrtc.resources(log)
        for name, used in found.items():
            what = f"{name} on sm_{architecture}: {used}"
            assert 0 < used.registers <= MOST_REGISTERS, what
            assert used.shared <= MOST_SHARED, what
            assert used.spills <= MOST_SPILLED, what
        return set(found)

    with ThreadPoolExecutor(2) as pool:
        names = list(pool.map(check, nvrtc.ARCHITECTURES))
    if build.have_compiler():
        assert all(found == build.signatures(text, OPTIONS).keys() for found in names)


def test_what_does_not_compile_is_told(compiled: Callable[..., Any]) -> None:
    with pytest.raises(nvrtc.CompileError, match=r"sm_90: kernel.cu\(1\): error"):
        compiled(
            'extern "C" __global__ void sample(int* out) { out[0] = nothing; }', OPTIONS, "sm_90"
        )


def test_the_launchers_compile_with_the_options_tested_here() -> None:
    if not build.have_compiler():
        absent("g++")
    with emulated(Engine()):
        launcher = importlib.import_module("fastseg_kernels.gpu._module")
        assert launcher.OPTIONS == OPTIONS


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_cupy_compiles_the_kernels(path: Path, compiled: Callable[..., Any]) -> None:
    """As its RawModule does, but for a device that need not be there."""
    compiler = pytest.importorskip("cupy.cuda.compiler")
    program = compiler._NVRTCProgram(path.read_text(encoding="utf-8"), path.name, method="cubin")
    cubin, _ = program.compile((*OPTIONS, *nvrtc.CUPY_OPTIONS, "-arch=sm_80"))
    assert cubin.startswith(b"\x7fELF")


def test_the_stand_in_offers_nothing_that_cupy_lacks() -> None:
    cupy = pytest.importorskip("cupy")
    with emulated(Engine()) as stand_in:
        offered = {*SAME_AS_NUMPY, *vars(stand_in)} - {"engine", "launches", "edit"}
        methods = {name for name in vars(stand_in.ndarray) if not name.startswith("_")}
    assert not {name for name in offered if not hasattr(cupy, name)}
    methods -= {"readable", "written", "mark", "raw", "allocation"}
    assert not {name for name in methods if not hasattr(cupy.ndarray, name)}
