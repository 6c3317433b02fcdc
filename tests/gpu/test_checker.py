"""The checker on small faulty kernels: each fault is found, and reported with kernel, variable and thread."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from tests.gpu.conftest import need
from tests.gpu.emulator.cupy_stand_in import Engine, emulated
from tests.gpu.emulator.device_array import UninitialisedError
from tests.gpu.emulator.launch import LaunchError

OPTIONS = ("-std=c++17", "--fmad=false")
DECLARED = 'extern "C" __global__ void __launch_bounds__(64) sample(const int* values, int* out, unsigned int n)'

# The body of a kernel of two blocks of 64 threads, and what must be in the report besides its name.
FAULTS = {
    "no barrier": (
        "__shared__ int tile[64]; tile[t] = 1; __syncthreads(); tile[t] = values[t]; out[i] = tile[63u - t];",
        ("data race on 'tile'", "no __syncthreads between", "in block (0,0,0) thread (32,0,0)"),
    ),
    "no syncwarp": (
        "__shared__ int tile[64]; tile[t] = 1; __syncthreads(); tile[t] = values[t]; out[i] = tile[t ^ 1u];",
        ("data race on 'tile'", "no __syncwarp between"),
    ),
    "barrier of the wrong warps": (
        "__shared__ int tile[64]; tile[t] = 1; __syncthreads(); tile[t] = 2; __syncwarp(); out[i] = tile[t ^ 32u];",
        ("data race on 'tile'", "no __syncthreads between"),
    ),
    "syncwarp of too few lanes": (
        "__shared__ int tile[64]; tile[t] = 1; __syncwarp(); tile[t] = 2; "
        "if ((t & 31u) < 16u) __syncwarp(0xffffu); else __syncwarp(0xffff0000u); out[i] = tile[t ^ 16u];",
        ("data race on 'tile'", "no __syncwarp between"),
    ),
    "write after others have read": (
        "__shared__ int tile[64]; tile[t] = 1; __syncthreads(); if (t < 32u) out[i] = tile[63u - t]; else tile[t] = 2;",
        ("data race on 'tile'", "write after read by", "no __syncthreads between"),
    ),
    "blocks write the same": (
        "out[t] = (int)t;",
        ("data race on 'out'", "another block between", "block (1,0,0) thread (0,0,0)"),
    ),
    "block reads what another wrote": (
        "out[i] = blockIdx.x == 0u ? 1 : out[t];",
        (
            "data race on 'out'",
            "read after write by block (0,0,0)",
            "another block between",
            "in block (1,0,0) thread (0,0,0)",
        ),
    ),
    "plain add beside atomic": (
        "__shared__ int sum; if (t == 0u) sum = 0; __syncthreads(); if (t < 32u) atomicAdd(&sum, 1); else sum += 1;"
        "__syncthreads(); out[i] = sum;",
        ("data race on 'sum'", "after atomic by", "thread (32,0,0)"),
    ),
    "write past the end": (
        "out[i + 1u] = 0;",
        (
            "out-of-bounds write of 4 bytes",
            "'out' of 512 bytes at offset 512",
            "block (1,0,0) thread (63,0,0)",
        ),
    ),
    "read before the start": (
        "out[i] = values[(int)t - 1];",
        ("out-of-bounds read of 4 bytes", "'values' of 512 bytes at offset -4", "thread (0,0,0)"),
    ),
    "past the end of shared memory": (
        "__shared__ int tile[63]; volatile int* p = tile; p[t] = 1;",
        ("out-of-bounds write of 4 bytes", "'tile' of 252 bytes at offset 252", "thread (63,0,0)"),
    ),
    "past the end of dynamic shared memory": (
        "extern __shared__ int own[]; own[t] = (int)t; __syncthreads(); out[i] = own[63u - t];",
        (
            "out-of-bounds write of 4 bytes",
            "'dynamic shared memory' of 252 bytes",
            "thread (63,0,0)",
        ),
    ),
    "read of what nobody wrote": (
        "out[i] += 1;",
        ("read of uninitialised 'out' offset 0", "thread (0,0,0)"),
    ),
    "atomic on what nobody wrote": (
        "atomicAdd(&out[t / 2u], 1);",
        ("atomic of uninitialised 'out' offset 0",),
    ),
    "shared memory that nobody wrote": (
        "__shared__ int tile[64]; if (t < 63u) tile[t] = 1; __syncthreads(); out[i] = tile[t];",
        ("read of uninitialised 'tile' offset 252", "thread (63,0,0)"),
    ),
    "write to a constant": (
        "((int*)values)[i] = 1;",
        ("write to 'values', which is const", "thread (0,0,0)"),
    ),
    "misaligned": (
        "out[i] = *(const int*)((const char*)values + 1);",
        ("misaligned",),
    ),
    "exit before a barrier": (
        "if (t >= 40u) return; __syncthreads(); out[i] = 1;",
        ("barrier divergence: 24 threads exited, 40 wait",),
    ),
    "barriers apart": (
        "if (t < 32u) { __syncthreads(); out[i] = 1; } else { out[i] = 2; __syncthreads(); atomicAdd(&out[0], 1); }",
        ("barrier divergence: 32 threads wait", "32 at"),
    ),
    "collective that lacks lanes": (
        "if ((t & 31u) < 21u) out[i] = (int)__ballot_sync(0xffffffffu, values[t] > 3);",
        ("warp deadlock: lanes 001fffff wait", "for mask ffffffff", "block (0,0,0) thread (0,0,0)"),
    ),
    "mask without the caller": (
        "out[i] = (int)__ballot_sync(0x7fffffffu, values[t] > 3);",
        ("warp mask 7fffffff", "lacks the lane that calls, 31"),
    ),
    "shuffle from outside of the mask": (
        "if ((t & 31u) < 16u) out[i] = __shfl_sync(0xffffu, values[t], 20);",
        ("shuffle", "lane 0 reads lane 20, which is not in the mask 0000ffff"),
    ),
    "endless": (
        "volatile int* p = out; p[i] = 0; while (p[i] == 0) {}",
        ("the launch does not end", "thread (0,0,0)"),
    ),
    "too much shared memory": (
        "__shared__ int tile[12 * 1024 - 62]; tile[t] = 1; out[i] = tile[t];",
        ("static and dynamic shared memory take 49156 bytes, more than 49152",),
    ),
}

# What only the source shows: in PTX it is defined.
UNDEFINED = {
    "shift by the width": (
        "out[i] = 1 << (int)(n - 96u + t);",
        "a shift by a negative count or by the width",
    ),
    "integer overflow": ("out[i] = 0x7fffffff - 3 + values[t];", "an addition overflows"),
    "float too large": (
        "out[i] = (int)(1e9f * (float)t);",
        "a float that no integer of this type holds",
    ),
    "index outside of a local array": (
        "int a[4] = {1, 2, 3, 4}; out[i] = a[(t >> 4) + n / 128u];",
        "an index outside",
    ),
}


@pytest.fixture(params=[None, 70], ids=["source", "ptx"])
def checking(request: pytest.FixtureRequest) -> Iterator[ModuleType]:
    engine = Engine(architecture=request.param, checked=True, most_accesses=100_000)
    need(engine)
    with emulated(engine) as cupy:
        yield cupy


def kernel_name(fault: str) -> str:
    return f"sample_{fault.replace(' ', '_')}"


def source(bodies: dict[str, str]) -> str:
    """Kernels that are compiled together, each on a line of its own."""
    start = "const unsigned int t = threadIdx.x, i = blockIdx.x * 64u + t;"
    return "\n".join(
        f"{DECLARED.replace('sample', kernel_name(fault))} {{ {start} {body} }}"
        for fault, body in bodies.items()
    )


GOOD = "__syncthreads(); out[i] = __shfl_sync(0xffffffffu, values[t], 1);"
FAULTY = source({fault: body for fault, (body, _) in FAULTS.items()} | {"nothing": GOOD})
UNDEFINED_SOURCE = source({fault: body for fault, (body, _) in UNDEFINED.items()})


def launch(cupy: Any, text: str, fault: str) -> None:
    kernel = cupy.RawModule(code=text, options=OPTIONS).get_function(kernel_name(fault))
    values, out = cupy.asarray(np.arange(128, dtype=np.int32)), cupy.empty(128, np.int32)
    kernel((2,), (64,), (values, out, np.uint32(128)), shared_mem=252)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_reported(checking: ModuleType, fault: str) -> None:
    _, wanted = FAULTS[fault]
    with pytest.raises(LaunchError) as caught:
        launch(checking, FAULTY, fault)
    told = str(caught.value)
    assert told.startswith(f"{kernel_name(fault)}: ")
    missing = [part for part in wanted if part not in told]
    assert not missing, told
    if checking.engine.architecture is None and "kernel.cu" in told:
        line = list(FAULTS).index(fault) + 1
        assert f"kernel.cu:{line} `" in told, told


@pytest.mark.parametrize("fault", UNDEFINED)
def test_undefined_behaviour_is_reported(checked: ModuleType, fault: str) -> None:
    line = list(UNDEFINED).index(fault) + 1
    wanted = (
        f"^{kernel_name(fault)}: {UNDEFINED[fault][1]}.* at kernel.cu:{line} .*, in block .* thread"
    )
    with pytest.raises(LaunchError, match=wanted):
        launch(checked, UNDEFINED_SOURCE, fault)


def test_the_emulator_goes_on_after_a_failure(checking: ModuleType) -> None:
    for fault in ("exit before a barrier", "no barrier", "collective that lacks lanes"):
        with pytest.raises(LaunchError):
            launch(checking, FAULTY, fault)
        launch(checking, FAULTY, "nothing")


# ----------------------------------------------------------------------------- arguments, launches


def good_arguments(cupy: Any) -> list[Any]:
    return [cupy.zeros(128, np.int32), cupy.empty(128, np.int32), np.uint32(128)]


ARGUMENTS: dict[str, Callable[[Any, list[Any]], list[Any]]] = {
    "takes 3 arguments, got 2": lambda cupy, args: args[:2],
    "argument 'n': expected uint32, got int64 from a int": lambda cupy, args: [*args[:2], 128],
    "argument 'n': expected uint32, got int32": lambda cupy, args: [*args[:2], np.int32(128)],
    "argument 'n': expected a scalar uint32, got a ndarray": lambda cupy, args: [
        *args[:2],
        args[0],
    ],
    "argument 'values': expected a device array, got a ndarray": lambda cupy, args: [
        np.zeros(128, np.int32),
        *args[1:],
    ],
    "argument 'values': expected int32, got an array of int64": lambda cupy, args: [
        cupy.zeros(128, np.int64),
        *args[1:],
    ],
    "argument 'out': the array is not contiguous": lambda cupy, args: [
        args[0],
        cupy.zeros(256, np.int32)[::2],
        args[2],
    ],
    "argument 'out': an empty array": lambda cupy, args: [args[0], args[1][:0], args[2]],
}


@pytest.mark.parametrize("wanted", ARGUMENTS)
def test_wrong_arguments_are_reported(checked: ModuleType, wanted: str) -> None:
    kernel = checked.RawModule(code=DECLARED + "{}", options=OPTIONS).get_function("sample")
    args = ARGUMENTS[wanted](checked, good_arguments(checked))
    with pytest.raises(LaunchError, match=f"^sample.*{wanted}"):
        kernel((2,), (64,), tuple(args))


@pytest.mark.parametrize(
    ("grid", "block", "shared_bytes", "wanted"),
    [
        ((0,), (64,), 0, "a grid of"),
        ((1, 65536), (64,), 0, "a grid of"),
        ((1,), (0,), 0, "a block of"),
        ((1,), (65,), 0, "more than its launch bounds allow, 64"),
        ((1,), (64,), 49153, "dynamic shared memory of 49153 bytes"),
    ],
)
def test_wrong_launches_are_reported(
    checked: ModuleType, grid: Any, block: Any, shared_bytes: int, wanted: str
) -> None:
    kernel = checked.RawModule(code=DECLARED + "{}", options=OPTIONS).get_function("sample")
    with pytest.raises(LaunchError, match=wanted):
        kernel(grid, block, tuple(good_arguments(checked)), shared_mem=shared_bytes)


def test_guard_zones_catch_what_runs_unchecked() -> None:
    need(Engine())
    with emulated() as cupy, pytest.raises(LaunchError, match="out-of-bounds write after 'out'"):
        launch(cupy, FAULTY, "write past the end")


# ----------------------------------------------------------------------------- device memory on the host


def test_what_no_kernel_wrote_cannot_be_read(checked: ModuleType) -> None:
    out = checked.empty(128, np.int32)
    kernel = checked.RawModule(
        code=DECLARED + "{ if (threadIdx.x < 60u) out[blockIdx.x * 64u + threadIdx.x] = 5; }",
        options=OPTIONS,
    ).get_function("sample")
    kernel((2,), (64,), (checked.zeros(1, np.int32), out, np.uint32(0)))
    with pytest.raises(UninitialisedError, match="8 elements were never written"):
        out.get()
    assert (out[64:124].get() == 5).all()
    out[60:64] = 1
    assert int(out[:124].sum()) == 5 * 120 + 4


def test_host_and_device_do_not_mix(checked: ModuleType) -> None:
    array = checked.asarray(np.arange(6).reshape(2, 3))
    assert isinstance(array.T, checked.ndarray)
    assert isinstance(array[0] + 1, checked.ndarray)
    assert array.T.reshape(-1).get().tolist() == [0, 3, 1, 4, 2, 5]
    assert array.view(np.uint64).allocation is array.allocation
    for mix in (
        np.asarray,
        lambda a: a + np.ones(3),
        lambda a: np.ones(3) * a,
        lambda a: np.add(a, np.ones(3)),
    ):
        with pytest.raises(TypeError, match="not allowed|Unsupported type"):
            mix(array)
    with pytest.raises(TypeError, match="CPU arrays"):
        checked.from_dlpack(np.ones(3))
    shared = checked.from_dlpack(array)
    shared[0, 0] = 9
    assert int(array[0, 0]) == 9
