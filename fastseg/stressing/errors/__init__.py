"""The errors: a function each."""
