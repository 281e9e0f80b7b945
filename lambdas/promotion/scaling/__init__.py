"""Scalable targets: suspended for an update that demands it, and resumed."""
