// What the kernels, the runtime and the checker share.
#pragma once
#include <cstddef>
#include <cstdint>

struct uint3 { unsigned x, y, z; };

struct dim3 {
    unsigned x, y, z;
    constexpr dim3(unsigned x = 1, unsigned y = 1, unsigned z = 1) : x(x), y(y), z(z) {}
};

constexpr unsigned emu_warp_size = 32;
constexpr unsigned emu_most_threads = 1024;

enum emu_barrier_operation { EMU_SYNC, EMU_COUNT, EMU_OR, EMU_AND };
enum emu_warp_operation { EMU_SYNCWARP, EMU_SHUFFLE, EMU_BALLOT, EMU_MATCH_ANY };
enum emu_access_kind { EMU_READ, EMU_WRITE, EMU_ATOMIC };

enum emu_state : uint8_t { EMU_FRESH, EMU_READY, EMU_AT_BARRIER, EMU_AT_WARP, EMU_DONE };

constexpr int emu_line_bits = 20;  // of a call's site: its line, above it what tells calls of one line apart

struct emu_fiber;

struct emu_thread {
    uint3 index;
    unsigned number, lane, warp;  // number within the block
    emu_state state;
    // what it waits for
    int operation, source, site;
    unsigned mask;
    uint64_t value, result;
    emu_fiber* fiber;
    // for the checker: own steps between warp collectives, and what it knows of its warp's lanes
    uint32_t epoch, seen[emu_warp_size];
};

struct emu_slot { char* address; uint64_t launch; };  // of one __shared__ declaration

// A stretch of memory that a launch may use: an argument's, or a shared variable's.
struct emu_region {
    const char* name;
    char* start;
    size_t bytes;
    uint8_t* initialised;  // a flag a byte, kept from launch to launch; null: all of it is
    int read_only;
};

extern "C" {
extern emu_thread* emu_current;  // null while the scheduler runs
extern uint3 emu_block_index;
extern dim3 emu_block_size, emu_grid_size;
extern uint32_t emu_barrier_epoch;
extern uint32_t emu_block_number;
extern int emu_checking;

uint64_t emu_barrier(int operation, int predicate, int site);
uint64_t emu_warp(int operation, unsigned mask, uint64_t value, int source, int site);
unsigned emu_active_mask();
char* emu_shared(emu_slot* slot, const char* name, size_t bytes);
char* emu_dynamic_shared();
uint32_t emu_shared_offset(const char* address);
char* emu_shared_address(uint32_t offset);
void emu_atomic(const void* address, size_t bytes, uintptr_t where);
void emu_fail(const char* format, ...) __attribute__((format(printf, 1, 2)));
}

// The place of an access in the text of a report: a code address, or a line of PTX.
constexpr uintptr_t emu_ptx_line = uintptr_t(1) << 63;

// The checker's side.
void emu_check_begin(const emu_region* arguments, int count, uint64_t most_accesses, const void* code);
void emu_check_shared(const char* name, char* start, size_t bytes);
void emu_check_end();
void emu_check_warp(emu_thread** threads, int count);
extern "C" void emu_access(const void* address, size_t bytes, int kind, uintptr_t where);
bool emu_on_a_stack(const char* address);
