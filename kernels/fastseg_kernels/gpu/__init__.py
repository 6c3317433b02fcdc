"""CUDA kernels as files, compiled at run time through CuPy, and their launchers."""
