"""What a stage's smoke tests ask its endpoint, and what must come back. Part of the settings (settings.py)."""

from __future__ import annotations

from dataclasses import dataclass, field

from lambdas.promotion.contract import time_limits

MOST_BYTES = 6_291_456  # of a request's body, and of an answer's (API: InvokeEndpoint, Body)
RESPONSE_SECONDS = int(time_limits.INVOKE_READ_TIMEOUT.total_seconds())  # how long one response is waited for
STEP_SECONDS = int(time_limits.LONGEST_WORK.total_seconds())  # what all tests of a stage may take together
MOST_REQUESTS = 1000
MOST_AT_ONCE = time_limits.CONNECTIONS


@dataclass(frozen=True, kw_only=True)
class Payload:
    """What is sent. One of the four is set.

    `key` is an object's key in `bucket`, which belongs to the source if `in_source`, else to the target. `sample` is
    the file in the archive that the promoted version names (API: DescribeModelPackage, SamplePayloadUrl).
    """

    text: str | None = None
    base64: str | None = None
    bucket: str | None = None
    key: str | None = None
    in_source: bool = False
    sample: bool = False

    @property
    def read_in_source(self) -> bool:
        return self.sample or self.in_source


@dataclass(frozen=True, kw_only=True)
class Expectation:
    """What a good answer is, and how good all of them together must be.

    `status` is the model's own. `json` is JSON as text; a number may differ from it by `absolute` or by `relative`
    (a fraction of it), whichever is more. `latency` are milliseconds by percentile ("p95", or "max"). `error_rate` is
    the fraction of the requests that may fail.
    """

    status: int = 200
    body: str | None = None
    json: str | None = None
    absolute: float = 0.0
    relative: float = 0.0
    jsonata: str | None = None
    latency: dict[str, int] = field(default_factory=dict)
    error_rate: float = 0.0


@dataclass(frozen=True, kw_only=True)
class SmokeTest:
    """One payload, sent `requests` times, `concurrency` at once. `record`: what was asked and got may be kept."""

    payload: Payload
    content_type: str
    accept: str | None = None
    target_variant: str | None = None
    target_model: str | None = None
    target_container_hostname: str | None = None
    custom_attributes: str | None = None
    requests: int = 1
    concurrency: int = 1
    timeout_seconds: int = 120
    expect: Expectation = Expectation()
    record: bool = True
