"""What a run would cost, in US dollars."""

from __future__ import annotations

from benchmarks.copy.measure import Measurement
from benchmarks.copy.published import Prices


def dollars(found: Measurement, prices: Prices) -> float:
    """Return the price of the requests, the Lambdas and the state transitions. A machine of one's own is not in it."""
    return (
        found.writes * prices.s3_write
        + found.reads * prices.s3_read
        + found.invocations * prices.lambda_invocation
        + found.gb_seconds * prices.lambda_gb_second
        + found.transitions * prices.state_transition
    )
