"""These tests need the local AWS, and nothing deployed into it."""

from tests.sandbox.aws.conftest import bare_sandbox, name, patched, unpatched

__all__ = ["bare_sandbox", "name", "patched", "unpatched"]
