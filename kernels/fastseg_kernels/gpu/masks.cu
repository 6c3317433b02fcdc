// Masks as bits: 32 voxels to a word along the fastest axis, counted and listed.
//
// Idea: a warp compares 32 neighbouring voxels and its ballot is their word; each warp makes eight words of a row, so
// that eight loads are on their way together and the row is looked up once. Set bits are listed in order by counting
// them a block of words at a time, summing the counts, and letting every block write its own stretch.
//
// Cost: the labels are read once, 1/8 byte a voxel is written; from then on a mask is 1/8 byte a voxel: 512^3 in 16
// MiB, which stays in the second-level cache of the larger cards.
//
// Exactness: integers. A voxel is in the mask if its label is one of `values`, compared as the bits they are. Rows
// start on a word of their own; the bits beyond a row's end are 0, which is also what lies outside the image.

typedef unsigned long long u64;

#define FULL_WARP 0xffffffffu
#define WORDS_PER_WARP 8u  // of one row
#define WORDS_PER_BLOCK 1024u  // four for each of 256 threads

struct Segment {  // up to WORDS_PER_WARP words of a row
    u64 row;
    unsigned int word, nw;
};

__device__ __forceinline__ Segment segment_of_warp(unsigned int nx) {
    const u64 warp = ((u64)blockIdx.x * blockDim.x + threadIdx.x) / 32u;
    Segment segment;
    segment.nw = (nx + 31u) / 32u;
    const unsigned int segments = (segment.nw + WORDS_PER_WARP - 1u) / WORDS_PER_WARP;
    segment.row = warp / segments;
    segment.word = (unsigned int)(warp - segment.row * segments) * WORDS_PER_WARP;
    return segment;
}

template <typename T>
__device__ void select(const T* labels, u64 start, u64 row_step, u64 slice_step, unsigned int nz, unsigned int ny,
                       unsigned int nx, const u64* values, int n_values, unsigned int* words) {
    const unsigned int lane = threadIdx.x & 31u;
    const Segment segment = segment_of_warp(nx);
    if (segment.row >= (u64)nz * ny) return;  // the whole warp
    const u64 z = segment.row / ny;
    const T* row = labels + start + z * slice_step + (segment.row - z * ny) * row_step;
    const T first_value = (T)values[0];
    unsigned int own = 0u;
#pragma unroll
    for (unsigned int i = 0; i < WORDS_PER_WARP; ++i) {
        const unsigned int x = (segment.word + i) * 32u + lane;
        bool found = false;
        if (x < nx) {
            const T label = row[x];
            found = label == first_value;
            for (int j = 1; j < n_values; ++j) found = found || label == (T)values[j];
        }
        const unsigned int bits = __ballot_sync(FULL_WARP, found);
        if (lane == i) own = bits;
    }
    const unsigned int word = segment.word + lane;
    if (lane < WORDS_PER_WARP && word < segment.nw) words[segment.row * segment.nw + word] = own;
}

#define SELECT(NAME, T)                                                                                          \
    extern "C" __global__ void __launch_bounds__(256)                                                            \
    NAME(const T* __restrict__ labels, u64 start, u64 row_step, u64 slice_step, unsigned int nz,                 \
         unsigned int ny, unsigned int nx, const u64* __restrict__ values, int n_values, unsigned int* words) {  \
        select(labels, start, row_step, slice_step, nz, ny, nx, values, n_values, words);                        \
    }

SELECT(select_u8, unsigned char)
SELECT(select_u16, unsigned short)
SELECT(select_u32, unsigned int)
SELECT(select_u64, u64)

// Write a byte, 0 or 1, for each voxel of rows of nx voxels.
extern "C" __global__ void __launch_bounds__(256)
unpack(const unsigned int* __restrict__ words, u64 rows, unsigned int nx, unsigned char* out) {
    const unsigned int lane = threadIdx.x & 31u;
    const Segment segment = segment_of_warp(nx);
    if (segment.row >= rows) return;
    for (unsigned int word = segment.word; word < min(segment.word + WORDS_PER_WARP, segment.nw); ++word) {
        const unsigned int x = word * 32u + lane;
        const unsigned int bits = words[segment.row * segment.nw + word];
        if (x < nx) out[segment.row * nx + x] = (unsigned char)(bits >> lane & 1u);
    }
}

