// Checks every access of a kernel: bounds, initialisation, and order among threads.
//
// The kernel is built with -fsanitize=thread and -fsanitize=undefined, whose entry points are defined
// here, so that this is the sanitizers' runtime. What is found does not depend on the schedule: two
// accesses of a byte, one of them a write and not both atomic, must be ordered by what the program
// says, that is by __syncthreads within a block or by a collective within a warp.
#include <cstdlib>
#include <cstdio>
#include <cstring>
#include <link.h>
#include <string>
#include <sys/mman.h>
#include <vector>

#include "runtime.h"

namespace {

// Who came when: the block (counted from 1; 0 is nobody) and thread, the block's and the thread's epoch.
struct stamp { uint32_t block; uint16_t number, atomic; uint32_t barrier, epoch; };

struct cell { stamp writer, readers[2]; };  // of one byte

struct region {
    emu_region memory;
    cell* cells;
    bool shared;
};

std::vector<region> regions;
size_t last;  // the region that was hit last
uint64_t accesses_left;
struct { const char *start, *end; } own_segments[16];
int own_segment_count;

// ------------------------------------------------------------------------- order

enum distance { ORDERED, SAME_WARP, SAME_BLOCK, OTHER_BLOCK };

distance apart(const stamp& before) {
    const emu_thread& own = *emu_current;
    if (before.block != emu_block_number + 1) return OTHER_BLOCK;
    if (before.number == own.number || before.barrier != emu_barrier_epoch) return ORDERED;
    if (before.number / emu_warp_size != own.warp) return SAME_BLOCK;
    return own.seen[before.number % emu_warp_size] >= before.epoch ? ORDERED : SAME_WARP;
}

// ------------------------------------------------------------------------- reports

std::string place(uintptr_t where) {
    char text[64];
    if (where & emu_ptx_line)
        snprintf(text, sizeof text, "{ptx %zu}", size_t(where & ~emu_ptx_line));
    else
        snprintf(text, sizeof text, "{code %zx}", size_t(where - uintptr_t(own_segments[0].start)));
    return text;
}

std::string thread_of(const stamp& s) {
    uint32_t b = s.block - 1, n = s.number;
    char text[96];
    snprintf(text, sizeof text, "block (%u,%u,%u) thread (%u,%u,%u)", b % emu_grid_size.x,
             b / emu_grid_size.x % emu_grid_size.y, b / emu_grid_size.x / emu_grid_size.y, n % emu_block_size.x,
             n / emu_block_size.x % emu_block_size.y, n / emu_block_size.x / emu_block_size.y);
    return text;
}

const char* const verbs[] = {"read", "write", "atomic"};
const char* const lacking[] = {"", "no __syncwarp", "no __syncthreads", "another block"};

void report_race(const region& r, size_t offset, int kind, const stamp& before, const char* verb, uintptr_t where) {
    emu_fail("data race on '%s' offset %zu: %s after %s by %s (%s between) at %s", r.memory.name, offset, verbs[kind],
             before.atomic ? "atomic" : verb, thread_of(before).c_str(), lacking[apart(before)],
             place(where).c_str());
}

void report_outside(const char* address, size_t bytes, int kind, uintptr_t where) {
    const region* nearest = nullptr;
    long long offset = 0, least = -1;
    for (const region& r : regions) {
        long long from = address - r.memory.start;
        long long gap = from < 0 ? -from : from - (long long)r.memory.bytes + 1;
        if (least < 0 || gap < least) nearest = &r, least = gap, offset = from;
    }
    emu_fail("out-of-bounds %s of %zu bytes, nearest is '%s' of %zu bytes at offset %lld, at %s", verbs[kind], bytes,
             nearest ? nearest->memory.name : "nothing", nearest ? nearest->memory.bytes : 0, offset,
             place(where).c_str());
}

// ------------------------------------------------------------------------- one access

void note_reader(cell& c, const stamp& now) {
    stamp &recent = c.readers[0], &other = c.readers[1];
    // Keep, beside the latest reader, the one that is hardest to be ordered with.
    if (recent.block && (recent.block != now.block || recent.number != now.number))
        if (!other.block || apart(recent) >= apart(other)) other = recent;
    recent = now;
}

bool check_byte(region& r, size_t offset, int kind, uintptr_t where, const stamp& now) {
    cell& c = r.cells[offset];
    if (r.shared && c.writer.block != now.block) c.writer = stamp();  // another block's: it has its own
    for (stamp& reader : c.readers)
        if (r.shared && reader.block != now.block) reader = stamp();
    bool initialised = r.shared ? c.writer.block != 0 : !r.memory.initialised || r.memory.initialised[offset];
    if (kind != EMU_WRITE && !initialised) {
        emu_fail("%s of uninitialised '%s' offset %zu, at %s", verbs[kind], r.memory.name, offset, place(where).c_str());
        return false;
    }
    bool atomic = kind == EMU_ATOMIC;
    if (c.writer.block && !(atomic && c.writer.atomic) && apart(c.writer) != ORDERED) {
        report_race(r, offset, kind, c.writer, "write", where);
        return false;
    }
    if (kind == EMU_READ) {
        note_reader(c, now);
        return true;
    }
    for (const stamp& reader : c.readers)
        if (reader.block && apart(reader) != ORDERED) {
            report_race(r, offset, kind, reader, "read", where);
            return false;
        }
    c.writer = now;
    c.readers[0] = c.readers[1] = stamp();
    if (r.memory.initialised) r.memory.initialised[offset] = 1;
    return true;
}

bool in_own_segments(const char* address) {
    for (int i = 0; i < own_segment_count; ++i)
        if (address >= own_segments[i].start && address < own_segments[i].end) return true;
    return false;
}

region* find(const char* address) {
    for (size_t i = 0; i < regions.size(); ++i) {
        size_t index = (last + i) % regions.size();
        const emu_region& memory = regions[index].memory;
        if (address >= memory.start && address < memory.start + memory.bytes) return &regions[last = index];
    }
    return nullptr;
}

}  // namespace

