"""A page to drop files on, and an interface for programs: uploads in, verdicts out."""
