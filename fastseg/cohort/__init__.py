"""Many cases: which files belong together, who evaluates them, and what is kept of each as it comes."""