extern "C" void emu_access(const void* pointer, size_t bytes, int kind, uintptr_t where) {
    const char* address = static_cast<const char*>(pointer);
    if (!emu_checking || !emu_current || emu_on_a_stack(address)) return;
    if (accesses_left-- == 0) emu_fail("the launch does not end: too many accesses, the last at %s", place(where).c_str());
    region* r = find(address);
    if (!r) {
        if (kind == EMU_READ && in_own_segments(address)) return;  // constants
        return report_outside(address, bytes, kind, where);
    }
    size_t offset = size_t(address - r->memory.start);
    if (offset + bytes > r->memory.bytes) return report_outside(address, bytes, kind, where);
    if (uintptr_t(address) % bytes)
        return emu_fail("misaligned %s of %zu bytes of '%s' at offset %zu, at %s", verbs[kind], bytes, r->memory.name,
                        offset, place(where).c_str());
    if (kind != EMU_READ && r->memory.read_only)
        return emu_fail("%s to '%s', which is const, at offset %zu, at %s", verbs[kind], r->memory.name, offset,
                        place(where).c_str());
    stamp now = {emu_block_number + 1, uint16_t(emu_current->number), kind == EMU_ATOMIC, emu_barrier_epoch,
                 emu_current->epoch};
    for (size_t i = 0; i < bytes; ++i)
        if (!check_byte(*r, offset + i, kind, where, now)) return;
}

// ------------------------------------------------------------------------- a launch

// Of the shared object that the kernel is in: its constants, and where its code starts.
static int find_own_segments(dl_phdr_info* info, size_t, void* code) {
    own_segment_count = 0;
    bool found = false;
    for (int i = 0; i < info->dlpi_phnum && own_segment_count < 16; ++i) {
        const auto& header = info->dlpi_phdr[i];
        if (header.p_type != PT_LOAD) continue;
        const char* start = reinterpret_cast<const char*>(info->dlpi_addr + header.p_vaddr);
        own_segments[own_segment_count++] = {start, start + header.p_memsz};
        found |= code >= start && code < start + header.p_memsz;
    }
    return found;  // 1 stops the search
}

static void add(const emu_region& memory, bool is_shared) {
    size_t bytes = (memory.bytes + 1) * sizeof(cell);  // zero pages, so that only what is used costs
    void* cells = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (cells == MAP_FAILED) abort();
    regions.push_back({memory, static_cast<cell*>(cells), is_shared});
}

