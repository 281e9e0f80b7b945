"""What a run would cost, in US dollars."""

from __future__ import annotations

from benchmarks.copy.measure import Measurement
from benchmarks.copy.published import Prices


def dollars(measurement: Measurement, prices: Prices) -> float:
    """Return the price of the requests, the Lambdas and the state transitions. A machine of one's own is not in it."""
    return (
        measurement.writes * prices.s3_write
        + measurement.reads * prices.s3_read
        + measurement.invocations * prices.lambda_invocation
        + measurement.gb_seconds * prices.lambda_gb_second
        + measurement.transitions * prices.state_transition
    )
