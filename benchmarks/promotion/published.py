"""What the simulation goes by: how fast AWS says that its services are, and what it says that they cost.

Each number has its source, or is marked as ASSUMED. What S3, Lambda's environments and a Map's children take is that of
the copy's benchmark (benchmarks/copy/published.py). What Python computes is measured in the same run: cpu.py.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from benchmarks.copy.published import Prices as CopyPrices
from benchmarks.copy.published import Speeds


@dataclass(frozen=True)
class Times:
    """How long things take, in seconds."""

    speeds: Speeds = field(default_factory=Speeds)
    # A call of STS, SageMaker, ECR, IAM, KMS, Service Quotas, CloudWatch, SNS or Step Functions. Not published: ASSUMED
    # to be what S3 says of small requests ("roughly 100-200 milliseconds").
    call: float = 0.15
    # "consistent single-digit millisecond performance": the upper end.
    # https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Introduction.html
    dynamodb_call: float = 0.009
    # TCP and TLS, for the first request of a connection within a Region: three round trips. Not published: ASSUMED.
    connect: float = 0.01
    # From a state's end to the beginning of the next one. Not published: ASSUMED. A recorded execution of four states
    # has all its events within one second (recordings/stepfunctions/GetExecutionHistory.yaml).
    transition: float = 0.03
    # What a task adds to what it calls: Step Functions schedules and starts it, and takes its result. Not published:
    # ASSUMED to be, with the transition, the copy's `step_start` of 0.1 seconds.
    task: float = 0.07
    # From the invocation of a new Lambda environment to the import of its handler. "from under 100 ms to over 1 second"
    # with the import (https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html). ASSUMED to be the
    # copy's `cold_start` of 0.5 seconds without the 0.2 of an import.
    environment: float = 0.3
    # How many CPUs an environment has while it imports its handler, whatever its memory. AWS publishes the share of a
    # running function only; that the start has more was measured by others, 2 CPUs
    # (https://hichaelmart.medium.com/shave-99-93-off-your-lambda-bill-with-this-one-weird-trick-33c0acebb2ea). Python
    # imports on one. 0: the share that its memory has.
    cpus_of_start: float = 1.0
    # How fast Lambda's arm64 CPU is, in terms of the machine that the benchmark runs on. ASSUMED.
    cpu_speed: float = 1.0
    # From a change in a service to the invocation of a rule's target: "typical latency of about half a second"
    # (AWS: EventBridge FAQs); a bus in another account is one more.
    event: float = 0.5
    # How long a model's own answer to a smoke test takes. ASSUMED.
    inference: float = 0.2


@dataclass(frozen=True)
class Endpoints:
    """How long SageMaker takes from CreateEndpoint to InService, in seconds: evenly spread from `least` to `most`.

    AWS publishes no number; ASSUMED. The spread matters, not its place: it decides what a poll misses on average.
    """

    least: float = 180.0
    most: float = 600.0
    samples: int = 10

    @property
    def seconds(self) -> tuple[float, ...]:
        """The middle of each of the equal parts."""
        part = (self.most - self.least) / self.samples
        return tuple(self.least + part * (number + 0.5) for number in range(self.samples))


@dataclass(frozen=True)
class Prices(CopyPrices):
    """US dollars in us-east-1, without free tiers, taxes and storage; see the copy's prices for how they were read."""

    # https://aws.amazon.com/dynamodb/pricing/on-demand/ (since November 2024; a write and a strong read of up to 1 KB
    # and 4 KB)
    dynamodb_write: float = 0.625 / 1_000_000
    dynamodb_read: float = 0.125 / 1_000_000
    # https://aws.amazon.com/sns/pricing/
    sns_request: float = 0.50 / 1_000_000
    # https://aws.amazon.com/cloudwatch/pricing/ (logs of the Standard class)
    log_gb: float = 0.50
    # https://aws.amazon.com/xray/pricing/
    trace: float = 5.00 / 1_000_000


@dataclass(frozen=True)
class MonthlyPrices:
    """What is there costs so much a month, in us-east-1, without free tiers: 730 hours."""

    # https://aws.amazon.com/kms/pricing/ (each rotation of the first two adds as much)
    kms_key: float = 1.00
    # https://aws.amazon.com/cloudwatch/pricing/: a standard-resolution metric alarm, for each metric that it watches
    alarm_metric: float = 0.10
    composite_alarm: float = 0.50
    # The first three dashboards (of up to 50 metrics each) of an account are free for ever; then this.
    dashboard: float = 3.00
    custom_metric: float = 0.30
    # https://aws.amazon.com/secrets-manager/pricing/
    secret: float = 0.40
    # https://aws.amazon.com/eventbridge/pricing/ : a schedule rule's invocations are free, an own bus' events are not.
    hours: float = 730.0


# DynamoDB bills by these.
DYNAMODB_WRITE_UNIT = 1024
DYNAMODB_READ_UNIT = 4096
