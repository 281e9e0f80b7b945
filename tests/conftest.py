"""What holds for every test."""

from tests.watched import pytest_runtest_makereport

__all__ = ["pytest_runtest_makereport"]
