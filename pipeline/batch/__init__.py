"""Many files: what a user named, worker processes, resuming."""
