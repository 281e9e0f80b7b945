"""What a cold start of each step computes before its first call, against the import of a plain SDK."""
