"""boto3's managed copy: HeadObject, then CopyObject or parts of an upload, in a pool of threads."""

from __future__ import annotations

from botocore.config import Config
from s3transfer.manager import TransferConfig, TransferManager

from benchmarks.copy.contestants.clients import s3_client
from benchmarks.copy.published import MIB
from benchmarks.copy.world import SOURCE, TARGET, World

# What a careful engineer sets: a hundred requests at a time, on as many connections, with parts that outlast their
# latency many times over.
_THREADS = 100
_PART = 128 * MIB


def with_defaults(world: World) -> None:
    """`s3.copy(...)`, object after object: parts of 8 MiB (more where 10,000 would not do), ten threads."""
    s3 = s3_client(world, world.machine())
    for key in world.workload.keys:
        s3.copy({"Bucket": SOURCE, "Key": key}, TARGET, key)


def tuned(world: World) -> None:
    """One transfer manager for all objects, with large parts and a hundred threads, in one process."""
    s3 = s3_client(world, world.machine(), Config(max_pool_connections=_THREADS, retries={"mode": "adaptive"}))
    config = TransferConfig(
        multipart_threshold=2 * _PART,
        multipart_chunksize=_PART,
        max_request_concurrency=_THREADS,
        max_submission_concurrency=_THREADS,
    )
    with TransferManager(s3, config) as manager:
        copies = [manager.copy({"Bucket": SOURCE, "Key": key}, TARGET, key) for key in world.workload.keys]
        for copy in copies:
            copy.result()
