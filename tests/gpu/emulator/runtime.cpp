// Runs the threads of a launch as fibers: one block after another, one thread at a time.
#include "fibers.h"
#include "runtime.h"

#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <sys/mman.h>
#include <utility>
#include <vector>

extern "C" {
emu_thread* emu_current;
uint3 emu_block_index;
dim3 emu_block_size, emu_grid_size;
uint32_t emu_barrier_epoch, emu_block_number;
int emu_checking;
}

namespace {

constexpr size_t shared_limit = 48 << 10, shared_gap = 256, shared_span = 1 << 18;

enum schedule_kind { FORWARD, REVERSED, SHUFFLED };

// ------------------------------------------------------------------------- state

char message[1024];  // of the failure; empty: none
bool failed;

void (*kernel)(void**);
void** arguments;
int schedule;
uint64_t random_state, launch_number;

std::vector<emu_thread> threads;
std::vector<int> block_order, warp_order;
emu_thread* lanes[emu_warp_size];  // of the warp that runs, in the schedule's order
unsigned lanes_count, next_lane;

char* shared;  // all of it: a gap, then the dynamic block and the variables with gaps between
size_t shared_used, shared_asked, dynamic_bytes;

uint64_t random_number() {
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    return random_state ^= random_state << 17;
}

template <class T> void put_in_order(T* items, size_t count) {
    if (schedule == REVERSED)
        for (size_t i = 0; i < count / 2; ++i) std::swap(items[i], items[count - 1 - i]);
    if (schedule == SHUFFLED)
        for (size_t i = count; i > 1; --i) std::swap(items[i - 1], items[random_number() % i]);
}

}  // namespace

// ------------------------------------------------------------------------- fibers

namespace {

char* stacks;
emu_fiber fibers[emu_most_threads];
std::vector<emu_fiber*> idle;
void* scheduler_stack_pointer;
emu_fiber* running;

void to_scheduler() { emu_switch(&running->stack_pointer, scheduler_stack_pointer); }

emu_thread* next_fresh() { return next_lane < lanes_count ? lanes[next_lane++] : nullptr; }

// A thread that ends without waiting runs straight on into the next of its warp, on the same stack.
void fiber_body() {
    for (;;) {
        while (emu_thread* thread = next_fresh()) {
            thread->fiber = running;
            thread->state = EMU_READY;
            emu_current = thread;
            kernel(arguments);
            emu_current->state = EMU_DONE;
        }
        idle.push_back(running);
        to_scheduler();
    }
}

void reset_fibers() {
    if (!stacks) stacks = new_stacks();
    idle.clear();
    for (unsigned i = emu_most_threads; i-- > 0;) {
        fibers[i] = new_fiber(stacks + i * stack_stride, fiber_body);
        idle.push_back(&fibers[i]);
    }
}

void resume(emu_fiber* fiber) {
    running = fiber;
    emu_switch(&scheduler_stack_pointer, fiber->stack_pointer);
    emu_current = nullptr;
}

int line_of(const emu_thread& thread) { return thread.site & ((1 << emu_line_bits) - 1); }

void describe(const emu_thread& thread, char* text, size_t size) {
    snprintf(text, size, "block (%u,%u,%u) thread (%u,%u,%u)", emu_block_index.x, emu_block_index.y,
             emu_block_index.z, thread.index.x, thread.index.y, thread.index.z);
}

}  // namespace

bool emu_on_a_stack(const char* address) {
    return address >= stacks && address < stacks + emu_most_threads * stack_stride;
}

// The first failure counts. A fiber that fails never runs on; the scheduler goes home.
void emu_fail(const char* format, ...) {
    if (!failed) {
        failed = true;
        va_list values;
        va_start(values, format);
        int length = vsnprintf(message, sizeof message, format, values);
        va_end(values);
        if (emu_current && length >= 0 && size_t(length) + 100 < sizeof message) {
            strcat(message, ", in ");
            describe(*emu_current, message + strlen(message), 90);
        }
    }
    if (emu_current) to_scheduler();
}

