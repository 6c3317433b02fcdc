"""numba's cache: one signature a kernel, races, shared files that change, no compilation at all."""

from __future__ import annotations

import ast
import gc
import importlib
import json
import pkgutil
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
import numpy as np
import pytest
from numba.core import config, types

import fastseg
import fastseg_kernels
from fastseg_kernels import _jit, cpu
from fastseg_kernels.cpu import confusion
from fastseg_kernels.cpu import masks as bits

PACKAGE = Path(fastseg_kernels.__file__).parent

#: every file of kernels, imported, so that its kernels are known
KERNEL_FILES = tuple(
    importlib.import_module(module.name)
    for module in pkgutil.walk_packages(cpu.__path__, f"{cpu.__name__}.")
    if not module.ispkg
)
SHARED_FILES = sorted(path.name for path in PACKAGE.glob("_*.py"))

pytestmark = [
    pytest.mark.skipif(bool(config.DISABLE_JIT), reason="there is no cache without numba"),
    pytest.mark.slow,
]


def name_of(kernel: Any) -> str:
    return f"{kernel.__module__.rpartition('.')[2]}.{kernel.__name__}"


# ---------------------------------------------------------------------------- one signature


def test_every_kernel_of_every_file_is_known() -> None:
    """`fastseg warm` compiles what is in the list."""
    assert len(KERNEL_FILES) == len(list((PACKAGE / "cpu").rglob("[!_]*.py"))) > 9
    decorated = 0
    for module in KERNEL_FILES:
        for node in ast.parse(Path(str(module.__file__)).read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef):
                names = [ast.unparse(decorator) for decorator in node.decorator_list]
                decorated += any(name.startswith("kernel(") for name in names)
                decorated += 4 * any(name.startswith("label_kernels(") for name in names)
                decorated += 2 * any(name.startswith("float_kernels(") for name in names)
    assert len(_jit.KERNELS) == decorated == len({name_of(kernel) for kernel in _jit.KERNELS})


@pytest.mark.parametrize("kernel", _jit.KERNELS, ids=name_of)
def test_a_kernel_has_one_signature_and_is_closed(kernel: Any) -> None:
    kernel.compile()
    kernel.compile()
    assert gc.isenabled()  # it is not while a kernel is compiled
    dispatcher = kernel.dispatcher
    assert len(dispatcher.signatures) == 1
    assert dispatcher.signatures[0] == kernel._signature
    assert not dispatcher._can_compile
    assert dispatcher.targetoptions["nogil"] is True
    for option in ("parallel", "fastmath"):
        assert not dispatcher.targetoptions.get(option)
    with pytest.raises(TypeError):
        kernel()
    with pytest.raises(TypeError, match="No matching definition"):
        kernel(*[np.zeros((2, 2, 2), np.complex64)] * len(kernel._signature))
    assert len(dispatcher.signatures) == 1


def test_python_collects_again_once_a_kernel_is_compiled() -> None:
    for collects in (True, False):
        (gc.enable if collects else gc.disable)()
        try:
            with pytest.raises(ZeroDivisionError), _jit._uncollected():
                assert not gc.isenabled()
                raise ZeroDivisionError
            assert gc.isenabled() is collects
        finally:
            gc.enable()


def test_what_kernels_have_inlined_is_no_machine_code_of_its_own() -> None:
    part = _jit.inlined(lambda x: x + 1)
    whole = numba.njit(lambda x: part(x) * 2)
    assert whole(3) == 8
    (library,) = [overload.library for overload in part.overloads.values()]
    assert isinstance(library, _jit._PartLibrary)


WORDS = np.full((2, 3, 4), 5, np.uint64)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("signed", WORDS.astype(np.int64)),
        ("narrow", WORDS.astype(np.uint32)),
        ("float", WORDS.astype(float)),
        ("big-endian", WORDS.astype(">u8")),
        ("Fortran", np.asfortranarray(WORDS)),
        ("strided", np.repeat(WORDS, 2, axis=2)[:, :, ::2]),
        ("reversed", WORDS[::-1]),
        ("two axes", WORDS[0]),
        ("a list", WORDS.tolist()),
    ],
)
def test_wrong_arrays_are_type_errors(name: str, words: Any) -> None:
    """Not a silent new specialisation, and not a wrong result."""
    out = np.zeros((2, 3, 256), np.uint8)
    # old versions of numba have an error of their own for a byte order that they do not know
    with pytest.raises((TypeError, numba.core.errors.NumbaValueError)):
        bits.unpack(words, out)
    assert not out.any()
    assert len(bits.unpack.dispatcher.signatures) == 1


def test_read_only_arrays_may_be_read_and_not_written() -> None:
    read_only = WORDS.copy()
    read_only.flags.writeable = False
    mask = np.zeros((2, 3, 256), np.uint8)
    bits.unpack(read_only, mask)
    assert mask.sum() == 2 * WORDS.size
    mask.flags.writeable = False
    with pytest.raises(TypeError):
        bits.unpack(WORDS, mask)


