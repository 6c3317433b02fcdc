"""Instances: which of two maps belong together, and what is measured of each."""