// ------------------------------------------------------------------------- shared memory

char* emu_shared(emu_slot* slot, const char* name, size_t bytes) {
    if (slot->launch != launch_number) {
        shared_asked += bytes;
        if (shared_asked > shared_limit)
            emu_fail("static and dynamic shared memory take %zu bytes, more than %zu", shared_asked, shared_limit);
        slot->launch = launch_number;
        slot->address = shared + shared_used;
        shared_used += (bytes + 255) / 256 * 256 + shared_gap;
        memset(slot->address, 0xCD, bytes);
        if (emu_checking) emu_check_shared(name, slot->address, bytes);
    }
    return slot->address;
}

char* emu_dynamic_shared() { return shared + shared_gap; }
uint32_t emu_shared_offset(const char* address) { return uint32_t(address - shared); }
char* emu_shared_address(uint32_t offset) { return shared + offset; }

namespace {

void begin_shared(size_t bytes) {
    if (!shared)
        shared = static_cast<char*>(mmap(nullptr, shared_span, PROT_READ | PROT_WRITE,
                                         MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    dynamic_bytes = shared_asked = bytes;
    shared_used = shared_gap + (bytes + 255) / 256 * 256 + shared_gap;
    if (emu_checking && bytes) emu_check_shared("dynamic shared memory", emu_dynamic_shared(), bytes);
}

}  // namespace

// ------------------------------------------------------------------------- waiting

uint64_t emu_barrier(int operation, int predicate, int site) {
    emu_thread& own = *emu_current;
    own.operation = operation, own.value = uint64_t(predicate), own.site = site;
    own.state = EMU_AT_BARRIER;
    to_scheduler();
    return own.result;
}

uint64_t emu_warp(int operation, unsigned mask, uint64_t value, int source, int site) {
    emu_thread& own = *emu_current;
    own.operation = operation, own.mask = mask, own.value = value, own.source = source, own.site = site;
    if (!(mask >> own.lane & 1))
        emu_fail("warp mask %08x at line %d lacks the lane that calls, %u", mask, line_of(own), own.lane);
    own.state = EMU_AT_WARP;
    to_scheduler();
    return own.result;
}

unsigned emu_active_mask() {
    unsigned mask = 0;
    for (emu_thread& other : threads)
        if (other.warp == emu_current->warp && other.state != EMU_DONE) mask |= 1u << other.lane;
    return mask;
}

void emu_atomic(const void* address, size_t bytes, uintptr_t where) {
    if (schedule == SHUFFLED && random_number() % 4 == 0) to_scheduler();  // others go first
    if (emu_checking) emu_access(address, bytes, EMU_ATOMIC, where);
}

namespace {

struct warp_range { emu_thread* first; unsigned count; };

warp_range warp_of(unsigned warp) {
    unsigned first = warp * emu_warp_size, left = unsigned(threads.size()) - first;
    return {&threads[first], left < emu_warp_size ? left : emu_warp_size};
}

void exchange(warp_range warp, emu_thread** group, int count) {
    for (int i = 0; i < count; ++i) {
        emu_thread& own = *group[i];
        own.result = 0;
        if (own.operation == EMU_SHUFFLE) {
            if (unsigned(own.source) >= warp.count || !(own.mask >> own.source & 1)) {
                emu_fail("shuffle at line %d: lane %u reads lane %d, which is not in the mask %08x of %u lanes",
                         line_of(own), own.lane, own.source, own.mask, warp.count);
                return;
            }
            own.result = warp.first[own.source].value;
        }
        for (int j = 0; j < count; ++j) {
            if (own.operation == EMU_BALLOT && group[j]->value) own.result |= 1u << group[j]->lane;
            if (own.operation == EMU_MATCH_ANY && group[j]->value == own.value)
                own.result |= 1u << group[j]->lane;
        }
    }
    if (emu_checking) emu_check_warp(group, count);
    for (int i = 0; i < count; ++i) group[i]->state = EMU_READY;
}

// A collective happens once every lane of the mask waits at it. Lanes past the block's end do not exist.
bool resolve_warp(warp_range warp) {
    unsigned existing = warp.count == 32 ? ~0u : (1u << warp.count) - 1;
    for (unsigned i = 0; i < warp.count; ++i) {
        emu_thread& own = warp.first[i];
        if (own.state != EMU_AT_WARP) continue;
        emu_thread* group[emu_warp_size];
        int count = 0;
        for (unsigned j = 0; j < warp.count; ++j) {
            emu_thread& other = warp.first[j];
            if (own.mask >> j & 1 && other.state == EMU_AT_WARP && other.mask == own.mask &&
                other.operation == own.operation && other.site == own.site)
                group[count++] = &other;
        }
        if (count == __builtin_popcount(own.mask & existing)) {
            exchange(warp, group, count);
            return !failed;
        }
    }
    return false;
}

// Runs the threads of a warp until all are done, at the block's barrier or stuck.
bool run_warp(unsigned number) {
    warp_range warp = warp_of(number);
    bool progress = false;
    do {
        for (bool ready = true; ready && !failed;) {
            emu_thread* waiting[emu_warp_size];
            unsigned count = 0, fresh = 0;
            for (unsigned i = 0; i < warp.count; ++i) {
                if (warp.first[i].state == EMU_FRESH) lanes[fresh++] = &warp.first[i];
                if (warp.first[i].state == EMU_READY) waiting[count++] = &warp.first[i];
            }
            ready = count + fresh > 0;
            progress |= ready;
            put_in_order(waiting, count);
            put_in_order(lanes, fresh);
            lanes_count = next_lane = 0;  // those that wait go first: none of them may start another
            for (unsigned i = 0; i < count && !failed; ++i) {
                emu_current = waiting[i];
                resume(waiting[i]->fiber);
            }
            lanes_count = fresh;
            while (next_lane < lanes_count && !failed) {
                emu_fiber* fiber = idle.back();
                idle.pop_back();
                resume(fiber);
            }
        }
    } while (!failed && resolve_warp(warp));
    return progress;
}

// Why nothing moves: a collective that lacks lanes, or a barrier that lacks threads.
void report_deadlock() {
    for (const emu_thread& own : threads) {
        if (own.state != EMU_AT_WARP) continue;
        unsigned waiting = 0;
        for (const emu_thread& other : threads)
            if (other.warp == own.warp && other.state == EMU_AT_WARP && other.site == own.site)
                waiting |= 1u << other.lane;
        char who[90];
        describe(own, who, sizeof who);
        return emu_fail("warp deadlock: lanes %08x wait at line %d for mask %08x, in %s", waiting, line_of(own),
                        own.mask, who);
    }
    const emu_thread* first = nullptr;
    unsigned done = 0, together = 0, apart = 0;
    int other_line = 0;
    for (const emu_thread& own : threads) {
        if (own.state == EMU_DONE) { ++done; continue; }
        if (!first) first = &own;
        if (own.site == first->site) ++together; else ++apart, other_line = line_of(own);
    }
    char who[90];
    describe(*first, who, sizeof who);
    if (apart)
        emu_fail("barrier divergence: %u threads wait at line %d, %u at line %d, in %s", together, line_of(*first),
                 apart, other_line, who);
    else
        emu_fail("barrier divergence: %u threads exited, %u wait at line %d, in %s", done, together, line_of(*first),
                 who);
}

bool resolve_barrier() {
    const emu_thread& first = threads[0];
    uint64_t count = 0;
    for (const emu_thread& own : threads) {
        if (own.state != EMU_AT_BARRIER || own.site != first.site || own.operation != first.operation) return false;
        count += own.value;
    }
    ++emu_barrier_epoch;
    for (emu_thread& own : threads) {
        own.result = own.operation == EMU_COUNT ? count
                     : own.operation == EMU_AND ? uint64_t(count == threads.size())
                                                : uint64_t(count != 0);
        own.state = EMU_READY;
    }
    return true;
}

void run_block() {
    unsigned number = 0;
    for (emu_thread& own : threads) {
        own = emu_thread();
        own.index = {number % emu_block_size.x, number / emu_block_size.x % emu_block_size.y,
                     number / emu_block_size.x / emu_block_size.y};
        own.number = number++;
        own.lane = own.number % emu_warp_size, own.warp = own.number / emu_warp_size;
        own.epoch = 1;
    }
    memset(shared, 0xCD, shared_used);  // what the last block left is gone
    for (;;) {
        bool progress = false, done = true;
        put_in_order(warp_order.data(), warp_order.size());
        for (int warp : warp_order) {
            progress |= run_warp(unsigned(warp));
            if (failed) return;
        }
        for (const emu_thread& own : threads) done &= own.state == EMU_DONE;
        if (done) return;
        if (!resolve_barrier() && !progress) return report_deadlock();
        if (failed) return;
    }
}

bool bad_launch(dim3 grid, dim3 block, size_t bytes) {
    uint64_t count = uint64_t(block.x) * block.y * block.z;
    if (count == 0 || count > emu_most_threads || block.z > 64)
        emu_fail("invalid launch: a block of (%u, %u, %u) threads", block.x, block.y, block.z);
    else if (!grid.x || !grid.y || !grid.z || grid.x > 0x7fffffff || grid.y > 65535 || grid.z > 65535)
        emu_fail("invalid launch: a grid of (%u, %u, %u) blocks", grid.x, grid.y, grid.z);
    else if (bytes > shared_limit)
        emu_fail("dynamic shared memory of %zu bytes, more than %zu", bytes, shared_limit);
    return failed;
}

}  // namespace

// Null if all went well, else what went wrong.
extern "C" const char* emu_launch(void (*function)(void**), void** values, const unsigned* sizes, size_t bytes,
                                  const emu_region* regions, int region_count, int checking, int order,
                                  uint64_t seed, uint64_t most_accesses) {
    dim3 grid(sizes[0], sizes[1], sizes[2]), block(sizes[3], sizes[4], sizes[5]);
    failed = false, message[0] = 0;
    emu_current = nullptr;
    if (bad_launch(grid, block, bytes)) return message;
    kernel = function, arguments = values, schedule = order, random_state = seed * 2 + 1, emu_checking = checking;
    for (int i = 0; i < 8; ++i) random_number();
    ++launch_number;
    if (!stacks) reset_fibers();
    emu_block_size = block, emu_grid_size = grid;
    if (checking) emu_check_begin(regions, region_count, most_accesses, reinterpret_cast<const void*>(function));
    begin_shared(bytes);
    threads.resize(size_t(block.x) * block.y * block.z);
    warp_order.resize((threads.size() + emu_warp_size - 1) / emu_warp_size);
    for (size_t i = 0; i < warp_order.size(); ++i) warp_order[i] = int(i);
    block_order.resize(size_t(grid.x) * grid.y * grid.z);
    for (size_t i = 0; i < block_order.size(); ++i) block_order[i] = int(i);
    put_in_order(block_order.data(), block_order.size());
    for (int number : block_order) {
        emu_block_number = uint32_t(number);
        emu_block_index = {emu_block_number % grid.x, emu_block_number / grid.x % grid.y,
                           emu_block_number / grid.x / grid.y};
        emu_barrier_epoch = 1;
        run_block();
        if (failed) break;
    }
    if (checking) emu_check_end();
    if (failed) reset_fibers();
    return failed ? message : nullptr;
}
