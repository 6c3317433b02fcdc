"""Writing images, a format a file, each beside the reader of the same name."""