void emu_check_begin(const emu_region* arguments, int count, uint64_t most_accesses, const void* code) {
    dl_iterate_phdr(find_own_segments, const_cast<void*>(code));
    accesses_left = most_accesses;
    for (int i = 0; i < count; ++i) add(arguments[i], false);
}

void emu_check_shared(const char* name, char* start, size_t bytes) { add({name, start, bytes, nullptr, 0}, true); }

void emu_check_end() {
    for (const region& r : regions) munmap(r.cells, (r.memory.bytes + 1) * sizeof(cell));
    regions.clear();
    last = 0;
}

// A collective: each of its lanes now comes after all that the others did and had seen.
void emu_check_warp(emu_thread** threads, int count) {
    uint32_t seen[emu_warp_size] = {};
    for (int i = 0; i < count; ++i) {
        for (unsigned lane = 0; lane < emu_warp_size; ++lane)
            if (threads[i]->seen[lane] > seen[lane]) seen[lane] = threads[i]->seen[lane];
        seen[threads[i]->lane] = threads[i]->epoch;
    }
    for (int i = 0; i < count; ++i) {
        memcpy(threads[i]->seen, seen, sizeof seen);
        ++threads[i]->epoch;
    }
}

// ------------------------------------------------------------------------- sanitizer entry points

extern "C" {
#define EMU_HERE uintptr_t(__builtin_return_address(0))
#define EMU_ENTRY(bytes)                                                                           \
    void __tsan_read##bytes(void* address) { emu_access(address, bytes, EMU_READ, EMU_HERE); }     \
    void __tsan_write##bytes(void* address) { emu_access(address, bytes, EMU_WRITE, EMU_HERE); }   \
    void __tsan_unaligned_read##bytes(void* address) { emu_access(address, bytes, EMU_READ, EMU_HERE); }   \
    void __tsan_unaligned_write##bytes(void* address) { emu_access(address, bytes, EMU_WRITE, EMU_HERE); }
EMU_ENTRY(1)
EMU_ENTRY(2)
EMU_ENTRY(4)
EMU_ENTRY(8)
EMU_ENTRY(16)

// Structs and copies: no alignment of their own.
static void access_range(void* address, size_t bytes, int kind, uintptr_t where) {
    for (size_t i = 0; i < bytes; ++i) emu_access(static_cast<char*>(address) + i, 1, kind, where);
}
void __tsan_read_range(void* address, size_t bytes) { access_range(address, bytes, EMU_READ, EMU_HERE); }
void __tsan_write_range(void* address, size_t bytes) { access_range(address, bytes, EMU_WRITE, EMU_HERE); }
void __tsan_init() {}
void __tsan_func_entry(void*) {}
void __tsan_func_exit() {}
void __tsan_vptr_update(void**, void*) {}

struct ubsan_place { const char* file; uint32_t line, column; };
#define EMU_UNDEFINED(name, text)                                                                  \
    void __ubsan_handle_##name(ubsan_place* at, ...) { emu_fail("%s at line %u", text, at->line); } \
    void __ubsan_handle_##name##_abort(ubsan_place* at, ...) { emu_fail("%s at line %u", text, at->line); }
EMU_UNDEFINED(add_overflow, "an addition overflows")
EMU_UNDEFINED(sub_overflow, "a subtraction overflows")
EMU_UNDEFINED(mul_overflow, "a multiplication overflows")
EMU_UNDEFINED(negate_overflow, "a negation overflows")
EMU_UNDEFINED(divrem_overflow, "a division by zero")
EMU_UNDEFINED(shift_out_of_bounds, "a shift by a negative count or by the width")
EMU_UNDEFINED(out_of_bounds, "an index outside of an array")
EMU_UNDEFINED(float_cast_overflow, "a float that no integer of this type holds")
EMU_UNDEFINED(load_invalid_value, "a bool or enum that is neither of its values")
EMU_UNDEFINED(builtin_unreachable, "code that cannot be reached")
EMU_UNDEFINED(missing_return, "a function ends without its value")
EMU_UNDEFINED(type_mismatch_v1, "a null or misaligned pointer")
EMU_UNDEFINED(pointer_overflow, "a pointer that wraps")
EMU_UNDEFINED(invalid_builtin, "a bit count of zero")
EMU_UNDEFINED(nonnull_arg, "a null argument")
EMU_UNDEFINED(vla_bound_not_positive, "an array of no length")
}
