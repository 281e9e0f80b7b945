"""Patches of MiniStack's stepfunctions: Map states."""