@pytest.mark.parametrize("family", [bits.select, confusion.joint_histogram])
def test_variants_have_names_and_caches_of_their_own(family: dict[Any, Any]) -> None:
    assert [dtype.name for dtype in family] == ["uint8", "uint16", "uint32", "uint64"]
    assert len({kernel.__name__ for kernel in family.values()}) == 4
    assert len({kernel.dispatcher.__qualname__ for kernel in family.values()}) == 4
    for dtype, kernel in family.items():
        assert kernel.__doc__
        kernel.compile()
        assert kernel._signature[0].dtype == numba.from_dtype(dtype)


# ---------------------------------------------------------------------------- what we rely on


def test_what_numba_must_still_offer() -> None:
    """Parts of numba that are not documented, or hardly: a new version may take them away."""
    kernel = bits.count
    kernel.compile()
    dispatcher = kernel.dispatcher
    assert isinstance(dispatcher, numba.core.dispatcher.Dispatcher)
    for name in ("compile", "disable_compile", "signatures", "_can_compile", "stats", "py_func"):
        assert hasattr(dispatcher, name), name
    assert hasattr(config, "DISABLE_JIT")
    read_only = types.Array(types.uint8, 1, "C", readonly=True)
    assert not read_only.mutable
    assert types.Array(types.uint8, 1, "C").mutable


@pytest.mark.parametrize("kernel", _jit.KERNELS, ids=name_of)
def test_the_digest_of_the_shared_files_is_in_the_cache_key(kernel: Any) -> None:
    kernel.compile()
    folder = Path(kernel.dispatcher.stats.cache_path)
    name = f"{name_of(kernel)}_{_jit.shared_digest()}"
    assert len(list(folder.glob(f"{name}-*.nbi"))) >= 1, name


def test_the_digest_covers_the_files_that_kernels_share(tmp_path: Path) -> None:
    assert _jit.shared_digest() == _jit._DIGEST
    for name in SHARED_FILES:
        for shared in SHARED_FILES:
            shutil.copy(PACKAGE / shared, tmp_path)
        assert _jit.shared_digest(tmp_path) == _jit._DIGEST
        with (tmp_path / name).open("a") as file:
            file.write("# changed\n")
        assert _jit.shared_digest(tmp_path) != _jit._DIGEST


def test_kernel_files_import_nothing_else_of_the_package() -> None:
    """What they imported from another file could change without numba's noticing."""
    for path in (PACKAGE / "cpu").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                assert {alias.name for alias in node.names} <= {"numpy"}, path
            elif isinstance(node, ast.ImportFrom):
                shared = {f"fastseg_kernels.{name.removesuffix('.py')}" for name in SHARED_FILES}
                assert node.module in {"numba", *shared}, path
                assert node.level == 0


# ---------------------------------------------------------------------------- other processes

COUNT = """
import json
import numpy as np
from fastseg_kernels.cpu import masks

words = np.array([8, 3, 2**63], np.uint64)
labels = np.tile(np.arange(5, dtype=np.uint8), 26).reshape(1, 2, 65)
packed = np.zeros((1, 2, 2), np.uint64)
corner = np.zeros(3, np.int64)
masks.select[labels.dtype](labels, np.array([2, 4], np.uint64), 0, 1, corner, 65, packed)
mask = np.zeros((1, 2, 65), np.uint8)
masks.unpack(packed, mask)
count = int(masks.count(words))
hits = sum(masks.count.dispatcher.stats.cache_hits.values())
print(json.dumps([count, np.argwhere(mask).tolist(), hits]))
"""


def test_two_processes_fill_an_empty_cache_at_once(
    run_at_once: Callable[..., list[str]], run_python: Callable[..., str], tmp_path: Path
) -> None:
    """Then a third reads what they left."""
    cache = tmp_path / "cache"
    places = np.argwhere(np.isin(np.tile(np.arange(5), 26).reshape(1, 2, 65), (2, 4))).tolist()
    for out in run_at_once(COUNT, 2, NUMBA_CACHE_DIR=str(cache)):
        assert json.loads(out)[:2] == [4, places]
    files = sorted(path.name for path in cache.rglob("*.nbi"))
    assert len(files) == 3
    third = json.loads(run_python(COUNT, NUMBA_CACHE_DIR=str(cache)))
    assert third == [4, places, 1]  # from the cache
    assert sorted(path.name for path in cache.rglob("*.nbi")) == files


def test_an_edited_shared_file_is_noticed(run_python: Callable[..., str], tmp_path: Path) -> None:
    """numba itself looks only at the kernel's own file and would give the old number."""
    copy = tmp_path / "copy" / "fastseg_kernels"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    script = (
        "import numpy as np, fastseg_kernels\n"
        "from fastseg_kernels.cpu import masks\n"
        "print(fastseg_kernels.__file__)\n"
        "print(masks.count(np.array([8, 48], np.uint64)))\n"
    )

    def count() -> int:
        where, counted = run_python(
            script,
            first_on_path=[copy.parent],
            NUMBA_CACHE_DIR=str(tmp_path / "cache"),
            PYTHONDONTWRITEBYTECODE="1",
        ).split()
        assert Path(where).parent == copy
        return int(counted)

    assert count() == 1 + 2
    words = copy / "_intrinsics.py"
    text = words.read_text(encoding="utf-8")
    edited = text.replace('"llvm.ctpop.i64", args[0])', '"llvm.cttz.i64", args[0], 1)')
    assert edited != text
    words.write_text(edited, encoding="utf-8")
    assert count() == 3 + 4  # trailing zeros instead
    words.write_text(text, encoding="utf-8")
    assert count() == 1 + 2


