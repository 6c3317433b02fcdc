"""The kernels of connected components: runs of a mask, runs of a label map, and what is made of either."""
