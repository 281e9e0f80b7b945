"""A limit of requests per second, as a token bucket: what S3 does to a prefix."""

from __future__ import annotations


class TokenBucket:
    """Lets `rate` requests through in a second, and as many at once as `burst` seconds bring."""

    def __init__(self, rate: float, *, burst: float = 1.0) -> None:
        self._rate = rate
        self._most = max(1.0, rate * burst)
        self._tokens = self._most
        self._filled = 0.0

    def has_token(self, now: float) -> bool:
        self._tokens = min(self._most, self._tokens + (now - self._filled) * self._rate)
        self._filled = now
        return self._tokens >= 1

    def take(self) -> None:
        self._tokens -= 1
