"""Arrays on a GPU at the front door: what is told where there is no CuPy, no device, or where memories are mixed.

Nothing here needs a GPU, nor CuPy: what is missing is missing in a process of its own, and arrays that only say
that they are on a GPU stand in for those that are. The kernels are run in tests/gpu.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import fastseg
from fastseg import BackendNotAvailableError, dispatch
from fastseg.inputs import arrays, device

MASK = np.eye(4, dtype=bool)

# What a process sees as `cupy`: none at all, or one that finds no device.
NONE = "raise ModuleNotFoundError(\"No module named 'cupy'\", name='cupy')\n"
NO_DEVICE = """
from types import SimpleNamespace
__version__ = "14.2.0"
class CUDARuntimeError(RuntimeError): pass
def count(): raise CUDARuntimeError("cudaErrorInsufficientDriver: CUDA driver version is insufficient")
runtime = SimpleNamespace(CUDARuntimeError=CUDARuntimeError, getDeviceCount=count)
cuda = SimpleNamespace(runtime=runtime)
class ndarray: pass
asarray = asnumpy = cumsum = empty = full = zeros = None
"""
NO_CARD = NO_DEVICE.replace("raise CUDARuntimeError(", "return 0 #")


class Tensor:
    """An array of another library, on a GPU as far as it says."""

    def __init__(self, kind: int = 2, error: type[Exception] | None = None) -> None:
        self.kind, self.error = kind, error

    def __dlpack_device__(self) -> tuple[int, int]:
        return self.kind, 0

    def __dlpack__(self, **options: Any) -> Any:
        raise self.error("it requires a gradient") if self.error else AssertionError


def python_with(cupy: str, run_python: Callable[..., str], folder: Path, **options: str) -> Any:
    """Run a script in a process that has this `cupy`."""
    (folder / "cupy.py").write_text(cupy, encoding="utf-8")

    def run(script: str) -> list[str]:
        return run_python(script, first_on_path=[folder], **options).splitlines()

    return run


TELL = """
import numpy as np, fastseg
mask = np.eye(4, dtype=bool)
def tell(call):
    try: print(call())
    except Exception as error: print(type(error).__name__, error)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("cupy", "told"),
    [
        (NONE, "ModuleNotFoundError: No module named 'cupy'"),
        (
            NO_DEVICE,
            "CuPy 14.2.0 is installed but finds no CUDA device: cudaErrorInsufficientDriver",
        ),
        (NO_CARD, "CuPy 14.2.0 is installed but finds no CUDA device: it lists none"),
    ],
    ids=["no cupy", "no driver", "no card"],
)
def test_asking_for_what_is_missing(
    cupy: str, told: str, run_python: Callable[..., str], tmp_path: Path
) -> None:
    """By every way of asking; the default takes no notice."""
    run = python_with(cupy, run_python, tmp_path)
    asked, argument, environment, explained, default = run(
        TELL + "import os\n"
        "tell(lambda: fastseg.use_backend('cupy'))\n"
        "tell(lambda: fastseg.evaluate(mask, mask, backend='cupy'))\n"
        "os.environ['FASTSEG_BACKEND'] = 'cupy'\n"
        "tell(lambda: fastseg.surface(mask))\n"
        "tell(lambda: fastseg.explain().splitlines()[0])\n"
        "del os.environ['FASTSEG_BACKEND']\n"
        "tell(lambda: fastseg.surface(mask).sum())\n"
    )
    sources = ("use_backend", "backend", "FASTSEG_BACKEND")
    for line, source in zip((asked, argument, environment), sources, strict=True):
        assert line.startswith(
            f"BackendNotAvailableError {source}: the cupy backend is not available here ("
        )
        assert told in line
        assert 'pip install "fastseg-metrics[cuda12]"' in line
    assert explained.startswith("cupy: not available (asked for by FASTSEG_BACKEND): ")
    assert told in explained
    assert default == "4"


