"""The simulated S3, asked by a real boto3 client."""

from __future__ import annotations

import functools
from typing import Any

import pytest
from botocore.exceptions import ClientError

from benchmarks.copy.published import GIB, MIB
from benchmarks.copy.simulation.contents import Content
from benchmarks.copy.simulation.virtual_time import patched
from benchmarks.copy.world import SOURCE, TARGET, World
from tests.benchmarks.conftest import COPY, MB, client_of, seconds_of, world_of

KEY = "model/00000.bin"
UPLOAD = {"Bucket": TARGET, "Key": "copy"}


def code_of(call: Any) -> str:
    with pytest.raises(ClientError) as refused:
        call()
    return str(refused.value.response["Error"]["Code"])


def copied_by_parts(s3: Any, cuts: list[tuple[int, int]], **completing: Any) -> Any:
    """Copy the object in parts of these first and last bytes."""
    upload = {**UPLOAD, "UploadId": s3.create_multipart_upload(**UPLOAD)["UploadId"]}
    parts = []
    for number, (first, last) in enumerate(cuts, start=1):
        respond = s3.upload_part_copy(
            **upload, PartNumber=number, CopySource=COPY["CopySource"], CopySourceRange=f"bytes={first}-{last}"
        )
        parts.append({"PartNumber": number, "ETag": respond["CopyPartResult"]["ETag"]})
    return s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts}, **completing)


def test_a_request_takes_the_latency_and_its_bytes_at_the_rate(world: World) -> None:
    s3 = client_of(world)
    assert seconds_of(world, lambda: s3.copy_object(**COPY)) == pytest.approx(0.25 + 1.0)


def test_a_request_without_bytes_takes_the_latency(world: World) -> None:
    s3 = client_of(world)
    assert seconds_of(world, lambda: s3.head_object(Bucket=SOURCE, Key=KEY)) == pytest.approx(0.25)


def test_ten_threads_make_a_hundred_requests_in_ten_rounds(world: World) -> None:
    s3 = client_of(world)
    calls = [functools.partial(s3.copy_object, **{**COPY, "Key": str(number)}) for number in range(100)]
    assert seconds_of(world, *calls, concurrency=10) == pytest.approx(10 * 1.25)


def test_a_request_costs_its_machine_cpu_before_it_is_sent() -> None:
    world = world_of(cpu_per_request=0.5)
    with patched(world.clock):
        s3 = client_of(world)
        calls = [functools.partial(s3.copy_object, **{**COPY, "Key": str(number)}) for number in range(4)]
        assert seconds_of(world, *calls, concurrency=4) == pytest.approx(4 * 0.5 + 1.25)


def test_more_requests_than_the_prefix_allows_get_slow_down() -> None:
    world = world_of(writes_per_second=5)
    with patched(world.clock):
        s3 = client_of(world)
        calls = [functools.partial(s3.copy_object, **{**COPY, "Key": str(number)}) for number in range(6)]
        assert code_of(lambda: seconds_of(world, *calls, concurrency=6)) == "SlowDown"
    assert world.s3.slowed_down == 1


def test_the_prefix_bears_more_when_time_has_passed() -> None:
    world = world_of(writes_per_second=5, rate=MB)  # a copy takes 100 seconds
    with patched(world.clock):
        s3 = client_of(world)
        calls = [functools.partial(s3.copy_object, **{**COPY, "Key": str(number)}) for number in range(10)]
        seconds_of(world, *calls, concurrency=5)
    assert world.s3.slowed_down == 0


def test_the_pause_before_a_retry_counts_as_time() -> None:
    world = world_of(writes_per_second=1)
    with patched(world.clock):
        s3 = client_of(world, attempts=5)
        calls = [functools.partial(s3.copy_object, **{**COPY, "Key": str(number)}) for number in range(2)]
        seconds = seconds_of(world, *calls, concurrency=2)
    assert world.s3.slowed_down >= 1
    # The second is admitted a second after the first at the earliest.
    assert seconds >= 1 + 1.25


def test_a_copy_by_parts_has_the_checksum_of_the_original(world: World) -> None:
    s3 = client_of(world)
    seconds_of(world, lambda: copied_by_parts(s3, [(0, 60 * MB - 1), (60 * MB, 100 * MB - 1)]))
    checksums = [world.s3.objects[location].content.crc64nvme for location in ((SOURCE, KEY), (TARGET, "copy"))]
    assert checksums[0] == checksums[1]


