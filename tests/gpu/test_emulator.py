"""The emulator itself, on kernels that are known to be right: what CUDA defines, and nothing else, must come out."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from tests.gpu.conftest import absent
from tests.gpu.emulator import build, nvrtc, ptx
from tests.gpu.emulator.cupy_stand_in import Engine, emulated
from tests.gpu.emulator.launch import LaunchError

OPTIONS = ("-std=c++17", "--fmad=false")


def run(
    cupy: Any, text: str, *args: Any, grid: Any = (1,), block: Any = (64,), **more: Any
) -> None:
    kernel = cupy.RawModule(code=text, options=OPTIONS).get_function("sample")
    kernel(grid, block, args, **more)


def test_warps_exchange_values(device: ModuleType) -> None:
    """Every collective, in a block of 2 warps and a half; the last lanes of a warp do not exist."""
    text = """
    extern "C" __global__ void sample(const int* values, long long* out) {
        const unsigned int lane = threadIdx.x & 31u;
        const unsigned int all = threadIdx.x < 64u ? 0xffffffffu : 0xffffu;
        const long long own = values[threadIdx.x];
        long long* row = out + 8 * threadIdx.x;
        row[0] = __shfl_sync(all, own, 5);
        row[1] = __shfl_up_sync(all, own, 3);
        row[2] = __shfl_down_sync(all, own, 2, 16);
        row[3] = __shfl_xor_sync(all, own, 1);
        row[4] = __ballot_sync(all, own % 3 == 0);
        row[5] = __any_sync(all, own == 7) + 2 * __all_sync(all, own < 100);
        row[6] = __popc(__ballot_sync(all, lane < 9u)) + (threadIdx.x == 64u ? 1000 : 0);
        __syncwarp(all);
        row[7] = __syncthreads_count(own > 40);
    }
    """
    values = np.random.default_rng(1).permutation(80).astype(np.int32)
    out = device.empty((80, 8), np.int64)
    run(device, text, device.asarray(values), out, block=(80,))
    expected = np.zeros((80, 8), np.int64)
    for first in (0, 32, 64):
        v = values[first : first + 32].astype(np.int64)
        lane = np.arange(len(v))
        rows = expected[first : first + 32]
        rows[:, 0] = v[5]
        rows[:, 1] = np.where(lane >= 3, v[lane - 3], v)
        rows[:, 2] = np.where(lane % 16 < 14, v[np.minimum(lane + 2, len(v) - 1)], v)
        rows[:, 3] = v[lane ^ 1]
        rows[:, 4] = np.sum((v % 3 == 0) << lane)
        rows[:, 5] = (v == 7).any() + 2 * (v < 100).all()
        rows[:, 6] = 9 + 1000 * (lane + first == 64)
    expected[:, 7] = (values > 40).sum()
    assert_array_equal(out.get(), expected)


def test_blocks_share_memory(device: ModuleType) -> None:
    """Static and dynamic, in a three-dimensional grid of three-dimensional blocks."""
    text = """
    extern "C" __global__ void __launch_bounds__(24) sample(const float* values, float* out, unsigned int n) {
        __shared__ float mirror[24];
        extern __shared__ unsigned short places[];
        const unsigned int t = threadIdx.x + 4u * (threadIdx.y + 3u * threadIdx.z);
        const unsigned int b = blockIdx.x + gridDim.x * (blockIdx.y + gridDim.y * blockIdx.z);
        const unsigned int i = 24u * b + t;
        places[t] = (unsigned short)(23u - t);
        mirror[t] = i < n ? values[i] : 0.0f;
        __syncthreads();
        const float found = mirror[places[t]];
        __syncthreads();
        mirror[t] = found + 1.0f;
        __syncthreads();
        if (i < n) out[i] = mirror[places[places[t]]];
    }
    """
    n = 24 * 12 - 5
    values = np.random.default_rng(2).random(n, np.float32)
    out = device.empty(n, np.float32)
    run(
        device,
        text,
        device.asarray(values),
        out,
        np.uint32(n),
        grid=(2, 3, 2),
        block=(4, 3, 2),
        shared_mem=48,
    )
    padded = np.zeros(288, np.float32)
    padded[:n] = values
    assert_array_equal(out.get(), (padded.reshape(12, 24)[:, ::-1].ravel() + np.float32(1))[:n])


def test_atomics_and_arithmetic(device: ModuleType) -> None:
    text = """
    extern "C" __global__ void sample(const unsigned int* a, const double* x, unsigned int n, unsigned long long* sums,
                                      int* numbers, double* reals) {
        const unsigned int i = blockIdx.x * blockDim.x + threadIdx.x;
        if (i >= n) return;
        atomicAdd(&sums[0], (unsigned long long)a[i]);
        atomicMax(&sums[1], (unsigned long long)a[i]);
        unsigned long long old, found;  // a loop that any order must end
        old = 0ull;
        while ((found = atomicCAS(&sums[2], old, old + a[i])) != old) old = found;
        numbers[4 * i] = __popc(a[i]) + 100 * __clz((int)a[i]);
        numbers[4 * i + 1] = __ffs((int)a[i]) - (int)(__brev(a[i]) >> 24);
        numbers[4 * i + 2] = (int)__funnelshift_r(a[i], ~a[i], i) ^ (int)__umulhi(a[i], 0x9e3779b9u);
        numbers[4 * i + 3] = -(int)(a[i] % 1000u) / 7 + ((int)a[i] >> 5) + max((int)(a[i] & 255u), 77);
        reals[2 * i] = __dsqrt_rn(__dadd_rn(__dmul_rn(x[i], x[i]), 0.1));
        reals[2 * i + 1] = (double)(float)x[i] * x[i] + fabs(-x[i]) / 3.0;
    }
    """
    rng = np.random.default_rng(3)
    n = 100
    a = rng.integers(0, 2**32, n, np.uint32)
    a[:2] = 0, 2**32 - 1
    x = rng.normal(size=n)
    sums, numbers = device.zeros(4, np.uint64), device.empty((n, 4), np.int32)
    reals = device.empty((n, 2))
    run(
        device,
        text,
        device.asarray(a),
        device.asarray(x),
        np.uint32(n),
        sums,
        numbers,
        reals,
        grid=(2,),
    )
    total = int(a.sum(dtype=np.uint64))
    assert sums.get().tolist() == [total, int(a.max()), total, 0]

    def signed(value: int) -> int:
        return (value + 2**31) % 2**32 - 2**31

    def row(i: int, value: int) -> list[int]:
        lowest = (value & -value).bit_length()
        reverse = int(f"{value:032b}"[::-1], 2)
        both = (~value % 2**32) << 32 | value
        return [
            value.bit_count() + 100 * (32 - value.bit_length()),
            lowest - (reverse >> 24),
            signed((both >> (i % 32)) % 2**32 ^ (value * 0x9E3779B9 >> 32)),
            -(value % 1000 // 7) + (signed(value) >> 5) + max(value & 255, 77),
        ]

    assert numbers.get().tolist() == [row(i, int(value)) for i, value in enumerate(a)]
    assert_array_equal(reals.get()[:, 0], np.sqrt(x * x + 0.1))
    assert_array_equal(reals.get()[:, 1], x.astype(np.float32).astype(float) * x + np.abs(x) / 3)


def test_order_within_and_between_warps_is_seen(checked: ModuleType) -> None:
    """What is ordered is no race: by a barrier, by a collective of some lanes, through a third lane, by atomics."""
    text = """
    extern "C" __global__ void sample(int* out) {
        __shared__ int a[64];
        __shared__ int total;
        const unsigned int t = threadIdx.x, lane = t & 31u;
        a[t] = (int)t;
        if (t == 0u) total = 0;
        __syncwarp();
        int sum = a[t ^ 1u];
        if (lane < 16u) {
            __syncwarp(0x0000ffffu);
            a[t] = 100;
            __syncwarp(0x0000ffffu);
            sum += a[t ^ 8u];
        }
        __syncthreads();
        atomicAdd(&total, 1);
        atomicAdd(&total, 1);
        __syncthreads();
        out[t] = sum + total + a[63u - t];
    }
    """
    out = checked.empty(64, np.int32)
    run(checked, text, out)
    t = np.arange(64)
    low = t % 32 < 16
    mirrored = np.where((63 - t) % 32 < 16, 100, 63 - t)
    assert_array_equal(out.get(), (t ^ 1) + 100 * low + 128 + mirrored)


def test_schedules_differ() -> None:
    """A result that depends on the order shows it: the last writer of a race that nobody checks for."""
    text = """
    extern "C" __global__ void sample(int* out) { out[0] = (int)(blockIdx.x * blockDim.x + threadIdx.x); }
    """
    if not build.have_compiler():
        absent("g++")
    last = set()
    for engine in (
        Engine(),
        Engine(schedule="reversed"),
        Engine(schedule="shuffled"),
        Engine(schedule="shuffled", seed=5),
    ):
        with emulated(engine) as cupy:
            out = cupy.empty(1, np.int32)
            run(cupy, text, out, grid=(3,))
            last.add(int(out.get()[0]))
    assert {191, 0} < last
    assert len(last) == 4


def test_poison_is_no_zero() -> None:
    """Shared memory and `empty` hold no accidental zeros, and no block finds what another left."""
    text = """
    extern "C" __global__ void sample(int* out) {
        __shared__ int a[64];
        out[blockIdx.x * blockDim.x + threadIdx.x] = a[threadIdx.x];
        a[threadIdx.x] = 7;
    }
    """
    if not build.have_compiler():
        absent("g++")
    with emulated() as cupy:
        out = cupy.empty(128, np.int32)
        run(cupy, text, out, grid=(2,))
        assert set(out.get().tolist()) == {np.uint32(0xCDCDCDCD).astype(np.int32)}


def test_source_that_the_emulator_does_not_know_is_refused() -> None:
    if not build.have_compiler():
        absent("g++")
    with emulated() as cupy:
        with pytest.raises(ValueError, match="extern"):
            run(cupy, "template <class T> __global__ void sample(T* out) {}")
        with pytest.raises(ValueError, match="half"):
            run(cupy, 'extern "C" __global__ void sample(half* out) {}')
        with pytest.raises(ValueError, match="--use_fast_math"):
            cupy.RawModule(code="", options=("--use_fast_math",)).get_function("sample")(
                (1,), (1,), ()
            )
        with pytest.raises(build.BuildError, match="rewrite"):
            run(
                cupy,
                'extern "C" __global__ void sample(int* out) { __shared__ int a, b; }',
                cupy.zeros(1, np.int32),
            )


def test_an_instruction_that_the_emulator_does_not_know_is_refused() -> None:
    if nvrtc.library() is None:
        absent("NVRTC")
    text = 'extern "C" __global__ void sample(float* out) { out[0] = __sinf(out[1]); }'
    with pytest.raises(NotImplementedError, match="sin"):
        ptx.translated("\n".join(ptx.listing(text, OPTIONS, 70)))


@pytest.mark.parametrize("architecture", [None, 90])
def test_clamped_shifts_and_saturated_conversions(architecture: int | None) -> None:
    """Where a CPU and a GPU differ, the checked source says so and the PTX does what the GPU does."""
    text = """
    extern "C" __global__ void sample(const float* x, const unsigned int* count, int* out, unsigned int* shifted) {
        out[threadIdx.x] = (int)x[threadIdx.x];
        shifted[threadIdx.x] = 0xffu << count[threadIdx.x];
    }
    """
    if not build.have_compiler() or (architecture and nvrtc.library() is None):
        absent("g++ and NVRTC")
    with emulated(Engine(architecture=architecture, checked=True)) as cupy:
        x = cupy.asarray(np.array([3e9, -3e9, np.nan, -1.5], np.float32))
        count = cupy.asarray(np.array([4, 32, 40, 31], np.uint32))
        out, shifted = cupy.empty(4, np.int32), cupy.empty(4, np.uint32)
        if architecture is None:
            with pytest.raises(LaunchError, match="a float that no integer of this type holds"):
                run(cupy, text, x, count, out, shifted, block=(4,))
            with pytest.raises(LaunchError, match="a shift by a negative count or by the width"):
                run(cupy, text, cupy.zeros(4, np.float32), count, out, shifted, block=(4,))
        else:
            run(cupy, text, x, count, out, shifted, block=(4,))
            assert out.get().tolist() == [2**31 - 1, -(2**31), 0, -1]
            assert shifted.get().tolist() == [0xFF0, 0, 0, 0x80000000]
