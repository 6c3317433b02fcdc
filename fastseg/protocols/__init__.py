"""Challenges and tools as they score: a file each, on a framework and on rules that several share."""
