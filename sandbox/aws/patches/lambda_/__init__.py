"""Patches of MiniStack's lambda."""
