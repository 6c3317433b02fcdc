"""Probabilities of voxels beside a reference: discrimination, calibration, soft overlap, thresholds."""
