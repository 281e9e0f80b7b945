"""A run whose sandbox has died ends at once, for that one reason: every later test would fail for it as well."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from sandbox.aws import process
from sandbox.aws.control import Sandbox

_watched: list[Sandbox] = []


@contextmanager
def watched(sandbox: Sandbox) -> Iterator[Sandbox]:
    """Let a sandbox serve the tests, which cannot go on without it; then stop it."""
    _watched.append(sandbox)
    try:
        yield sandbox
    finally:
        _watched.remove(sandbox)
        sandbox.stop()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    report = yield
    if report.failed:  # type: ignore[attr-defined]
        for sandbox in _watched:
            if process.running(sandbox.layout) is None:
                item.session.shouldstop = _reason(sandbox)
    return report


def _reason(sandbox: Sandbox) -> str:
    log = sandbox.layout.server_log
    return f"the sandbox that the tests use has died. The end of {log}:\n{process.log_tail(log)}"