// Sum a value over the warp; every lane gets the sum.
__device__ __forceinline__ unsigned int warp_sum(unsigned int value) {
    for (int step = 16; step > 0; step >>= 1) value += __shfl_xor_sync(FULL_WARP, value, step);
    return value;
}

// Sum a value over the block; every thread gets the sum. `sums` has room for a number a warp.
__device__ unsigned int block_sum(unsigned int value, unsigned int* sums) {
    value = warp_sum(value);
    if ((threadIdx.x & 31u) == 0u) sums[threadIdx.x / 32u] = value;
    __syncthreads();
    unsigned int total = 0u;
    for (unsigned int i = 0; i < blockDim.x / 32u; ++i) total += sums[i];
    __syncthreads();
    return total;
}

// Count the set bits of each block of WORDS_PER_BLOCK words.
extern "C" __global__ void __launch_bounds__(256)
count_bits(const unsigned int* __restrict__ words, u64 n_words, u64* counts) {
    __shared__ unsigned int sums[8];
    const u64 first = (u64)blockIdx.x * WORDS_PER_BLOCK;
    unsigned int found = 0u;
    for (u64 word = first + threadIdx.x; word < first + WORDS_PER_BLOCK && word < n_words; word += blockDim.x) {
        found += (unsigned int)__popc(words[word]);
    }
    found = block_sum(found, sums);
    if (threadIdx.x == 0u) counts[blockIdx.x] = found;
}

// List the positions of all set bits, ascending: 32 times the word plus the bit. `starts` holds how many come before
// each block.
extern "C" __global__ void __launch_bounds__(256)
bit_positions(const unsigned int* __restrict__ words, u64 n_words, const u64* __restrict__ starts, u64* out) {
    __shared__ unsigned int sums[8];
    const unsigned int lane = threadIdx.x & 31u;
    const unsigned int warp = threadIdx.x / 32u;
    u64 base = starts[blockIdx.x];
    for (unsigned int part = 0; part < WORDS_PER_BLOCK / 256u; ++part) {
        const u64 word = (u64)blockIdx.x * WORDS_PER_BLOCK + part * 256u + threadIdx.x;
        unsigned int bits = word < n_words ? words[word] : 0u;
        const unsigned int own = (unsigned int)__popc(bits);
        unsigned int up_to = own;  // in this warp, this lane included
        for (unsigned int step = 1; step < 32u; step <<= 1) {
            const unsigned int before = __shfl_up_sync(FULL_WARP, up_to, step);
            if (lane >= step) up_to += before;
        }
        if (lane == 31u) sums[warp] = up_to;
        __syncthreads();
        u64 at = base + up_to - own;
        for (unsigned int i = 0; i < 8u; ++i) {
            if (i < warp) at += sums[i];
            base += sums[i];
        }
        __syncthreads();
        for (; bits != 0u; bits &= bits - 1u) out[at++] = 32ull * word + (u64)(__ffs((int)bits) - 1);
    }
}

// Add to `counts` the set bits of a, of b, and of both at once.
extern "C" __global__ void __launch_bounds__(256)
count_overlap(const unsigned int* __restrict__ a, const unsigned int* __restrict__ b, u64 n_words, u64* counts) {
    __shared__ unsigned int sums[8];
    const u64 first = (u64)blockIdx.x * WORDS_PER_BLOCK;
    unsigned int found[3];
    found[0] = found[1] = found[2] = 0u;
    for (u64 word = first + threadIdx.x; word < first + WORDS_PER_BLOCK && word < n_words; word += blockDim.x) {
        found[0] += (unsigned int)__popc(a[word]);
        found[1] += (unsigned int)__popc(b[word]);
        found[2] += (unsigned int)__popc(a[word] & b[word]);
    }
    for (int i = 0; i < 3; ++i) {
        const unsigned int total = block_sum(found[i], sums);
        if (threadIdx.x == 0u && total != 0u) atomicAdd(&counts[i], (u64)total);
    }
}
