"""boto3's managed copy: HeadObject, then CopyObject or parts of an upload, in a pool of threads."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from botocore.config import Config
from s3transfer.manager import TransferConfig, TransferManager

from benchmarks.copy.contestants.clients import s3_client
from benchmarks.copy.published import MIB
from benchmarks.copy.world import PREFIX, SOURCE, TARGET, World

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
    _copy_all(_tuned_client(world), world)


def tuned_and_proved(world: World) -> None:
    """The same, and then what Promote proves: each copy has its source's checksum, and nothing else is there."""
    s3 = _tuned_client(world)
    _copy_all(s3, world)
    with ThreadPoolExecutor(_THREADS) as pool:
        listing = pool.submit(lambda: _listed(s3))
        heads = [
            (pool.submit(_proof, s3, SOURCE, key), pool.submit(_proof, s3, TARGET, key)) for key in world.workload.keys
        ]
        if any(source.result() != copy.result() for source, copy in heads) or listing.result() != set(
            world.workload.keys
        ):
            raise RuntimeError("A copy is not its source.")


def _tuned_client(world: World) -> Any:
    return s3_client(world, world.machine(), Config(max_pool_connections=_THREADS, retries={"mode": "adaptive"}))


def _copy_all(s3: Any, world: World) -> None:
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


def _proof(s3: Any, bucket: str, key: str) -> tuple[int, str]:
    answer = s3.head_object(Bucket=bucket, Key=key, ChecksumMode="ENABLED")
    return answer["ContentLength"], answer["ChecksumCRC64NVME"]


def _listed(s3: Any) -> set[str]:
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=TARGET, Prefix=PREFIX)
    return {item["Key"] for page in pages for item in page.get("Contents", [])}
