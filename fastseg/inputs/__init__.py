"""What a caller may give, checked once: arrays, labels, structures, sources of label maps."""
