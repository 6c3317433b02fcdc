// Exact Euclidean distance transform, one axis a pass, for any number of axes and any spacing.
//
// Idea: the first axis comes from bits: packed along it, a voxel's nearest background is a count of leading and
// trailing zeros in a word or two. Every further axis is a min-plus with parabolas, out[y] = min over k of
// f[k] + ((k - y) * spacing)^2. The minimiser never moves back as y grows, so the values are computed at strides 2^l,
// 2^(l-1) … 1, each between the minimisers of its two neighbours of the levels before. A block holds a tile of
// neighbouring lines in shared memory through all levels, so that the volume is read and written once a pass and in
// place. No stack, no division, no padding to a cube; a line may have up to 2^31 voxels and the volume any number.
//
// Cost: about log2(n) + 2 candidates a voxel and pass, whatever the distances are: no input is slow. 8 bytes moved a
// voxel and pass in float32, 16 in float64.
//
// Exactness: squares of steps come from tables made on the host, the last entry of which is infinite. Every candidate
// is one rounded sum an axis, in the order of the passes. Rounding is monotone, so the minimum over separate passes is
// the minimum over all sums (t0 + t1) + t2. That the minimiser is monotone holds for computed values as long as
// rounding errors of the values stay below twice the square of the spacing; the caller says whether they do
// (`monotone`), else all candidates are taken. Of several minimisers the first is kept.

typedef unsigned long long u64;

#define NONE 0xffffffffu

// Pack along another axis what is packed along the last one: a volume (outer, n, inner_rows, nx) becomes words
// (outer, ceil(n / 32), inner_rows * nx).
extern "C" __global__ void __launch_bounds__(256)
turn(const unsigned int* __restrict__ words, u64 outer, unsigned int n, u64 inner_rows, unsigned int nx,
     unsigned int* turned) {
    const u64 index = (u64)blockIdx.x * blockDim.x + threadIdx.x;
    const u64 inner = inner_rows * nx;
    const unsigned int n_words = (n + 31u) / 32u;
    if (index >= outer * n_words * inner) return;
    const u64 place = index / inner;  // outer and word
    const u64 o = place / n_words;
    const unsigned int first = (unsigned int)(place - o * n_words) * 32u;
    const u64 row = (index - place * inner) / nx;
    const unsigned int x = (unsigned int)(index - place * inner - row * nx);
    const unsigned int nw = (nx + 31u) / 32u;
    unsigned int bits = 0u;
    for (unsigned int bit = 0; bit < 32u && first + bit < n; ++bit) {
        const u64 source = ((o * n + first + bit) * inner_rows + row) * nw + x / 32u;
        bits |= (words[source] >> (x & 31u) & 1u) << bit;
    }
    turned[index] = bits;
}

// Find the index of the nearest set bit of a line, the earlier of two, NONE if it has none. Words lie `step` apart.
__device__ unsigned int nearest_bit(const unsigned int* line, unsigned int n_words, u64 step, unsigned int at) {
    const unsigned int word = at / 32u;
    const unsigned int bit = at & 31u;
    const unsigned int here = line[word * step];
    unsigned int nearest = NONE;
    unsigned int distance = NONE;
    const unsigned int left = here << (31u - bit);
    if (left != 0u) {
        distance = (unsigned int)__clz((int)left);
        nearest = at - distance;
    }
    const unsigned int right = here >> bit;
    if (right != 0u && (unsigned int)__ffs((int)right) - 1u < distance) {
        distance = (unsigned int)__ffs((int)right) - 1u;
        nearest = at + distance;
    }
    for (unsigned int words_away = 1u; words_away <= word || word + words_away < n_words; ++words_away) {
        const unsigned int to_left = 32u * words_away - 31u + bit;  // steps to the nearest bit of the word
        const unsigned int to_right = 32u * words_away - bit;
        if (min(to_left, to_right) > distance) break;
        const unsigned int before = words_away <= word ? line[(word - words_away) * step] : 0u;
        const unsigned int after = word + words_away < n_words ? line[(word + words_away) * step] : 0u;
        const unsigned int steps_left = before != 0u ? to_left + (unsigned int)__clz((int)before) : NONE;
        const unsigned int steps_right = after != 0u ? to_right + (unsigned int)__ffs((int)after) - 1u : NONE;
        if (steps_left <= distance && steps_left != NONE) {
            distance = steps_left;
            nearest = at - distance;
        }
        if (steps_right < distance) {
            distance = steps_right;
            nearest = at + distance;
        }
    }
    return nearest;
}

