// Exact distance from single voxels to the nearest one of a packed set.
//
// Idea: a query is answered by one warp. The rows of the volume come in order of their own distance from the query,
// from a table of offsets (dz, dy); 32 rows are tried at once, one a lane. A lane looks for the set bit nearest along
// its row with a count of leading and trailing zeros, first in the three words around the query, then word by word
// outwards while that can still win. After 32 rows the warp takes its minimum, and it stops when the next row alone is
// farther. Where surfaces lie within a few voxels of one another one step of 32 rows is enough. A query that
// the table does not settle is left to a distance transform of the volume, whose last pass is evaluated at such
// queries alone (`last_axis`), outwards until the distance along this axis alone is farther than the best.
//
// Cost: 3 to 6 words a row, 96 to 192 words for a near query, all of neighbouring rows that the caches hold; memory is
// the bits and 24 bytes a query. A far query costs the whole table and then the transform's last pass.
//
// Exactness: squares of steps come from tables of float64 made on the host; their sum over the axes is taken in the
// order of the image's axes, and the least computed sum wins. Rounding is monotone, so a sum of fewer squares never
// exceeds the full one, and what prunes is a bound of the computed values themselves. Sums in another order differ
// by up to 4.4e-16 of their value: SLACK makes room for that.

typedef unsigned long long u64;

#define FULL_WARP 0xffffffffu
#define FAR_AWAY 1.7976931348623157e308  // farther than any distance that is measured
#define SLACK (1.0 + 1e-15)
#define NONE 0xffffffffu

struct Targets {
    const unsigned int* words;
    const double* squares_z;
    const double* squares_y;
    const double* squares_x;
    unsigned int nz, ny, nw;
    bool reverse;
};

struct Query {
    long long z, y, x;
};

__device__ __forceinline__ Query query_at(u64 bit_position, unsigned int ny, unsigned int nw) {
    const u64 row = bit_position / 32u / nw;
    Query query;
    query.x = (long long)(bit_position - row * nw * 32u);
    query.z = (long long)(row / ny);
    query.y = (long long)(row - (u64)query.z * ny);
    return query;
}

// Sum the squares of a distance in the order of the image's axes.
__device__ __forceinline__ double sum_of(double square_z, double square_y, double square_x, bool reverse) {
    return reverse ? __dadd_rn(__dadd_rn(square_x, square_y), square_z)
                   : __dadd_rn(__dadd_rn(square_z, square_y), square_x);
}

__device__ __forceinline__ double warp_min(double value) {
    for (int step = 16; step > 0; step >>= 1) {
        const double other = __shfl_xor_sync(FULL_WARP, value, step);
        value = other < value ? other : value;
    }
    return value;
}

// Count the steps to the nearest set bit of a row within the three words around a bit, NONE if they have none.
__device__ unsigned int nearby(const unsigned int* row, unsigned int nw, unsigned int word, unsigned int bit) {
    const unsigned int here = row[word];
    const unsigned int left = here << (31u - bit);
    const unsigned int right = here >> bit;
    unsigned int steps = NONE;
    if (left != 0u) steps = (unsigned int)__clz((int)left);
    if (right != 0u) steps = min(steps, (unsigned int)__ffs((int)right) - 1u);
    if (word > 0u && bit < steps) {
        const unsigned int before = row[word - 1u];
        if (before != 0u) steps = min(steps, bit + 1u + (unsigned int)__clz((int)before));
    }
    if (word + 1u < nw && 31u - bit < steps) {
        const unsigned int after = row[word + 1u];
        if (after != 0u) steps = min(steps, 31u - bit + (unsigned int)__ffs((int)after));
    }
    return steps;
}

// Count the steps in the whole row, given those in the words nearby, while `base` and their square are below `bound`.
__device__ unsigned int along(const unsigned int* row, const Targets& targets, unsigned int word, unsigned int bit,
                              unsigned int steps, double base, double bound) {
    for (unsigned int words_away = 2u;; ++words_away) {
        const unsigned int left = 32u * words_away - 31u + bit;  // steps to the nearest bit of the word
        const unsigned int right = 32u * words_away - bit;
        const bool look_left =
            words_away <= word && left < steps && __dadd_rn(base, targets.squares_x[left]) < bound;
        const bool look_right =
            word + words_away < targets.nw && right < steps && __dadd_rn(base, targets.squares_x[right]) < bound;
        if (!look_left && !look_right) return steps;
        const unsigned int before = look_left ? row[word - words_away] : 0u;
        const unsigned int after = look_right ? row[word + words_away] : 0u;
        if (before != 0u) steps = min(steps, left + (unsigned int)__clz((int)before));
        if (after != 0u) steps = min(steps, right + (unsigned int)__ffs((int)after) - 1u);
    }
}

