"""Patches of MiniStack's s3 multipart."""
