"""One command a file: its options, and the calls that it becomes."""
