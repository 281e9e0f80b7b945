"""Where the seconds of a run go: what happened when, and what of it counts when several things happen at once."""

from __future__ import annotations

import enum
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field


class Part(enum.StrEnum):
    """What a second is spent on. Of several at once the first one here counts."""

    ENDPOINT = "endpoint"  # SageMaker's own, from the accepted request to InService
    WAITING = "waiting after InService"
    CALLS = "calls"
    COLD_STARTS = "cold starts"
    COMPUTING = "computing"
    STATES = "states"  # whatever else: transitions, tasks' starts, Wait states


_ORDER = {part: number for number, part in enumerate(Part)}


@dataclass(frozen=True)
class Segment:
    part: Part
    begin: float
    end: float


@dataclass(frozen=True)
class Visit:
    """A state that was entered: its name, and when it was entered and left."""

    state: str
    begin: float
    end: float


@dataclass
class Timeline:
    """What one contestant did. Times are those of the virtual clock."""

    segments: list[Segment] = field(default_factory=list)
    visits: list[Visit] = field(default_factory=list)

    def add(self, part: Part, begin: float, end: float) -> None:
        if end > begin:
            self.segments.append(Segment(part, begin, end))

    def parts(self, begin: float, end: float) -> dict[Part, float]:
        """Return the seconds of each part between two moments. They add up to all of them."""
        return seconds_by_part(self.segments, begin, end)

    def by_state(self) -> dict[str, dict[Part, float]]:
        """Return the seconds of each part by state, in the order in which the states were entered first."""
        states: dict[str, Counter[Part]] = {}
        for visit in self.visits:
            states.setdefault(visit.state, Counter()).update(self.parts(visit.begin, visit.end))
        return {state: dict(seconds) for state, seconds in states.items()}


def seconds_by_part(segments: Iterable[Segment], begin: float, end: float) -> dict[Part, float]:
    changes: list[tuple[float, int, Part]] = []
    for segment in segments:
        first, last = max(segment.begin, begin), min(segment.end, end)
        if first < last:
            changes += [(first, 1, segment.part), (last, -1, segment.part)]
    seconds = dict.fromkeys(Part, 0.0)
    active: Counter[Part] = Counter()
    moment = begin
    for at, change, part in sorted(changes, key=lambda each: each[:2]):
        seconds[_counting(active)] += at - moment
        moment = at
        active[part] += change
    seconds[Part.STATES] += end - moment
    return seconds


def _counting(active: Mapping[Part, int]) -> Part:
    return min((part for part, number in active.items() if number), key=_ORDER.__getitem__, default=Part.STATES)
