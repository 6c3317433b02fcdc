"""Evaluating pairs of label maps: one case, and cohorts of them."""
