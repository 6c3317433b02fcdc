// Joint histogram of two label volumes, with a bounding box for each pair of labels, in one read of both.
//
// Idea: a thread walks down a column (fixed z and x, y running), so that a warp reads neighbouring voxels of a row and
// a thread mostly meets the pair of labels that it already holds: count and box grow in registers, and only where the
// pair changes is a run flushed. Runs go to a hash table of the block in shared memory, at its end to one in global
// memory. The run at a column's end is first joined over the warp where all lanes hold one pair, which is what
// the background does, so that it is no point of contention. What finds no room in shared memory goes straight to the
// global table; what finds none there sets a flag, and the caller repeats with a larger table.
//
// Cost: both volumes are read once, in batches of BATCH rows whose loads do not wait for one another; about 5
// instructions a voxel inside a run, and 8 atomics a flush.
//
// Exactness: integers. Labels are compared as the bits they are. A key holds both labels, 32 bits each: wider ones set
// a flag, and the caller numbers the labels first (`number_labels`, `label_numbers`), which needs no more than
// comparing 64-bit words. The key of all ones, which marks a free slot, has a row of its own behind the table.

typedef unsigned long long u64;

#define FULL_WARP 0xffffffffu
#define FREE 0xffffffffffffffffull
#define SHARED_SLOTS 512u  // 18 KiB a block
#define SHARED_PROBES 8u
#define GLOBAL_PROBES 128u
#define STRIP 64u  // voxels that a thread walks
#define BATCH 8u
#define TABLE_FULL 1u
#define LABEL_TOO_WIDE 2u

struct Run {  // voxels of one pair: how many, and the box [low, high)
    u64 key;
    unsigned int count;
    unsigned int z0, y0, x0, z1, y1, x1;
};

__device__ __forceinline__ unsigned int first_slot(u64 key, unsigned int slots) {
    key *= 0x9e3779b97f4a7c15ull;
    return (unsigned int)(key >> 32) & (slots - 1u);
}

// The slot of a key, which is entered if it is new; `none` if it finds no room within so many probes.
__device__ unsigned int slot_of(u64* keys, u64 key, unsigned int slots, unsigned int probes, unsigned int none) {
    unsigned int slot = first_slot(key, slots);
    for (unsigned int i = 0; i < probes && i < slots; ++i) {
        const u64 found = atomicCAS(&keys[slot], FREE, key);
        if (found == FREE || found == key) return slot;
        slot = (slot + 1u) & (slots - 1u);
    }
    return none;
}

__device__ __forceinline__ void widen(unsigned int* box, const Run& run) {
    atomicMin(&box[0], run.z0);
    atomicMin(&box[1], run.y0);
    atomicMin(&box[2], run.x0);
    atomicMax(&box[3], run.z1);
    atomicMax(&box[4], run.y1);
    atomicMax(&box[5], run.x1);
}

struct Table {  // `slots` rows and one for the key FREE
    u64* keys;
    u64* counts;
    unsigned int* boxes;
    unsigned int* problem;
    unsigned int slots;
};

__device__ void add_to_table(const Table& table, const Run& run) {
    const unsigned int none = table.slots + 1u;
    const unsigned int slot =
        run.key == FREE ? table.slots : slot_of(table.keys, run.key, table.slots, GLOBAL_PROBES, none);
    if (slot == none) {
        atomicOr(table.problem, TABLE_FULL);
        return;
    }
    atomicAdd(&table.counts[slot], (u64)run.count);
    widen(table.boxes + 6ull * slot, run);
}

struct BlockTable {
    u64* keys;
    unsigned int* counts;
    unsigned int* boxes;
};

__device__ void add_to_block(const BlockTable& block, const Table& table, const Run& run) {
    const unsigned int slot =
        run.key == FREE ? SHARED_SLOTS : slot_of(block.keys, run.key, SHARED_SLOTS, SHARED_PROBES, SHARED_SLOTS);
    if (slot == SHARED_SLOTS) {
        add_to_table(table, run);
        return;
    }
    atomicAdd(&block.counts[slot], run.count);
    widen(block.boxes + 6u * slot, run);
}

