"""What `benchmarks/gpu.py` runs on a machine with a GPU, a part in a process of its own."""
