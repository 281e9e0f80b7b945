"""Patches of MiniStack's kms."""
