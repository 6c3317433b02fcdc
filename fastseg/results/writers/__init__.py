"""The files that results are written to: a format a file, all of them in :mod:`~fastseg.results.writers.registry`."""