// Join the warp's runs if they are of one pair. All lanes take part; a run without voxels is of any pair.
__device__ Run joined(Run run, unsigned int lane) {
    const unsigned int with_voxels = __ballot_sync(FULL_WARP, run.count != 0u);
    const int leader = with_voxels ? __ffs((int)with_voxels) - 1 : 0;
    const u64 key = __shfl_sync(FULL_WARP, run.key, leader);
    if (!__all_sync(FULL_WARP, run.count == 0u || run.key == key)) return run;
    run.key = key;
    for (int step = 16; step > 0; step >>= 1) {
        run.count += __shfl_xor_sync(FULL_WARP, run.count, step);
        run.z0 = min(run.z0, __shfl_xor_sync(FULL_WARP, run.z0, step));
        run.y0 = min(run.y0, __shfl_xor_sync(FULL_WARP, run.y0, step));
        run.x0 = min(run.x0, __shfl_xor_sync(FULL_WARP, run.x0, step));
        run.z1 = max(run.z1, __shfl_xor_sync(FULL_WARP, run.z1, step));
        run.y1 = max(run.y1, __shfl_xor_sync(FULL_WARP, run.y1, step));
        run.x1 = max(run.x1, __shfl_xor_sync(FULL_WARP, run.x1, step));
    }
    if (lane != 0u) run.count = 0u;
    return run;
}

__device__ __forceinline__ Run no_run() {
    Run run;
    run.key = 0ull;
    run.count = 0u;
    run.z0 = run.y0 = run.x0 = 0xffffffffu;
    run.z1 = run.y1 = run.x1 = 0u;
    return run;
}

// Walk rows y to stop of a column, flush every run but the last, and give that back.
template <typename T>
__device__ Run walk(const T* reference, const T* prediction, unsigned int z, unsigned int y, unsigned int stop,
                    unsigned int x, unsigned int nx, const BlockTable& block, const Table& table) {
    T held_reference = reference[0];
    T held_prediction = prediction[0];
    T all_bits = held_reference | held_prediction;
    Run run = no_run();
    run.z0 = z;
    run.z1 = z + 1u;
    run.x0 = x;
    run.x1 = x + 1u;
    run.y0 = y;
    while (y < stop) {
        const unsigned int size = min(BATCH, stop - y);
        bool alike = true;
#pragma unroll
        for (unsigned int i = 0; i < BATCH; ++i) {  // beyond the strip: again its last voxel
            const u64 at = (u64)min(i, size - 1u) * nx;
            alike = alike & (reference[at] == held_reference) & (prediction[at] == held_prediction);
        }
#pragma unroll 1
        for (unsigned int i = alike ? size : 0u; i < size; ++i) {  // once more, from the cache
            const T now_reference = reference[(u64)i * nx];
            const T now_prediction = prediction[(u64)i * nx];
            if (now_reference == held_reference && now_prediction == held_prediction) continue;
            run.key = (u64)held_reference << 32 | (u64)held_prediction;
            run.y1 = y + i;
            run.count = run.y1 - run.y0;
            add_to_block(block, table, run);
            run.y0 = run.y1;
            held_reference = now_reference;
            held_prediction = now_prediction;
            all_bits |= held_reference | held_prediction;
        }
        y += size;
        reference += (u64)size * nx;
        prediction += (u64)size * nx;
    }
    run.key = (u64)held_reference << 32 | (u64)held_prediction;
    run.y1 = stop;
    run.count = run.y1 - run.y0;
    if (sizeof(T) == 8 && (u64)all_bits >> 32) atomicOr(table.problem, LABEL_TOO_WIDE);
    return run;
}

template <typename T>
__device__ void count_columns(const T* reference, const T* prediction, unsigned int nx, unsigned int ny,
                              unsigned int nz, const BlockTable& block, const Table& table) {
    const unsigned int lane = threadIdx.x & 31u;
    const u64 strips = (ny + STRIP - 1u) / STRIP;
    const u64 columns = (u64)nz * strips * nx;
    const u64 step = (u64)gridDim.x * blockDim.x;
    // all lanes of a warp go round equally often, as its collectives need
    for (u64 first = (u64)blockIdx.x * blockDim.x + threadIdx.x - lane; first < columns; first += step) {
        const u64 column = first + lane;
        Run run = no_run();
        if (column < columns) {
            const u64 strip = column / nx;
            const unsigned int x = (unsigned int)(column - strip * nx);
            const unsigned int z = (unsigned int)(strip / strips);
            const unsigned int y = (unsigned int)(strip - z * strips) * STRIP;
            const u64 at = ((u64)z * ny + y) * nx + x;
            run = walk(reference + at, prediction + at, z, y, min(ny - y, STRIP) + y, x, nx, block, table);
        }
        run = joined(run, lane);
        if (run.count != 0u) add_to_block(block, table, run);
    }
}

