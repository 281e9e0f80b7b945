"""Lambda environments as forks of one process that has imported the SDK."""
