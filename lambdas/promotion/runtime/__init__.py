"""What every handler is wrapped in: the typed document in and out, errors by name."""
