// Surfaces of packed masks, by both definitions, and the band of a mask along its surface.
//
// Idea: a voxel is inside if it and all its neighbours are set, so the inside is the AND of a word with the words of
// the neighbouring rows, shifted by one bit for the neighbours along the row; the surface is the mask without it.
// Between voxels, a corner of the lattice carries surface if some but not all of the voxels around it are set: the OR
// of the rows that meet there and of their shifts, without the AND; these voxels as a number are the corner's code. A
// band is the OR of the surface's words shifted by every offset shorter than its width. A thread makes one word.
//
// Cost: 5 words of neighbouring rows a word, of which all but one come from the caches: 1/4 byte a voxel moved and
// about one instruction a voxel. A band takes two words an offset, and stops once all the mask's bits are found.
//
// Exactness: integers, equal to `mask ^ binary_erosion(mask, generate_binary_structure(ndim, connectivity),
// border_value)`. Axes that the image does not have (a 2-D image is a volume of
// one slice) have no neighbours at all: they must not count as outside.

typedef unsigned long long u64;
typedef const unsigned int* __restrict__ Words;

struct Shape {
    unsigned int nz, ny, nw;
};

struct WordPosition {
    unsigned int z, y, w;
};

__device__ __forceinline__ Shape shape_of(unsigned int nz, unsigned int ny, unsigned int nw) {
    Shape shape;
    shape.nz = nz;
    shape.ny = ny;
    shape.nw = nw;
    return shape;
}

__device__ __forceinline__ WordPosition word_position(u64 index, unsigned int ny, unsigned int nw) {
    const u64 row = index / nw;
    WordPosition position;
    position.w = (unsigned int)(index - row * nw);
    position.z = (unsigned int)(row / ny);
    position.y = (unsigned int)(row - (u64)position.z * ny);
    return position;
}

// Look up a word of the mask; it is `outside` where the mask has none.
__device__ __forceinline__ unsigned int word_at(Words words, const Shape& shape, long long z, long long y,
                                                long long w, unsigned int outside) {
    const bool exists = z >= 0 && z < shape.nz && y >= 0 && y < shape.ny && w >= 0 && w < shape.nw;
    return exists ? words[((u64)z * shape.ny + (u64)y) * shape.nw + (u64)w] : outside;
}

__device__ __forceinline__ unsigned int voxel_at(Words words, const Shape& shape, long long z, long long y,
                                                 long long x) {
    return x < 0 ? 0u : word_at(words, shape, z, y, x >> 5, 0u) >> (x & 31) & 1u;
}

// Write the surface for face neighbours, with nothing beyond the image, which almost every metric asks for.
extern "C" __global__ void __launch_bounds__(256)
face_surface(Words words, unsigned int nz, unsigned int ny, unsigned int nw, int ndim, unsigned int* surface) {
    const u64 index = (u64)blockIdx.x * blockDim.x + threadIdx.x;
    if (index >= (u64)nz * ny * nw) return;
    const unsigned int mask = words[index];
    unsigned int inside = mask;
    if (mask != 0u) {
        const Shape shape = shape_of(nz, ny, nw);
        const WordPosition at = word_position(index, ny, nw);
        const long long z = at.z;
        const long long y = at.y;
        const long long w = at.w;
        if (ndim >= 2) inside &= word_at(words, shape, z, y - 1, w, 0u) & word_at(words, shape, z, y + 1, w, 0u);
        if (ndim >= 3) inside &= word_at(words, shape, z - 1, y, w, 0u) & word_at(words, shape, z + 1, y, w, 0u);
        inside &= mask << 1 | word_at(words, shape, z, y, w - 1, 0u) >> 31;
        inside &= mask >> 1 | word_at(words, shape, z, y, w + 1, 0u) << 31;
    }
    surface[index] = mask & ~inside;
}

// Write the surface for neighbours that differ along at most `connectivity` axes. Beyond the image lies `outside`, no
// bits or all of them; `last_bits` are the bits of a row's last word that are voxels.
extern "C" __global__ void __launch_bounds__(256)
erosion_surface(Words words, unsigned int nz, unsigned int ny, unsigned int nw, int ndim, int connectivity,
                unsigned int last_bits, unsigned int outside, unsigned int* surface) {
    const u64 index = (u64)blockIdx.x * blockDim.x + threadIdx.x;
    if (index >= (u64)nz * ny * nw) return;
    const Shape shape = shape_of(nz, ny, nw);
    const WordPosition at = word_position(index, ny, nw);
    const long long w = at.w;
    const unsigned int past_row = outside & ~last_bits;
    const unsigned int past_row_here = at.w + 1u == nw ? past_row : 0u;
    const unsigned int past_row_next = at.w + 2u == nw ? past_row : 0u;
    const int depth = ndim >= 3 ? 1 : 0;
    const int height = ndim >= 2 ? 1 : 0;
    const unsigned int mask = words[index];
    unsigned int inside = mask;
    for (int dz = -depth; dz <= depth; ++dz) {
        for (int dy = -height; dy <= height; ++dy) {
            const int axes_moved = (dz != 0) + (dy != 0);
            if (axes_moved > connectivity) continue;
            const long long z = (long long)at.z + dz;
            const long long y = (long long)at.y + dy;
            const unsigned int row = word_at(words, shape, z, y, w, outside) | past_row_here;
            inside &= row;
            if (axes_moved == connectivity) continue;
            inside &= row << 1 | word_at(words, shape, z, y, w - 1, outside) >> 31;
            inside &= row >> 1 | (word_at(words, shape, z, y, w + 1, outside) | past_row_next) << 31;
        }
    }
    surface[index] = mask & ~inside;
}

