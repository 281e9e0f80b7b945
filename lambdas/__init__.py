"""Everything that runs in Lambda: handlers, and the capabilities that they call."""