// Find the least squared distance that 32 rows, one a lane, or the rows before them have. All lanes take part.
__device__ double after_rows(const Targets& targets, const Query& query, bool exists, int dz, int dy, double base,
                             double best) {
    const long long z = query.z + dz;
    const long long y = query.y + dy;
    const unsigned int word = (unsigned int)query.x / 32u;
    const unsigned int bit = (unsigned int)query.x & 31u;
    const unsigned int* row = targets.words;
    double square_z = 0.0;
    double square_y = 0.0;
    unsigned int steps = NONE;
    exists = exists && z >= 0 && z < targets.nz && y >= 0 && y < targets.ny;
    if (exists) {
        row += ((u64)z * targets.ny + (u64)y) * targets.nw;
        square_z = targets.squares_z[dz < 0 ? -dz : dz];
        square_y = targets.squares_y[dy < 0 ? -dy : dy];
        steps = nearby(row, targets.nw, word, bit);
        if (steps != NONE) {
            const double sum = sum_of(square_z, square_y, targets.squares_x[steps], targets.reverse);
            best = sum < best ? sum : best;
        }
    }
    best = warp_min(best);
    const unsigned int before = steps;
    if (exists) steps = along(row, targets, word, bit, steps, base, __dmul_rn(best, SLACK));
    if (!__any_sync(FULL_WARP, steps != before)) return best;
    if (steps != before) {
        const double sum = sum_of(square_z, square_y, targets.squares_x[steps], targets.reverse);
        best = sum < best ? sum : best;
    }
    return warp_min(best);
}

// Write the squared distances of the queries at `bit_positions` (32 times the word plus the bit). `rows` holds m
// offsets (dz, dy) in order of `bases`, their squared lengths; `complete` tells that they are all that the volume has.
// Queries that they do not settle are listed in `open`.
extern "C" __global__ void __launch_bounds__(256)
nearest(const unsigned int* __restrict__ words, unsigned int nz, unsigned int ny, unsigned int nw,
        const u64* __restrict__ bit_positions, u64 n, const int* __restrict__ rows, const double* __restrict__ bases,
        unsigned int m, int complete, const double* __restrict__ squares_z, const double* __restrict__ squares_y,
        const double* __restrict__ squares_x, int reverse, double* squared, u64* open, u64* n_open) {
    const unsigned int lane = threadIdx.x & 31u;
    const u64 q = ((u64)blockIdx.x * blockDim.x + threadIdx.x) / 32u;
    if (q >= n) return;  // the whole warp
    Targets targets;
    targets.words = words;
    targets.squares_z = squares_z;
    targets.squares_y = squares_y;
    targets.squares_x = squares_x;
    targets.nz = nz;
    targets.ny = ny;
    targets.nw = nw;
    targets.reverse = reverse != 0;
    const Query query = query_at(bit_positions[q], ny, nw);
    double best = FAR_AWAY;
    unsigned int first = 0u;
    for (; first < m && bases[first] < __dmul_rn(best, SLACK); first += 32u) {
        const unsigned int i = min(first + lane, m - 1u);
        best = after_rows(targets, query, first + lane < m, rows[2u * i], rows[2u * i + 1u], bases[i], best);
    }
    if (lane != 0u) return;
    squared[q] = best;
    const bool settled = complete != 0 || (best < FAR_AWAY && __dmul_rn(best, SLACK) <= bases[m - 1u]);
    if (!settled) open[atomicAdd(n_open, 1ull)] = q;
}

// Find min over k of volume[… k …] + squares[|k - position|] along the axis left to do, for the open queries: a
// warp takes one, 32 steps at a time in both directions. The volume (nz, ny, nx) has the squared distances along the
// other axes.
template <typename Real>
__device__ void last_axis(const Real* volume, unsigned int ny, unsigned int nx, const u64* bit_positions,
                          const u64* open, u64 n_open, int axis, unsigned int n, u64 stride, const Real* squares,
                          double* squared) {
    const unsigned int lane = threadIdx.x & 31u;
    const u64 q = ((u64)blockIdx.x * blockDim.x + threadIdx.x) / 32u;
    if (q >= n_open) return;  // the whole warp
    const Query query = query_at(bit_positions[open[q]], ny, (nx + 31u) / 32u);
    const long long position = axis == 0 ? query.z : axis == 1 ? query.y : query.x;
    const u64 here = ((u64)query.z * ny + (u64)query.y) * nx + (u64)query.x;
    const Real* line = volume + (here - (u64)position * stride);
    double best = FAR_AWAY;
    for (unsigned int first = 0u; first < n && (double)squares[first] < best; first += 32u) {
        const unsigned int steps = first + lane;
        double found = best;
        if (steps < n) {
            for (int side = -1; side <= 1; side += 2) {
                const long long k = position + side * (long long)steps;
                if (k < 0 || k >= n) continue;
                const double sum = __dadd_rn((double)line[(u64)k * stride], (double)squares[steps]);
                found = sum < found ? sum : found;
            }
        }
        best = warp_min(found);
    }
    if (lane == 0u) squared[open[q]] = best;
}

#define LAST_AXIS(NAME, REAL)                                                                                    \
    extern "C" __global__ void __launch_bounds__(256)                                                            \
    NAME(const REAL* __restrict__ volume, unsigned int ny, unsigned int nx,                                      \
         const u64* __restrict__ bit_positions,                                                                  \
         const u64* __restrict__ open, u64 n_open, int axis, unsigned int n, u64 stride,                         \
         const REAL* __restrict__ squares, double* squared) {                                                    \
        last_axis(volume, ny, nx, bit_positions, open, n_open, axis, n, stride, squares, squared);               \
    }

LAST_AXIS(last_axis_f32, float)
LAST_AXIS(last_axis_f64, double)
