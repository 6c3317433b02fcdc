"""What several protocols have in common, an idea a file."""