// Set out = squares[distance along the axis to the nearest set bit], squares[n] on lines without one; if asked to, also
// `nearest_index`, the index of that bit, -1 without one. A thread takes up to eight voxels of one line: next to each
// other, or 32 apart where the voxels of a line are neighbours in memory, so that a warp always writes neighbours.
template <typename Real>
__device__ void first_axis(const unsigned int* words, u64 outer, unsigned int n, u64 inner, const Real* squares,
                           Real* out, int* nearest_index, int write_index) {
    const bool along = inner == 1ull;
    const u64 thread = (u64)blockIdx.x * blockDim.x + threadIdx.x;
    const unsigned int step = along ? 32u : 1u;
    const unsigned int parts = (n + 8u * step - 1u) / (8u * step);
    const u64 place = along ? thread / 32u : thread / inner;  // outer and part of the line
    const u64 i = along ? 0ull : thread - place * inner;
    const u64 o = place / parts;
    if (o >= outer) return;
    const unsigned int n_words = (n + 31u) / 32u;
    const unsigned int* line = words + o * n_words * inner + i;
    unsigned int y = (unsigned int)(place - o * parts) * 8u * step + (along ? threadIdx.x & 31u : 0u);
    for (unsigned int count = 0u; count < 8u && y < n; ++count, y += step) {
        const unsigned int nearest = nearest_bit(line, n_words, inner, y);
        const unsigned int distance = nearest == NONE ? n : nearest < y ? y - nearest : nearest - y;
        const u64 index = (o * n + y) * inner + i;
        out[index] = squares[distance];
        if (write_index != 0) nearest_index[index] = nearest == NONE ? -1 : (int)nearest;
    }
}

#define FIRST_AXIS(NAME, REAL)                                                                                   \
    extern "C" __global__ void __launch_bounds__(256)                                                            \
    NAME(const unsigned int* __restrict__ words, u64 outer, unsigned int n, u64 inner,                           \
         const REAL* __restrict__ squares, REAL* out, int* nearest_index, int write_index) {                     \
        first_axis(words, outer, n, inner, squares, out, nearest_index, write_index);                            \
    }

FIRST_AXIS(first_axis_f32, float)
FIRST_AXIS(first_axis_f64, double)

__device__ __forceinline__ float sum_of(float a, float b) { return __fadd_rn(a, b); }
__device__ __forceinline__ double sum_of(double a, double b) { return __dadd_rn(a, b); }
__device__ __forceinline__ float root_of(float a) { return __fsqrt_rn(a); }
__device__ __forceinline__ double root_of(double a) { return __dsqrt_rn(a); }

// What a thread has of a tile of neighbouring lines: voxels first, first + step … of one line. The line's values lie
// `y_step` apart; the minimiser of each stands in `minimisers` at the same place, all ones where nothing is finite.
template <typename Real, typename Index>
struct Line {
    const Real* values;
    Index* minimisers;
    u64 y_step;
    unsigned int n, first, step;
};

// The same line in the volume, and what to write.
template <typename Out>
struct Output {
    Out* values;
    int* nearest_index;  // not written if `write_index` is 0
    int write_index, root;
    u64 start, inner;  // voxel y is start + y * inner
};

// Find the first minimiser of a voxel, between those of the neighbours `stride` away, which are known.
template <typename Real, typename Index, typename Out>
__device__ __forceinline__ void minimise(const Line<Real, Index>& line, const Output<Out>& output,
                                         const Real* squares, unsigned int y, unsigned int stride, bool monotone) {
    const Index none = (Index)NONE;
    unsigned int low = 0u;
    unsigned int high = line.n - 1u;
    if (y >= stride) {
        const Index before = line.minimisers[(y - stride) * line.y_step];
        if (monotone) low = before;
        if (before == none) low = line.n;  // nothing in the line is finite
    }
    if (y + stride < line.n) {
        const Index after = line.minimisers[(y + stride) * line.y_step];
        if (monotone && after != none) high = after;
        if (after == none) low = line.n;
    }
    Real best = squares[line.n];
    Index minimiser = none;
    for (unsigned int k = low; k <= high; ++k) {
        const Real candidate = sum_of(line.values[k * line.y_step], squares[k < y ? y - k : k - y]);
        if (candidate < best) {
            best = candidate;
            minimiser = (Index)k;
        }
    }
    line.minimisers[y * line.y_step] = minimiser;
    const u64 at = output.start + y * output.inner;
    const Out result = (Out)best;
    output.values[at] = output.root != 0 ? root_of(result) : result;
    if (output.write_index != 0) output.nearest_index[at] = minimiser == none ? -1 : (int)minimiser;
}

// Go through all levels of a block's lines. Threads without a line, `exists` false, wait with the others.
template <typename Real, typename Index, typename Out>
__device__ void all_levels(const Line<Real, Index>& line, const Output<Out>& output, const Real* squares,
                           bool monotone, bool exists) {
    unsigned int stride = 1u;
    while (stride <= line.n / 2u) stride *= 2u;
    for (; stride > 0u; stride /= 2u) {  // voxels stride - 1, stride - 1 + 2 stride, …
        const unsigned int count = exists ? (line.n + stride) / (2u * stride) : 0u;
        for (unsigned int i = line.first; i < count; i += line.step) {
            minimise(line, output, squares, stride - 1u + 2u * stride * i, stride, monotone);
        }
        __syncthreads();
    }
}

// Compute where a line of the volume (outer, n, inner) starts, lines counted one after another.
__device__ __forceinline__ u64 start_of(u64 line, unsigned int n, u64 inner) {
    const u64 o = line / inner;
    return o * n * inner + (line - o * inner);
}

