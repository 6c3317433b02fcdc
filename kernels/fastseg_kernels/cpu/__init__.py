"""Numba kernels: serial, ``nogil``, one slab a call."""
