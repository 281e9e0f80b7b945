"""Bytes that are not there: contents as ranges of originals, with checksums that agree exactly when the bytes would."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property


@dataclass(frozen=True)
class Range:
    """Bytes `start` up to and without `end` of an original."""

    original: str
    start: int
    end: int


@dataclass(frozen=True)
class Content:
    """Ranges one after the other. Neighbours that continue each other are one, so equal bytes are equal contents."""

    ranges: tuple[Range, ...]

    @classmethod
    def original(cls, name: str, size: int) -> Content:
        return cls((Range(name, 0, size),))

    @classmethod
    def concatenated(cls, parts: Iterable[Content]) -> Content:
        ranges: list[Range] = []
        for following in (each for part in parts for each in part.ranges):
            last = ranges[-1] if ranges else None
            if last and last.original == following.original and last.end == following.start:
                ranges[-1] = Range(last.original, last.start, following.end)
            else:
                ranges.append(following)
        return cls(tuple(ranges))

    @cached_property
    def size(self) -> int:
        return sum(each.end - each.start for each in self.ranges)

    def cut(self, start: int, end: int) -> Content:
        """Return the bytes `start` up to and without `end`."""
        ranges, position = [], 0
        for each in self.ranges:
            length = each.end - each.start
            first, last = max(start - position, 0), min(end - position, length)
            if first < last:
                ranges.append(Range(each.original, each.start + first, each.start + last))
            position += length
        return Content(tuple(ranges))

    @cached_property
    def crc64nvme(self) -> str:
        """Stand for the checksum: 8 bytes that are the same for the same bytes."""
        return base64.b64encode(self._digest[:8]).decode()

    @cached_property
    def etag(self) -> str:
        return f'"{self._digest.hex()[:32]}"'

    @cached_property
    def _digest(self) -> bytes:
        return hashlib.sha256(repr(self.ranges).encode()).digest()
