"""Patches of MiniStack's stepfunctions."""
