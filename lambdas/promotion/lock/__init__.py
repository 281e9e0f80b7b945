"""One promotion at a time for an endpoint."""
