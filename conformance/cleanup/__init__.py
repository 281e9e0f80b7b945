"""What a run leaves: how to look for it, and to delete it."""
