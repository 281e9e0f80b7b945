"""Patches of MiniStack's iam."""
