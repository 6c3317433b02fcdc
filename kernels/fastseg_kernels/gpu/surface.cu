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

struct Place {  // of a word
    unsigned int z, y, w;
};

__device__ __forceinline__ Shape shape_of(unsigned int nz, unsigned int ny, unsigned int nw) {
    Shape shape;
    shape.nz = nz;
    shape.ny = ny;
    shape.nw = nw;
    return shape;
}

__device__ __forceinline__ Place place_of(u64 index, unsigned int ny, unsigned int nw) {
    const u64 row = index / nw;
    Place place;
    place.w = (unsigned int)(index - row * nw);
    place.z = (unsigned int)(row / ny);
    place.y = (unsigned int)(row - (u64)place.z * ny);
    return place;
}

// A word of the mask, or `outside` where it has none.
__device__ __forceinline__ unsigned int word_at(Words words, const Shape& shape, long long z, long long y,
                                                long long w, unsigned int outside) {
    const bool exists = z >= 0 && z < shape.nz && y >= 0 && y < shape.ny && w >= 0 && w < shape.nw;
    return exists ? words[((u64)z * shape.ny + (u64)y) * shape.nw + (u64)w] : outside;
}

__device__ __forceinline__ unsigned int voxel_at(Words words, const Shape& shape, long long z, long long y,
                                                 long long x) {
    return x < 0 ? 0u : word_at(words, shape, z, y, x >> 5, 0u) >> (x & 31) & 1u;
}

// Face neighbours, with nothing beyond the image: what almost every metric asks for.
extern "C" __global__ void __launch_bounds__(256)
face_surface(Words words, unsigned int nz, unsigned int ny, unsigned int nw, int ndim, unsigned int* surface) {
    const u64 index = (u64)blockIdx.x * blockDim.x + threadIdx.x;
    if (index >= (u64)nz * ny * nw) return;
    const unsigned int mask = words[index];
    unsigned int inside = mask;
    if (mask != 0u) {
        const Shape shape = shape_of(nz, ny, nw);
        const Place at = place_of(index, ny, nw);
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

// Neighbours that differ along at most `connectivity` axes; beyond the image is `outside`, no bits or all of them.
// `last_bits` are those of a row's last word that are voxels.
extern "C" __global__ void __launch_bounds__(256)
erosion_surface(Words words, unsigned int nz, unsigned int ny, unsigned int nw, int ndim, int connectivity,
                unsigned int last_bits, unsigned int outside, unsigned int* surface) {
    const u64 index = (u64)blockIdx.x * blockDim.x + threadIdx.x;
    if (index >= (u64)nz * ny * nw) return;
    const Shape shape = shape_of(nz, ny, nw);
    const Place at = place_of(index, ny, nw);
    const long long w = at.w;
    const unsigned int beyond = outside & ~last_bits;
    const unsigned int beyond_here = at.w + 1u == nw ? beyond : 0u;
    const unsigned int beyond_next = at.w + 2u == nw ? beyond : 0u;
    const int depth = ndim >= 3 ? 1 : 0;
    const int height = ndim >= 2 ? 1 : 0;
    const unsigned int mask = words[index];
    unsigned int inside = mask;
    for (int dz = -depth; dz <= depth; ++dz) {
        for (int dy = -height; dy <= height; ++dy) {
            const int steps = (dz != 0) + (dy != 0);
            if (steps > connectivity) continue;
            const long long z = (long long)at.z + dz;
            const long long y = (long long)at.y + dy;
            const unsigned int row = word_at(words, shape, z, y, w, outside) | beyond_here;
            inside &= row;
            if (steps == connectivity) continue;
            inside &= row << 1 | word_at(words, shape, z, y, w - 1, outside) >> 31;
            inside &= row >> 1 | (word_at(words, shape, z, y, w + 1, outside) | beyond_next) << 31;
        }
    }
    surface[index] = mask & ~inside;
}

// Corners of the lattice (cz, cy, words cw) that carry surface; corner (z, y, x) lies before voxel (z, y, x).
extern "C" __global__ void __launch_bounds__(256)
corner_surface(Words words, unsigned int nz, unsigned int ny, unsigned int nw, int ndim, unsigned int cz,
               unsigned int cy, unsigned int cw, unsigned int* corners) {
    const u64 index = (u64)blockIdx.x * blockDim.x + threadIdx.x;
    if (index >= (u64)cz * cy * cw) return;
    const Shape shape = shape_of(nz, ny, nw);
    const Place at = place_of(index, cy, cw);
    unsigned int some = 0u;
    unsigned int every = 0xffffffffu;
    for (int i = 0; i < (ndim >= 3 ? 2 : 1); ++i) {
        for (int j = 0; j < (ndim >= 2 ? 2 : 1); ++j) {
            const long long z = (long long)at.z - i;
            const long long y = (long long)at.y - j;
            const unsigned int row = word_at(words, shape, z, y, at.w, 0u);
            const unsigned int before = row << 1 | word_at(words, shape, z, y, (long long)at.w - 1, 0u) >> 31;
            some |= row | before;
            every &= row & before;
        }
    }
    corners[index] = some & ~every;
}

// The code of each corner in `places` (32 times its word plus its bit). Bit 4 i + 2 j + k of it is voxel
// (z - 1 + i, y - 1 + j, x - 1 + k); without an axis, without its bit.
extern "C" __global__ void __launch_bounds__(256)
corner_codes(Words words, unsigned int nz, unsigned int ny, unsigned int nw, int ndim, unsigned int cy,
             unsigned int cw, const u64* __restrict__ places, u64 n, unsigned char* codes) {
    const u64 index = (u64)blockIdx.x * blockDim.x + threadIdx.x;
    if (index >= n) return;
    const Shape shape = shape_of(nz, ny, nw);
    const Place at = place_of(places[index] / 32u, cy, cw);
    const long long x = (long long)at.w * 32 + (long long)(places[index] & 31u);
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

// Voxels of the mask for which one of `offsets` (dz, dy, dx), nearest first, leads to its surface.
extern "C" __global__ void __launch_bounds__(256)
band(Words mask, Words surface, unsigned int nz, unsigned int ny, unsigned int nw,
     const int* __restrict__ offsets, int n, unsigned int* out) {
    const u64 index = (u64)blockIdx.x * blockDim.x + threadIdx.x;
    if (index >= (u64)nz * ny * nw) return;
    const Shape shape = shape_of(nz, ny, nw);
    const Place at = place_of(index, ny, nw);
    const unsigned int wanted = mask[index];
    unsigned int found = 0u;
    for (int i = 0; i < n && (wanted & ~found) != 0u; ++i) {
        const long long z = (long long)at.z + offsets[3 * i];
        const long long y = (long long)at.y + offsets[3 * i + 1];
        const int dx = offsets[3 * i + 2];
        const long long w = (long long)at.w + (dx >> 5);
        const unsigned int shift = (unsigned int)dx & 31u;
        found |= word_at(surface, shape, z, y, w, 0u) >> shift;
        if (shift != 0u) found |= word_at(surface, shape, z, y, w + 1, 0u) << (32u - shift);
    }
    out[index] = wanted & found;
}
