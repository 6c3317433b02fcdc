"""Kernels of surfaces: voxels with a face outside, corners of the lattice, boundary bands."""
