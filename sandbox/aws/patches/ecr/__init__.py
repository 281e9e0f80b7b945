"""Patches of MiniStack's ecr."""
