"""Digests of content: equal content has the same digest, whatever the order of its keys. Pure."""

from __future__ import annotations

import hashlib
import json
from typing import Any


def hex_digest(value: Any) -> str:
    """Return one digest for equal values, whatever the order of their members."""
    return hashlib.sha256(canonical(value)).hexdigest()


def canonical(value: Any) -> bytes:
    """Return one byte string for equal values, for digests."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()