WITHOUT_JIT = """
import json
import numpy as np
import fastseg
from fastseg_kernels import _jit
from fastseg.backends import numba as backend
from fastseg.measures.regions import Region, Request

rng = np.random.default_rng(5)
reference, prediction = rng.random((2, 5, 6, 66)) < 0.4
spacing = (3.0, 0.7, 1.1)
found = {"backend": fastseg.current_backend(), "kernel": type(_jit.KERNELS[0]).__name__}
for order in "CF":
    pair = [np.asarray(mask, order=order) for mask in (reference, prediction)]
    labels = [mask.astype(np.int64) * -(2**40) for mask in pair]
    found["counts" + order] = fastseg.confusion_matrix(*labels).tolist()
    found["surface" + order] = np.flatnonzero(fastseg.surface(pair[0], connectivity=2)).tolist()
    for boundary in ("voxel", "surfel"):
        distances = fastseg.surface_distances(*pair, spacing=spacing, boundary=boundary)
        found[boundary + order] = distances.reference_to_prediction.tolist()
    found["areas" + order] = distances.prediction_areas.tolist()
    transform, where = fastseg.distance_transform_edt(pair[0], spacing, return_indices=True)
    found["transform" + order] = transform.tolist()
    found["where" + order] = where.tolist()
    found["skeleton" + order] = np.flatnonzero(fastseg.skeletonize(pair[0])).tolist()
    request = Request(frozenset({"band_overlap"}), spacing)
    [measured] = backend.measure(*pair, [Region(tolerance=2.0)], request)
    found["band" + order] = list(measured["band_overlap"])
print(json.dumps(found))
"""


def test_without_compilation_the_answers_are_the_same(run_python: Callable[..., str]) -> None:
    compiled = json.loads(run_python(WITHOUT_JIT))
    plain = json.loads(run_python(WITHOUT_JIT, NUMBA_DISABLE_JIT="1", PYTHONWARNINGS="error"))
    assert (compiled.pop("kernel"), plain.pop("kernel")) == ("Kernel", "function")
    assert compiled["backend"] == "numba"
    assert plain == compiled


def test_nothing_is_compiled_at_import(run_python: Callable[..., str], tmp_path: Path) -> None:
    importlib.import_module("fastseg.backends.numba.packed")  # else it depends on what ran before
    cache = tmp_path / "cache"
    out = run_python(
        "import fastseg, fastseg.backends.numba, fastseg.backends.numba.packed\n"
        "from fastseg_kernels import _jit\n"
        "print(sum(len(k.dispatcher.signatures) for k in _jit.KERNELS), len(_jit.KERNELS))\n",
        NUMBA_CACHE_DIR=str(cache),
    )
    assert out.split() == ["0", str(len(_jit.KERNELS))]
    assert not list(cache.rglob("*.nb*"))


def test_threads_that_race_to_the_first_call(
    run_python: Callable[..., str], tmp_path: Path
) -> None:
    """All wait for one compilation; none finds a dispatcher that is closed and empty."""
    out = run_python(
        "import threading\n"
        "from concurrent.futures import ThreadPoolExecutor\n"
        "import numpy as np\n"
        "from fastseg_kernels.cpu import masks\n"
        "words = np.full(100, 5, np.uint64)\n"
        "start = threading.Barrier(8)\n"
        "def call(_):\n"
        "    start.wait()\n"
        "    return masks.count(words)\n"
        "with ThreadPoolExecutor(8) as callers:\n"
        "    print(set(callers.map(call, range(8))), len(masks.count.dispatcher.signatures))\n",
        NUMBA_CACHE_DIR=str(tmp_path / "cache"),
    )
    assert out == "{200} 1\n"


def test_the_python_kernel_is_the_function(monkeypatch: pytest.MonkeyPatch) -> None:
    """As under NUMBA_DISABLE_JIT=1: 64-bit numbers wrap around without a warning."""
    monkeypatch.setattr(_jit, "KERNELS", [])
    monkeypatch.setattr(config, "DISABLE_JIT", 1)

    def multiply(a: Any, b: Any) -> Any:
        """Multiply."""
        return a * b

    product = _jit.kernel(_jit.u64, _jit.u64)(multiply)

    assert product(np.uint64(2**63), np.uint64(3)) == 2**63
    assert product.__doc__ == "Multiply."
    product.compile()
    assert [product] == _jit.KERNELS


def test_fastseg_is_the_one_of_this_checkout() -> None:
    """Else the files read here are not those that were run."""
    assert Path(fastseg.__file__).parents[1] == PACKAGE.parents[1]
