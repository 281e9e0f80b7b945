"""What someone may have meant: names that are near to one that does not exist."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

# From which on difflib's ratio calls two names near: rollouts and rollout, us-esat-1 and us-east-1, dve and dev.
_NEAR = 0.66


def nearest(name: str, names: Iterable[str]) -> str | None:
    """Return the name that is nearest, in whatever case and spelled with hyphens or underscores, if one is near."""
    comparable = {_comparable(other): other for other in names}
    matches = difflib.get_close_matches(_comparable(name)[:100], comparable, n=5, cutoff=_NEAR)
    # Letters in another order are the likeliest mistake: us-esat-1 is us-east-1, and as near to us-west-1.
    matches.sort(key=lambda match: sorted(match) != sorted(_comparable(name)))
    return comparable[matches[0]] if matches else None


def near(name: str, names: Iterable[str]) -> str:
    """Return the suggestion with which a sentence ends, or nothing."""
    match = nearest(name, names)
    return f"; did you mean {match!r}?" if match is not None else ""


def _comparable(name: str) -> str:
    return name.lower().replace("_", "").replace("-", "")