@pytest.mark.parametrize(
    "cuts",
    [
        [(0, 60 * MB - 1), (60 * MB, 99 * MB - 1)],
        [(0, 60 * MB - 1), (59 * MB, 99 * MB - 1)],
        [(40 * MB, 100 * MB - 1), (0, 40 * MB - 1)],
    ],
    ids=["a byte is missing", "bytes come twice", "parts are swapped"],
)
def test_a_copy_of_wrong_parts_has_another_checksum(world: World, cuts: list[tuple[int, int]]) -> None:
    s3 = client_of(world)
    seconds_of(world, lambda: copied_by_parts(s3, cuts))
    original = world.s3.objects[SOURCE, KEY].content
    assert world.s3.objects[TARGET, "copy"].content.crc64nvme != original.crc64nvme


@pytest.mark.parametrize(
    ("completing", "code"),
    [({"MpuObjectSize": 1}, "InvalidRequest"), ({"ChecksumCRC64NVME": "AAAAAAAAAAA="}, "BadDigest")],
)
def test_completing_refuses_another_size_or_checksum(world: World, completing: dict[str, Any], code: str) -> None:
    s3 = client_of(world)
    assert code_of(lambda: seconds_of(world, lambda: copied_by_parts(s3, [(0, 100 * MB - 1)], **completing))) == code


def test_parts_below_five_mebibytes_are_refused_unless_last(world: World) -> None:
    s3 = client_of(world)
    small = [(0, 5 * MIB - 2), (5 * MIB - 1, 100 * MB - 1)]
    assert code_of(lambda: seconds_of(world, lambda: copied_by_parts(s3, small))) == "EntityTooSmall"


@pytest.mark.parametrize(("size", "code"), [(5 * GIB + 1, "InvalidRequest"), (5 * GIB, None)])
def test_one_request_copies_up_to_five_gibibytes(size: int, code: str | None) -> None:
    world = world_of(size)
    with patched(world.clock):
        s3 = client_of(world)

        def copy() -> object:
            return seconds_of(world, lambda: s3.copy_object(**COPY))

        assert (code_of(copy) if code else copy()) == (code or pytest.approx(0.25 + size / 100 / MB))


def test_a_part_number_above_ten_thousand_is_refused(world: World) -> None:
    s3 = client_of(world)

    def call() -> None:
        upload = {**UPLOAD, "UploadId": s3.create_multipart_upload(**UPLOAD)["UploadId"]}
        s3.upload_part_copy(**upload, PartNumber=10_001, CopySource=COPY["CopySource"], CopySourceRange="bytes=0-9")

    assert code_of(lambda: seconds_of(world, call)) == "InvalidArgument"


@pytest.mark.parametrize("condition", [{"IfNoneMatch": "*"}, {"CopySourceIfMatch": '"another"'}])
def test_a_condition_that_does_not_hold_refuses_the_copy(world: World, condition: dict[str, str]) -> None:
    world.s3.put(TARGET, "copy", 1)
    s3 = client_of(world)
    assert code_of(lambda: seconds_of(world, lambda: s3.copy_object(**COPY, **condition))) == "PreconditionFailed"


def test_long_lists_come_in_pages_of_a_thousand() -> None:
    world = world_of(MB, objects=2500)
    with patched(world.clock):
        s3 = client_of(world)
        pages: list[Any] = []
        seconds_of(world, lambda: pages.extend(s3.get_paginator("list_objects_v2").paginate(Bucket=SOURCE)))
    assert [len(page["Contents"]) for page in pages] == [1000, 1000, 500]
    assert [entry["Key"] for page in pages for entry in page["Contents"]] == world.workload.keys


def test_small_objects_are_written_and_read_with_their_bytes(world: World) -> None:
    s3 = client_of(world)
    bodies: list[bytes] = []

    def call() -> None:
        s3.put_object(Bucket="lists", Key="units", Body=b"0123456789")
        bodies.append(s3.get_object(Bucket="lists", Key="units", Range="bytes=2-4")["Body"].read())

    seconds_of(world, call)
    assert bodies == [b"234"]


def test_an_absent_or_incomplete_copy_is_missing() -> None:
    world = world_of(objects=3)
    first, second, third = world.workload.keys
    world.s3.objects[TARGET, first] = world.s3.objects[SOURCE, first]
    world.s3.put(TARGET, second, 100 * MB)
    assert world.missing() == [second, third]


def test_contents_are_equal_exactly_when_their_bytes_are() -> None:
    whole = Content.original("a", 100)
    assert Content.concatenated([whole.cut(0, 30), whole.cut(30, 100)]) == whole
    assert Content.concatenated([whole.cut(30, 100), whole.cut(0, 30)]) != whole
    assert Content.original("b", 100) != whole
    assert Content.concatenated([whole.cut(0, 30), whole.cut(30, 100)]).cut(20, 40) == whole.cut(20, 40)
