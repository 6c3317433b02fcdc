// CUDA C++ for g++: the unedited text of a kernel compiles after this header.
#pragma once
#include <cmath>
#include <cstring>
#include <type_traits>

#include "runtime.h"

#define __CUDA_ARCH__ 800
#define __global__
#define __device__
#define __host__
#define __constant__ static
#define __forceinline__ inline __attribute__((always_inline))
#define __noinline__ __attribute__((noinline))
#define __align__(n) __attribute__((aligned(n)))
#define __launch_bounds__(...)
// build.py rewrites these declarations; one that it did not know must not compile.
#define __shared__ static_assert(false, "a form of __shared__ that build.py does not rewrite");
#define EMU_SHARED(type, name, extent)                                                      \
    typedef type emu_type_of_##name extent;                                                 \
    static emu_slot emu_slot_of_##name;                                                     \
    emu_type_of_##name& name = *reinterpret_cast<emu_type_of_##name*>(                      \
        emu_shared(&emu_slot_of_##name, #name, sizeof(emu_type_of_##name)))
#define EMU_DYNAMIC_SHARED(type, name) type* const name = reinterpret_cast<type*>(emu_dynamic_shared())

#define EMU_PLAIN __attribute__((no_sanitize("thread", "undefined")))
#define EMU_APART EMU_PLAIN __attribute__((noinline))

// ------------------------------------------------------------------------- indices, vectors

EMU_PLAIN inline uint3 emu_thread_index() { return emu_current->index; }
EMU_PLAIN inline unsigned emu_lane() { return emu_current->lane; }
EMU_PLAIN inline uint3 emu_block() { return emu_block_index; }
EMU_PLAIN inline dim3 emu_block_extent() { return emu_block_size; }
EMU_PLAIN inline dim3 emu_grid_extent() { return emu_grid_size; }
#define threadIdx (emu_thread_index())
#define blockIdx (emu_block())
#define blockDim (emu_block_extent())
#define gridDim (emu_grid_extent())
#define warpSize 32

typedef unsigned char uchar;
typedef unsigned short ushort;
typedef unsigned int uint;
#define EMU_VECTOR(type, name)                                                              \
    struct alignas(2 * sizeof(type)) name##2 { type x, y; };                                \
    struct alignas(4 * sizeof(type) < 16 ? 4 * sizeof(type) : 16) name##4 { type x, y, z, w; }; \
    inline name##2 make_##name##2(type x, type y) { return {x, y}; }                        \
    inline name##4 make_##name##4(type x, type y, type z, type w) { return {x, y, z, w}; }
EMU_VECTOR(unsigned char, uchar)
EMU_VECTOR(short, short)
EMU_VECTOR(unsigned short, ushort)
EMU_VECTOR(int, int)
EMU_VECTOR(unsigned int, uint)
EMU_VECTOR(long long, longlong)
EMU_VECTOR(unsigned long long, ulonglong)
EMU_VECTOR(float, float)
EMU_VECTOR(double, double)

// ------------------------------------------------------------------------- barriers, warps

// A call in the source: two on one line are two.
#define EMU_SITE (__LINE__ | __COUNTER__ << emu_line_bits)

#define __syncthreads() ((void)emu_barrier(EMU_SYNC, 0, EMU_SITE))
#define __syncthreads_count(predicate) (int(emu_barrier(EMU_COUNT, (predicate) != 0, EMU_SITE)))
#define __syncthreads_or(predicate) (int(emu_barrier(EMU_OR, (predicate) != 0, EMU_SITE)))
#define __syncthreads_and(predicate) (int(emu_barrier(EMU_AND, (predicate) != 0, EMU_SITE)))

inline void emu_syncwarp(int site, unsigned mask = 0xffffffffu) { emu_warp(EMU_SYNCWARP, mask, 0, 0, site); }
#define __syncwarp(...) emu_syncwarp(EMU_SITE __VA_OPT__(,) __VA_ARGS__)
#define __activemask() emu_active_mask()
#define __ballot_sync(mask, predicate) (unsigned(emu_warp(EMU_BALLOT, mask, (predicate) != 0, 0, EMU_SITE)))
#define __any_sync(mask, predicate) (int(__ballot_sync(mask, predicate) != 0))
#define __all_sync(mask, predicate) (int(__ballot_sync(mask, !(predicate)) == 0))

template <class T> inline uint64_t emu_bits(T value) {
    static_assert(sizeof(T) <= 8, "warp collectives exchange at most 64 bits");
    uint64_t bits = 0;
    memcpy(&bits, &value, sizeof value);
    return bits;
}
template <class T> inline T emu_exchange(int site, unsigned mask, T value, int source) {
    uint64_t bits = emu_warp(EMU_SHUFFLE, mask, emu_bits(value), source, site);
    memcpy(&value, &bits, sizeof value);
    return value;
}
template <class T> inline T emu_shuffle(int site, unsigned mask, T value, int source, int width = 32) {
    int first = int(emu_lane()) & ~(width - 1);
    return emu_exchange(site, mask, value, first | (source & (width - 1)));
}
template <class T> inline T emu_shuffle_up(int site, unsigned mask, T value, unsigned delta, int width = 32) {
    int lane = int(emu_lane()), source = lane - int(delta);
    return emu_exchange(site, mask, value, source < (lane & ~(width - 1)) ? lane : source);
}
template <class T> inline T emu_shuffle_down(int site, unsigned mask, T value, unsigned delta, int width = 32) {
    int lane = int(emu_lane()), source = lane + int(delta);
    return emu_exchange(site, mask, value, source > (lane | (width - 1)) ? lane : source);
}
template <class T> inline T emu_shuffle_xor(int site, unsigned mask, T value, int bits, int width = 32) {
    int lane = int(emu_lane()), source = lane ^ bits;
    return emu_exchange(site, mask, value, source > (lane | (width - 1)) ? lane : source);
}
#define __shfl_sync(...) emu_shuffle(EMU_SITE, __VA_ARGS__)
#define __shfl_up_sync(...) emu_shuffle_up(EMU_SITE, __VA_ARGS__)
#define __shfl_down_sync(...) emu_shuffle_down(EMU_SITE, __VA_ARGS__)
#define __shfl_xor_sync(...) emu_shuffle_xor(EMU_SITE, __VA_ARGS__)
#define __match_any_sync(mask, value) (unsigned(emu_warp(EMU_MATCH_ANY, mask, emu_bits(value), 0, EMU_SITE)))

inline void __threadfence() {}
inline void __threadfence_block() {}
#define __trap() emu_fail("__trap() at line %d", __LINE__)

// ------------------------------------------------------------------------- atomics
// Fibers are never interrupted, so a plain read-modify-write is atomic; the runtime is told first.

#define EMU_ATOMIC_FUNCTION(name, expression)                                               \
    template <class T> EMU_APART T name(T* address, std::common_type_t<T> value) {          \
        emu_atomic(address, sizeof(T), uintptr_t(__builtin_return_address(0)));             \
        T old = *address;                                                                   \
        *address = T(expression);                                                           \
        return old;                                                                         \
    }
EMU_ATOMIC_FUNCTION(atomicAdd, old + value)
EMU_ATOMIC_FUNCTION(atomicSub, old - value)
EMU_ATOMIC_FUNCTION(atomicExch, value)
EMU_ATOMIC_FUNCTION(atomicMin, old < value ? old : value)
EMU_ATOMIC_FUNCTION(atomicMax, old < value ? value : old)
EMU_ATOMIC_FUNCTION(atomicAnd, old & value)
EMU_ATOMIC_FUNCTION(atomicOr, old | value)
EMU_ATOMIC_FUNCTION(atomicXor, old ^ value)

template <class T>
EMU_APART T atomicCAS(T* address, std::common_type_t<T> expected, std::common_type_t<T> value) {
    emu_atomic(address, sizeof(T), uintptr_t(__builtin_return_address(0)));
    T old = *address;
    if (old == expected) *address = value;
    return old;
}

// ------------------------------------------------------------------------- integers

inline int __popc(unsigned x) { return __builtin_popcount(x); }
inline int __popcll(unsigned long long x) { return __builtin_popcountll(x); }
inline int __clz(int x) { return x ? __builtin_clz(unsigned(x)) : 32; }
inline int __clzll(long long x) { return x ? __builtin_clzll((unsigned long long)x) : 64; }
inline int __ffs(int x) { return __builtin_ffs(x); }
inline int __ffsll(long long x) { return __builtin_ffsll(x); }
inline unsigned long long __brevll(unsigned long long x) {
    unsigned long long reversed = 0;
    for (int bit = 0; bit < 64; ++bit) reversed |= ((x >> bit) & 1) << (63 - bit);
    return reversed;
}
inline unsigned __brev(unsigned x) { return unsigned(__brevll(x) >> 32); }
inline unsigned __funnelshift_l(unsigned low, unsigned high, unsigned shift) {
    return unsigned(((uint64_t(high) << 32 | low) << (shift & 31)) >> 32);
}
inline unsigned __funnelshift_r(unsigned low, unsigned high, unsigned shift) {
    return unsigned((uint64_t(high) << 32 | low) >> (shift & 31));
}
inline unsigned __umulhi(unsigned a, unsigned b) { return unsigned(uint64_t(a) * b >> 32); }
inline int __mulhi(int a, int b) { return int(int64_t(a) * b >> 32); }
inline unsigned long long __umul64hi(unsigned long long a, unsigned long long b) {
    return (unsigned long long)((unsigned __int128)(a) * b >> 64);
}
template <class T> inline T __ldg(const T* address) { return *address; }

#define EMU_MIN_MAX(type, a_type, b_type)                                                   \
    inline type min(a_type a, b_type b) { type p = a, q = b; return p < q ? p : q; } \
    inline type max(a_type a, b_type b) { type p = a, q = b; return p < q ? q : p; }
EMU_MIN_MAX(int, int, int)
EMU_MIN_MAX(unsigned, unsigned, unsigned)
EMU_MIN_MAX(unsigned, unsigned, int)
EMU_MIN_MAX(unsigned, int, unsigned)
EMU_MIN_MAX(long long, long long, long long)
EMU_MIN_MAX(unsigned long long, unsigned long long, unsigned long long)
EMU_MIN_MAX(unsigned long long, unsigned long long, long long)
EMU_MIN_MAX(unsigned long long, long long, unsigned long long)
inline float min(float a, float b) { return fminf(a, b); }
inline float max(float a, float b) { return fmaxf(a, b); }
inline double min(double a, double b) { return fmin(a, b); }
inline double max(double a, double b) { return fmax(a, b); }

// ------------------------------------------------------------------------- floats
// Built with -ffp-contract=off, so that every operation rounds by itself.

inline float __fadd_rn(float a, float b) { return a + b; }
inline float __fsub_rn(float a, float b) { return a - b; }
inline float __fmul_rn(float a, float b) { return a * b; }
inline float __fdiv_rn(float a, float b) { return a / b; }
inline float __fmaf_rn(float a, float b, float c) { return fmaf(a, b, c); }
inline float __fsqrt_rn(float a) { return sqrtf(a); }
inline double __dadd_rn(double a, double b) { return a + b; }
inline double __dsub_rn(double a, double b) { return a - b; }
inline double __dmul_rn(double a, double b) { return a * b; }
inline double __ddiv_rn(double a, double b) { return a / b; }
inline double __fma_rn(double a, double b, double c) { return fma(a, b, c); }
inline double __dsqrt_rn(double a) { return sqrt(a); }

#define EMU_REINTERPRET(name, from, to)                                                     \
    inline to name(from value) { to result; memcpy(&result, &value, sizeof result); return result; }
EMU_REINTERPRET(__float_as_int, float, int)
EMU_REINTERPRET(__int_as_float, int, float)
EMU_REINTERPRET(__float_as_uint, float, unsigned)
EMU_REINTERPRET(__uint_as_float, unsigned, float)
EMU_REINTERPRET(__double_as_longlong, double, long long)
EMU_REINTERPRET(__longlong_as_double, long long, double)
