"""Matching: which instances of two maps are taken for the same. A rule a file; all are functions of the table alone."""

from fastseg.instances.matching.registry import RULES, Rule, match

__all__ = ["RULES", "Rule", "match"]
