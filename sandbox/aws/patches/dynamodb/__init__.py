"""Patches of MiniStack's dynamodb."""
