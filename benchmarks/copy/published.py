"""What the simulation goes by: how fast AWS says that its services are, and what it says that they cost.

Each number has its source. Where AWS publishes none, the number is marked as an assumption, and the command line can
change it.
"""

from __future__ import annotations

from dataclasses import dataclass

MIB = 1024**2
GIB = 1024**3


@dataclass(frozen=True)
class Speeds:
    """How long things take. Seconds, bytes per second and requests per second."""

    # "roughly 100-200 milliseconds" for small objects and for the first byte of large ones.
    # https://docs.aws.amazon.com/AmazonS3/latest/userguide/optimizing-performance.html
    latency: float = 0.15
    # "one concurrent request for each 85-90 MB/s": for downloads to EC2 within a Region, the lower end taken. What a
    # copy on S3's side moves in one request is not published: it is ASSUMED to be the same.
    # https://docs.aws.amazon.com/AmazonS3/latest/userguide/optimizing-performance-design-patterns.html
    rate: float = 85e6
    # "at least 3,500 PUT/COPY/POST/DELETE or 5,500 GET/HEAD requests per second per partitioned prefix". A new bucket
    # has one partition, so the simulation takes a whole bucket as one prefix. A copy counts as a write where it
    # writes and ASSUMED as a read where it reads; a list is ASSUMED to count as a read.
    # https://docs.aws.amazon.com/AmazonS3/latest/userguide/optimizing-performance.html
    writes_per_second: float = 3500
    reads_per_second: float = 5500
    # How many seconds' worth of requests may come at once. Not published: ASSUMED.
    burst: float = 1.0
    # CompleteMultipartUpload "could take several minutes to finalize" (API reference); how long is not published.
    # ASSUMED to take no longer than any request; this adds seconds for each part.
    complete_per_part: float = 0.0
    # The time from entering a Distributed Map to the start of its first child. Not published: ASSUMED.
    map_start: float = 2.0
    # The time that Step Functions takes to run a child's one state, besides the Lambda. Not published: ASSUMED.
    child_start: float = 0.2
    # How many children one Map Run starts in a second. Not published: ASSUMED to be StartExecution's refill rate in
    # the smaller Regions (https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html).
    children_per_second: float = 150
    # The time between two Lambda steps of a workflow. Not published: ASSUMED.
    step_start: float = 0.1
    # From the invocation of a new Lambda environment to its handler: "from under 100 ms to over 1 second"
    # (https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html). ASSUMED to be in the middle:
    # importing one of Promote's handlers takes 0.2 seconds of it.
    cold_start: float = 0.5
    # What one request costs its sender in CPU, on one full vCPU. The benchmark measures 1.0 to 2.0 ms, with the
    # simulation and without TLS and sockets. ASSUMED to be the least of it, which favours one machine over seven.
    cpu_per_request: float = 0.001


# "At 1,769 MB, a function has the equivalent of one vCPU".
# https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html
LAMBDA_MB_OF_ONE_CPU = 1769
# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
LAMBDA_SECONDS = 900
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html
MOST_PARTS = 10_000
SMALLEST_PART = 5 * MIB
LARGEST_PART = 5 * GIB
LARGEST_COPY = 5 * GIB
LARGEST_OBJECT = 50 * 1024 * GIB


@dataclass(frozen=True)
class Prices:
    """US dollars in us-east-1, without free tiers, taxes and storage.

    Read in copies of these pages and of pages that quote them, 2024 to 2026. Look them up before you rely on them.
    """

    # https://aws.amazon.com/lambda/pricing/ (arm64, the first tier)
    lambda_gb_second: float = 0.0000133334
    lambda_invocation: float = 0.20 / 1_000_000
    # https://aws.amazon.com/step-functions/pricing/ (Standard workflows)
    state_transition: float = 0.025 / 1_000
    # https://aws.amazon.com/s3/pricing/ (S3 Standard; nothing is charged for bytes copied within a Region)
    s3_write: float = 0.005 / 1_000
    s3_read: float = 0.0004 / 1_000
