"""The verdict on a file, its JSON, and the files that results are written to."""
