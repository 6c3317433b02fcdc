"""What a protocol is, what it gets, and how it is run."""
