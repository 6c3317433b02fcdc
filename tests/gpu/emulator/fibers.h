// A fiber is a stack and where it stopped; switching between two is a function call.
#pragma once
#include <sys/mman.h>

#include "runtime.h"

constexpr size_t stack_bytes = 64 << 10, guard_bytes = 4 << 10, stack_stride = stack_bytes + guard_bytes;

struct emu_fiber { void* stack_pointer; };

extern "C" void emu_switch(void** save, void* to);

#if !defined(__x86_64__) || !defined(__linux__)
#error "the emulator's context switch is written for x86-64 Linux"
#endif
asm(R"(
.text
.globl emu_switch
.type emu_switch, @function
emu_switch:
    pushq %rbp; pushq %rbx; pushq %r12; pushq %r13; pushq %r14; pushq %r15
    movq %rsp, (%rdi)
    movq %rsi, %rsp
    popq %r15; popq %r14; popq %r13; popq %r12; popq %rbx; popq %rbp
    ret
.size emu_switch, .-emu_switch
)");

// Stacks for as many fibers as a block has threads, a page that nobody may touch below each.
inline char* new_stacks() {
    void* start = mmap(nullptr, emu_most_threads * stack_stride, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    for (unsigned i = 0; i < emu_most_threads; ++i)
        mprotect(static_cast<char*>(start) + i * stack_stride, guard_bytes, PROT_NONE);
    return static_cast<char*>(start);
}

// A fiber that has yet to run: the first switch to it returns into `body`.
inline emu_fiber new_fiber(char* stack, void (*body)()) {
    void** top = reinterpret_cast<void**>(stack + stack_stride);
    for (int i = 1; i <= 8; ++i) top[-i] = nullptr;
    top[-2] = reinterpret_cast<void*>(body);
    return {top - 8};
}