def test_a_device_array_without_cupy(run_python: Callable[..., str], tmp_path: Path) -> None:
    run = python_with(NONE, run_python, tmp_path)
    [told] = run(
        TELL + "class Tensor:\n"
        "    def __dlpack_device__(self): return 2, 0\n"
        "tell(lambda: fastseg.surface(Tensor()))\n"
    )
    assert told.startswith(
        "InputTypeError mask: a __main__.Tensor on a GPU needs CuPy, which is not"
    )
    assert "pip install" in told
    assert "copy the array to CPU memory first" in told


@pytest.mark.slow
def test_nothing_imports_cupy_unasked(run_python: Callable[..., str], tmp_path: Path) -> None:
    run = python_with("print('cupy was imported')\n" + NONE, run_python, tmp_path)
    out = run(
        "import numpy as np, fastseg\n"
        "fastseg.evaluate(np.eye(4, dtype=bool), np.eye(4, dtype=bool))\n"
        "fastseg.explain(np.eye(4)), fastseg.current_backend()\n"
    )
    assert out == []


def test_installing_fastseg_never_pulls_cupy_in() -> None:
    import tomllib

    path = Path(__file__).parents[2] / "pyproject.toml"
    project = tomllib.loads(path.read_text(encoding="utf-8"))["project"]
    with_cupy = {
        extra
        for extra, needed in project["optional-dependencies"].items()
        if any(name.startswith("cupy") for name in needed)
    }
    assert with_cupy == {"cuda12", "cuda13"}
    assert not any(name.startswith("cupy") for name in project["dependencies"])


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (MASK, False),
        (MASK.tolist(), False),
        (np.float64(1), False),
        ("text", False),
        (None, False),
        (Tensor(1), False),  # CPU memory
        (Tensor(3), False),  # pinned CPU memory
        (Tensor(2), True),
        (Tensor(10), True),
        (Tensor(13), True),
        (type("Array", (), {"__cuda_array_interface__": {}})(), True),
    ],
)
def test_what_lies_on_a_device(value: object, expected: bool) -> None:
    assert device.is_on_device(value) is expected


class OnDevice:
    """What a CuPy array looks like from outside."""

    shape, ndim, device = (4, 4), 2, type("Device", (), {"id": 0})()
    __cuda_array_interface__: dict[str, Any] = {}  # noqa: RUF012

    def __init__(self, gpu: int = 0) -> None:
        self.device = type("Device", (), {"id": gpu})()


@pytest.mark.parametrize(
    ("pair", "told"),
    [
        ((MASK, OnDevice()), "the reference is in CPU memory and the prediction on GPU 0"),
        ((OnDevice(1), MASK), "the reference is on GPU 1 and the prediction in CPU memory"),
        ((OnDevice(1), OnDevice(2)), "the reference is on GPU 1 and the prediction on GPU 2"),
    ],
)
def test_two_memories_are_never_mixed(pair: tuple[Any, Any], told: str) -> None:
    with pytest.raises(TypeError, match=told):
        arrays.check_same_shape(*pair)
    arrays.check_same_shape(pair[1], pair[1])


def test_backends_of_the_cpu_take_no_arrays_of_a_device() -> None:
    with (
        fastseg.use_backend("scipy"),
        pytest.raises(TypeError, match="use_backend: the scipy backend takes arrays in CPU memory"),
    ):
        dispatch.choose("surface", 3, memory="cuda")


def test_a_device_array_never_falls_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither for want of the backend nor for want of support: that would copy the voxels in silence."""
    monkeypatch.setattr(dispatch, "_missing", lambda backend: "ImportError: no device")
    with pytest.raises(
        BackendNotAvailableError, match="an array on a GPU: the cupy backend is not"
    ):
        dispatch.choose("surface", 3, memory="cuda")
    module = ModuleType("fastseg.backends.cupy")
    module.unsupported = lambda function, ndim: "too many axes"  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(dispatch, "_missing", lambda backend: None)
    with pytest.raises(BackendNotAvailableError, match="surface of arrays on a GPU: too many axes"):
        dispatch.choose("surface", 4, memory="cuda")
