"""The processes that a test has started and that are left, as ended ones are until somebody waits for them."""

from __future__ import annotations

import os
from pathlib import Path


def children() -> set[int]:
    """Return the ids of this process's children, from every thread."""
    threads = Path(f"/proc/{os.getpid()}/task").iterdir()
    return {int(child) for thread in threads for child in (thread / "children").read_text().split()}
