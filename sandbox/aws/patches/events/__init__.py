"""Patches of MiniStack's events."""
