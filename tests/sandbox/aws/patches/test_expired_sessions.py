"""A role is assumed while another thread assumes one."""

from __future__ import annotations

import time
from typing import Any

import pytest
from ministack.services import sts

from sandbox.aws.patches.iam import expired_sessions


class Session(dict[str, Any]):
    """A session at which the eviction looks just when another thread adds one."""

    def get(self, name: str, default: Any = None) -> Any:
        sts._sessions[f"another-{len(sts._sessions)}"] = {"Expiration": time.time() + 60}
        return super().get(name, default)


@pytest.fixture(autouse=True)
def sessions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sessions of which one has expired, and MiniStack's eviction, which a test may patch."""
    made = {name: Session(Expiration=time.time() + seconds) for name, seconds in {"old": -60, "new": 60}.items()}
    monkeypatch.setattr(sts, "_sessions", {**made, "endless": {}})
    monkeypatch.setattr(sts, "_evict_expired_sessions", sts._evict_expired_sessions)


def test_sessions_are_evicted_while_others_are_added() -> None:
    expired_sessions.apply()
    sts._evict_expired_sessions()
    assert "old" not in sts._sessions
    assert {"new", "endless"} < set(sts._sessions)


def test_unpatched_ministack_fails() -> None:
    """When this fails, MiniStack no longer needs the patch."""
    with pytest.raises(RuntimeError, match="changed size during iteration"):
        sts._evict_expired_sessions()
