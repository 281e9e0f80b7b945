"""Everything that runs in Lambda: one step of the workflow per file."""
