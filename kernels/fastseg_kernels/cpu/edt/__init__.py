"""Kernels of the distance transform: rows, parabolas, and the same with indices."""