// Work on a tile of up to `lanes` lines, a power of two, in shared memory; `source` may be `out`. Threads next to each
// other have neighbours in memory: of one line if its voxels are, else of neighbouring lines.
template <typename Real, typename Out>
__device__ void parabolas(unsigned char* shared, const Real* source, Output<Out> output, u64 lines, unsigned int n,
                          const Real* squares, unsigned int lanes, int monotone) {
    const bool along = output.inner == 1ull;
    const unsigned int threads_a_line = blockDim.x / lanes;
    const unsigned int c = along ? threadIdx.x / threads_a_line : threadIdx.x % lanes;
    const u64 number = (u64)blockIdx.x * lanes + c;
    const bool exists = number < lines;
    output.start = exists ? start_of(number, n, output.inner) : 0ull;
    const unsigned int offset = along ? c * n : c;
    Real* values = (Real*)shared + offset;
    Line<Real, unsigned short> line;
    line.values = values;
    line.minimisers = (unsigned short*)((Real*)shared + n * lanes) + offset;
    line.y_step = along ? 1u : lanes;
    line.n = n;
    line.first = along ? threadIdx.x % threads_a_line : threadIdx.x / lanes;
    line.step = threads_a_line;
    for (unsigned int y = exists ? line.first : n; y < n; y += line.step) {
        values[y * line.y_step] = source[output.start + y * output.inner];
    }
    __syncthreads();
    all_levels(line, output, squares, monotone != 0, exists);
}

// Work on one line that does not fit into shared memory, read through the caches; `scratch` has a number a voxel.
template <typename Real, typename Out>
__device__ void long_parabolas(const Real* source, Output<Out> output, unsigned int n, const Real* squares,
                               int monotone, unsigned int* scratch) {
    output.start = start_of(blockIdx.x, n, output.inner);
    Line<Real, unsigned int> line;
    line.values = source + output.start;
    line.minimisers = scratch + output.start;
    line.y_step = output.inner;
    line.n = n;
    line.first = threadIdx.x;
    line.step = blockDim.x;
    all_levels(line, output, squares, monotone != 0, true);
}

template <typename Out>
__device__ __forceinline__ Output<Out> output_to(Out* values, int* nearest_index, int write_index, int root,
                                                 u64 inner) {
    Output<Out> output;
    output.values = values;
    output.nearest_index = nearest_index;
    output.write_index = write_index;
    output.root = root;
    output.start = 0ull;
    output.inner = inner;
    return output;
}

#define PARABOLAS(NAME, REAL, OUT)                                                                               \
    extern "C" __global__ void __launch_bounds__(256)                                                            \
    NAME(const REAL* source, OUT* out, u64 lines, unsigned int n, u64 inner, const REAL* __restrict__ squares,   \
         unsigned int lanes, int monotone, int root, int* nearest_index, int write_index) {                      \
        extern __shared__ __align__(16) unsigned char shared[];                                                  \
        parabolas(shared, source, output_to(out, nearest_index, write_index, root, inner), lines, n, squares,    \
                  lanes, monotone);                                                                              \
    }                                                                                                            \
    extern "C" __global__ void __launch_bounds__(256)                                                            \
    long_##NAME(const REAL* source, OUT* out, u64 inner, unsigned int n, const REAL* __restrict__ squares,       \
                int monotone, int root, int* nearest_index, int write_index, unsigned int* scratch) {            \
        long_parabolas(source, output_to(out, nearest_index, write_index, root, inner), n, squares, monotone,    \
                       scratch);                                                                                 \
    }

PARABOLAS(parabolas_f32_f32, float, float)
PARABOLAS(parabolas_f64_f64, double, double)
PARABOLAS(parabolas_f32_f64, float, double)

// Write where the nearest background lies, from the index that each pass has found: pass p along the axis `rows[p]`, of
// size sizes[p] and stride strides[p]. The last pass tells where to look up the one before it, and so on. The result
// is -1 where there is no background.
extern "C" __global__ void __launch_bounds__(256)
follow(const int* __restrict__ nearest_index, u64 size, int passes, const u64* __restrict__ strides,
       const unsigned int* __restrict__ sizes, const int* __restrict__ rows, int ndim, int* indices) {
    const u64 voxel = (u64)blockIdx.x * blockDim.x + threadIdx.x;
    if (voxel >= size) return;
    const bool nowhere = nearest_index[(u64)(passes - 1) * size + voxel] < 0;
    for (int row = 0; row < ndim; ++row) indices[(u64)row * size + voxel] = nowhere ? -1 : 0;
    if (nowhere) return;
    u64 at = voxel;
    for (int pass = passes - 1; pass >= 0; --pass) {
        const u64 from = at / strides[pass] % sizes[pass];
        const u64 to = (u64)nearest_index[(u64)pass * size + at];
        indices[(u64)rows[pass] * size + voxel] = (int)to;
        at = at - from * strides[pass] + to * strides[pass];
    }
}
