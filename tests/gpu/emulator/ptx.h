// The instructions of PTX that g++ would do otherwise: shifts clamp, floats become integers by saturation,
// denormals of .ftz are zero; memory goes through the checker.
#pragma once
#include "shim.h"

// ------------------------------------------------------------------------- registers

template <class T, class X> inline T as(X value) {  // the bits of a register, seen as a type
    if constexpr (std::is_floating_point_v<T> == std::is_floating_point_v<X>) {
        return static_cast<T>(value);
    } else {
        static_assert(sizeof(T) == sizeof(X), "registers of different sizes");
        T result;
        memcpy(&result, &value, sizeof result);
        return result;
    }
}
template <class R, class X> inline void put(R& target, X value) { target = as<R>(value); }

inline float ftz(float value) { return std::fpclassify(value) == FP_SUBNORMAL ? copysignf(0, value) : value; }

template <class W, class H> inline W pack(H low, H high) {
    return as<W>(uint64_t(high) << 8 * sizeof(H) | low);
}
inline uint64_t bits_of(double value) { return as<uint64_t>(value); }
inline uint64_t bits_of(uint64_t value) { return value; }
inline uint64_t bits_of(uint32_t value) { return value; }
inline uint64_t bits_of(float value) { return as<uint32_t>(value); }

// ------------------------------------------------------------------------- integers

template <class T> inline T shift_left(T value, uint32_t count) { return count < 8 * sizeof(T) ? T(value << count) : T(0); }
template <class T> inline T shift_right(T value, uint32_t count) {
    if (count < 8 * sizeof(T)) return T(value >> count);
    return value < 0 ? T(-1) : T(0);
}
inline uint32_t funnel_left(uint32_t low, uint32_t high, uint32_t count, bool wraps) {
    count = wraps ? count & 31 : count < 32 ? count : 32;
    return count == 32 ? low : __funnelshift_l(low, high, count);
}
inline uint32_t funnel_right(uint32_t low, uint32_t high, uint32_t count, bool wraps) {
    count = wraps ? count & 31 : count < 32 ? count : 32;
    return count == 32 ? high : __funnelshift_r(low, high, count);
}
template <class T> inline T high_half(T a, T b) { return T((__int128)(a) * (__int128)(b) >> 8 * sizeof(T)); }
inline uint64_t high_half(uint64_t a, uint64_t b) { return __umul64hi(a, b); }
template <class T> inline T quotient(T a, T b) {
    if (b == 0) emu_fail("a division by zero");
    return T(a / b);
}
template <class T> inline T remainder_of(T a, T b) {
    if (b == 0) emu_fail("a division by zero");
    return T(a % b);
}
template <class T> inline uint32_t leading_one(T value, bool as_shift) {  // bfind of unsigned values
    if (value == 0) return ~0u;
    uint32_t place = 63 - uint32_t(__builtin_clzll(uint64_t(value)));
    return as_shift ? uint32_t(8 * sizeof(T)) - 1 - place : place;
}
template <class T> inline T insert_bits(T field, T base, uint32_t first, uint32_t length) {
    first &= 0xff, length &= 0xff;
    T mask = shift_left(T(shift_left(T(1), length) - 1), first);
    if (length >= 8 * sizeof(T)) mask = shift_left(T(~T(0)), first);
    return (base & ~mask) | (shift_left(field, first) & mask);
}
template <class T> inline T extract_bits(T value, uint32_t first, uint32_t length) {  // bfe of unsigned values
    first &= 0xff, length &= 0xff;
    T shifted = shift_right(value, first);
    return length >= 8 * sizeof(T) ? shifted : T(shifted & (shift_left(T(1), length) - 1));
}
inline uint32_t permute(uint32_t a, uint32_t b, uint32_t selector) {
    uint64_t both = uint64_t(b) << 32 | a;
    uint32_t result = 0;
    for (int i = 0; i < 4; ++i) {
        uint32_t choice = selector >> 4 * i & 15, byte = uint32_t(both >> 8 * (choice & 7)) & 255;
        if (choice & 8) byte = byte & 128 ? 255 : 0;
        result |= byte << 8 * i;
    }
    return result;
}

// ------------------------------------------------------------------------- conversions

template <class T, class X> inline T saturated(X value) {  // of a value that is rounded already
    if (value != value) return 0;
    const X past = std::ldexp(X(1), int(8 * sizeof(T)) - std::is_signed_v<T>);
    if (value >= past) return std::is_signed_v<T> ? T(~(T(1) << (8 * sizeof(T) - 1))) : T(~T(0));
    if (value < (std::is_signed_v<T> ? -past : X(0))) return std::is_signed_v<T> ? T(T(1) << (8 * sizeof(T) - 1)) : T(0);
    return T(value);
}

// ------------------------------------------------------------------------- memory

template <class T> inline T load(uint64_t address, uint64_t line) {
    emu_access(reinterpret_cast<void*>(address), sizeof(T), EMU_READ, line | emu_ptx_line);
    T value;
    memcpy(&value, reinterpret_cast<void*>(address), sizeof value);
    return value;
}
template <class T> inline void store(uint64_t address, T value, uint64_t line) {
    emu_access(reinterpret_cast<void*>(address), sizeof(T), EMU_WRITE, line | emu_ptx_line);
    memcpy(reinterpret_cast<void*>(address), &value, sizeof value);
}
inline void check_vector(uint64_t address, size_t bytes, uint64_t line) {
    if (address % bytes) emu_fail("misaligned vector access at line %zu", size_t(line));
}
template <class T, class F> inline T atomically(uint64_t address, uint64_t line, F change) {
    emu_atomic(reinterpret_cast<void*>(address), sizeof(T), line | emu_ptx_line);
    T* place = reinterpret_cast<T*>(address);
    T old = *place;
    *place = change(old);
    return old;
}
inline uint64_t in_shared(uint64_t offset) { return reinterpret_cast<uint64_t>(emu_shared_address(uint32_t(offset))); }
inline uint64_t to_shared(uint64_t address) { return emu_shared_offset(reinterpret_cast<char*>(address)); }

// ------------------------------------------------------------------------- warps

// shfl.sync: `packed` holds the clamp in its low five bits and the segment's mask from bit 8.
template <int mode> inline bool shuffle(uint32_t& result, uint32_t value, uint32_t b, uint32_t packed, uint32_t mask, int line) {
    uint32_t lane = emu_lane(), clamp = packed & 31, segment = packed >> 8 & 31;
    uint32_t most = (lane & segment) | (clamp & ~segment), least = lane & segment;
    int source = 0;
    b &= 31;
    if (mode == 0) source = int(least | (b & ~segment));                       // idx
    if (mode == 1) source = int(lane) - int(b);                                 // up
    if (mode == 2) source = int(lane + b);                                      // down
    if (mode == 3) source = int(lane ^ b);                                      // bfly
    bool within = mode == 1 ? source >= int(most) : source <= int(most);
    if (!within) source = int(lane);
    result = uint32_t(emu_warp(EMU_SHUFFLE, mask, value, source, line));
    return within;
}