// Set the corners of the lattice (cz, cy, words cw) that carry surface; corner (z, y, x) lies before voxel (z, y, x).
extern "C" __global__ void __launch_bounds__(256)
corner_surface(Words words, unsigned int nz, unsigned int ny, unsigned int nw, int ndim, unsigned int cz,
               unsigned int cy, unsigned int cw, unsigned int* corners) {
    const u64 index = (u64)blockIdx.x * blockDim.x + threadIdx.x;
    if (index >= (u64)cz * cy * cw) return;
    const Shape shape = shape_of(nz, ny, nw);
    const WordPosition at = word_position(index, cy, cw);
    unsigned int any_set = 0u;
    unsigned int all_set = 0xffffffffu;
    for (int i = 0; i < (ndim >= 3 ? 2 : 1); ++i) {
        for (int j = 0; j < (ndim >= 2 ? 2 : 1); ++j) {
            const long long z = (long long)at.z - i;
            const long long y = (long long)at.y - j;
            const unsigned int row = word_at(words, shape, z, y, at.w, 0u);
            const unsigned int before = row << 1 | word_at(words, shape, z, y, (long long)at.w - 1, 0u) >> 31;
            any_set |= row | before;
            all_set &= row & before;
        }
    }
    corners[index] = any_set & ~all_set;
}

// Write the code of each corner in `bit_positions` (32 times its word plus its bit). Bit 4 i + 2 j + k of it is voxel
// (z - 1 + i, y - 1 + j, x - 1 + k); without an axis, without its bit.
extern "C" __global__ void __launch_bounds__(256)
corner_codes(Words words, unsigned int nz, unsigned int ny, unsigned int nw, int ndim, unsigned int cy,
             unsigned int cw, const u64* __restrict__ bit_positions, u64 n, unsigned char* codes) {
    const u64 index = (u64)blockIdx.x * blockDim.x + threadIdx.x;
    if (index >= n) return;
    const Shape shape = shape_of(nz, ny, nw);
    const WordPosition at = word_position(bit_positions[index] / 32u, cy, cw);
    const long long x = (long long)at.w * 32 + (long long)(bit_positions[index] & 31u);
    unsigned int code = 0u;
    unsigned int shift = 0u;
    for (int i = ndim >= 3 ? 1 : 0; i >= 0; --i) {
        for (int j = ndim >= 2 ? 1 : 0; j >= 0; --j) {
            for (int k = 1; k >= 0; --k) {
                code |= voxel_at(words, shape, (long long)at.z - i, (long long)at.y - j, x - k) << shift;
                ++shift;
            }
        }
    }
    codes[index] = (unsigned char)code;
}

// Set the voxels of the mask from which one of `offsets` (dz, dy, dx), nearest first, leads to its surface.
extern "C" __global__ void __launch_bounds__(256)
band(Words mask, Words surface, unsigned int nz, unsigned int ny, unsigned int nw,
     const int* __restrict__ offsets, int n, unsigned int* out) {
    const u64 index = (u64)blockIdx.x * blockDim.x + threadIdx.x;
    if (index >= (u64)nz * ny * nw) return;
    const Shape shape = shape_of(nz, ny, nw);
    const WordPosition at = word_position(index, ny, nw);
    const unsigned int mask_bits = mask[index];
    unsigned int near = 0u;
    for (int i = 0; i < n && (mask_bits & ~near) != 0u; ++i) {
        const long long z = (long long)at.z + offsets[3 * i];
        const long long y = (long long)at.y + offsets[3 * i + 1];
        const int dx = offsets[3 * i + 2];
        const long long w = (long long)at.w + (dx >> 5);
        const unsigned int shift = (unsigned int)dx & 31u;
        near |= word_at(surface, shape, z, y, w, 0u) >> shift;
        if (shift != 0u) near |= word_at(surface, shape, z, y, w + 1, 0u) << (32u - shift);
    }
    out[index] = mask_bits & near;
}
