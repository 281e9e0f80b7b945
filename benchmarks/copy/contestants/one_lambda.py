"""One Lambda that copies one request after the other: what most samples and scripts do."""

from __future__ import annotations

from typing import Any

from botocore.config import Config

from benchmarks.copy import published
from benchmarks.copy.contestants.clients import s3_client
from benchmarks.copy.published import GIB
from benchmarks.copy.workflow import Invocation, Workflow
from benchmarks.copy.world import SOURCE, TARGET, World

_MEMORY = 512
_PART = GIB


def sequentially(world: World) -> Workflow:
    """CopyObject up to 5 GB, else parts of 1 GiB. Lambda would end it after 15 minutes; here it may finish.

    It is told keys and sizes, so it asks for neither.
    """
    workflow = Workflow(world)
    workflow.step("Copy", _MEMORY, lambda invocation: _copy(world, invocation))
    return workflow


def _copy(world: World, invocation: Invocation) -> None:
    s3 = s3_client(world, invocation.machine, Config(read_timeout=840))
    for key in world.workload.keys:
        _copy_one(key, world.workload.size, s3)


def _copy_one(key: str, size: int, s3: Any) -> None:
    source = {"Bucket": SOURCE, "Key": key}
    if size <= published.LARGEST_COPY:
        s3.copy_object(Bucket=TARGET, Key=key, CopySource=source)
        return
    upload = {"Bucket": TARGET, "Key": key}
    upload["UploadId"] = s3.create_multipart_upload(**upload)["UploadId"]
    parts = []
    for number, first in enumerate(range(0, size, _PART), start=1):
        answer = s3.upload_part_copy(
            **upload,
            PartNumber=number,
            CopySource=source,
            CopySourceRange=f"bytes={first}-{min(first + _PART, size) - 1}",
        )
        parts.append({"PartNumber": number, "ETag": answer["CopyPartResult"]["ETag"]})
    s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})
