"""The kernels of fastseg: arrays in, arrays out.

A kernel knows nothing of labels' meaning, metrics, threads or backends: it does one slab of work, checks
nothing, allocates no result and writes into the arrays it is given.
"""
