"""Patches of MiniStack's cloudformation."""
