"""How fast fastseg is: `versus.py` beside its peers, `bench_*.py` for asv, `test_benchmarks.py` for pytest."""
