"""AssumeRole works while others assume roles: MiniStack looks through its sessions while another thread adds one."""

import time

from ministack.services import sts


def apply() -> None:
    sts._evict_expired_sessions = _evict


def _evict() -> None:
    """Drop the sessions that have expired."""
    now = time.time()
    for access_key, session in list(sts._sessions.items()):  # one step of the interpreter, which no thread interrupts
        expiration = session.get("Expiration")
        if isinstance(expiration, int | float) and now > expiration:
            sts._sessions.pop(access_key, None)
