"""What a reference may be off by: another rater's map of the same body, and what a tolerance forgives."""
