"""The hub's stack and its constructs."""
