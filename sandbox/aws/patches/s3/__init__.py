"""Patches of MiniStack's s3."""