template <typename T>
__device__ void joint_histogram(const T* reference, const T* prediction, unsigned int nx, unsigned int ny,
                                unsigned int nz, const Table& table) {
    __shared__ u64 keys[SHARED_SLOTS];
    __shared__ unsigned int counts[SHARED_SLOTS];
    __shared__ unsigned int boxes[6u * SHARED_SLOTS];
    for (unsigned int slot = threadIdx.x; slot < SHARED_SLOTS; slot += blockDim.x) {
        keys[slot] = FREE;
        counts[slot] = 0u;
        for (unsigned int i = 0; i < 6u; ++i) boxes[6u * slot + i] = i < 3u ? 0xffffffffu : 0u;
    }
    __syncthreads();
    BlockTable block;
    block.keys = keys;
    block.counts = counts;
    block.boxes = boxes;
    count_columns(reference, prediction, nx, ny, nz, block, table);
    __syncthreads();
    for (unsigned int slot = threadIdx.x; slot < SHARED_SLOTS; slot += blockDim.x) {
        if (counts[slot] == 0u) continue;
        const unsigned int* box = boxes + 6u * slot;
        Run run;
        run.key = keys[slot];
        run.count = counts[slot];
        run.z0 = box[0];
        run.y0 = box[1];
        run.x0 = box[2];
        run.z1 = box[3];
        run.y1 = box[4];
        run.x1 = box[5];
        add_to_table(table, run);
    }
}

#define JOINT_HISTOGRAM(NAME, T)                                                                                 \
    extern "C" __global__ void __launch_bounds__(256)                                                            \
    NAME(const T* __restrict__ reference, const T* __restrict__ prediction, unsigned int nx, unsigned int ny,    \
         unsigned int nz, unsigned int slots, u64* keys, u64* counts, unsigned int* boxes,                       \
         unsigned int* problem) {                                                                                \
        Table table;                                                                                             \
        table.keys = keys;                                                                                       \
        table.counts = counts;                                                                                   \
        table.boxes = boxes;                                                                                     \
        table.problem = problem;                                                                                 \
        table.slots = slots;                                                                                     \
        joint_histogram(reference, prediction, nx, ny, nz, table);                                               \
    }

JOINT_HISTOGRAM(joint_histogram_u8, unsigned char)
JOINT_HISTOGRAM(joint_histogram_u16, unsigned short)
JOINT_HISTOGRAM(joint_histogram_u32, unsigned int)
JOINT_HISTOGRAM(joint_histogram_u64, u64)

// Enter every label in a table of `slots` rows; the one behind them is set to 0 if the label of all ones occurs.
extern "C" __global__ void __launch_bounds__(256)
number_labels(const u64* __restrict__ labels, u64 n, unsigned int slots, u64* table, unsigned int* problem) {
    const u64 step = (u64)gridDim.x * blockDim.x;
    u64 known = FREE;
    bool any_known = false;
    for (u64 i = (u64)blockIdx.x * blockDim.x + threadIdx.x; i < n; i += step) {
        const u64 label = labels[i];
        if (any_known && label == known) continue;  // most neighbours in a column of the grid are alike
        known = label;
        any_known = true;
        if (label == FREE) {
            atomicExch(&table[slots], 0ull);
        } else if (slot_of(table, label, slots, GLOBAL_PROBES, slots) == slots) {
            atomicOr(problem, TABLE_FULL);
        }
    }
}

// The slot of each label, for labels that are all in the table.
extern "C" __global__ void __launch_bounds__(256)
label_numbers(const u64* __restrict__ labels, u64 n, unsigned int slots, const u64* __restrict__ table,
              unsigned int* numbers) {
    const u64 i = (u64)blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n) return;
    const u64 label = labels[i];
    unsigned int slot = slots;
    if (label != FREE) {
        slot = first_slot(label, slots);
        while (table[slot] != label) slot = (slot + 1u) & (slots - 1u);
    }
    numbers[i] = slot;
}
