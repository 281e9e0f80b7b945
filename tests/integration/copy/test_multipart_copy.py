"""Large objects are copied by parts: whole, resumable, and without a trace where it fails.

The product's own steps run here, each with its own role's permissions, with parts of 5 MiB in place of 256.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any
from uuid import uuid4

import pytest

from lambdas.handlers import abort_uploads, compare_endpoint, complete_copy, copy_unit, plan_copy, verify_artifacts
from lambdas.promotion.artifacts import incoming, partitioning, s3_copy
from lambdas.promotion.aws import work_lists
from lambdas.promotion.contract.document import (
    Artifact,
    Artifacts,
    CopyVerification,
    Execution,
    Leg,
    Promotion,
    S3Object,
    Transfer,
)
from lambdas.promotion.contract.errors import ArtifactChanged, OutOfTime
from lambdas.promotion.contract.steps import Step
from tests.integration.world import World, input_of, transfers_of

MIB = 1024**2
SIZE = 26 * MIB + 7  # five parts and a short one
CONTENT = bytes(range(256)) * (SIZE // 256 + 1)


class Killed(BaseException):
    """The Lambda is gone: nothing in the step can catch this."""


@dataclass
class Copy:
    """One large object on its way from dev to qa, and the steps that bring it there."""

    world: World
    act_as_step: Callable[[Step], None]
    promotion: Promotion

    @property
    def source(self) -> dict[str, str]:
        original = self.transfer.artifact.source
        return {"Bucket": original.bucket, "Key": original.key}

    @property
    def transfer(self) -> Transfer:
        (only_transfer,) = transfers_of(self.world, self.promotion)
        return only_transfer

    def do(self, step: Step, handler: Callable[..., dict[str, Any]], **more: Any) -> dict[str, Any]:
        self.act_as_step(step)
        return handler({"promotion": self.promotion.to_json(), "retry_count": 0} | more, None)

    @property
    def incoming_key(self) -> str:
        return incoming.brought(self.transfer.artifact, self.promotion).key

    def plan(self) -> None:
        """The plan of the first leg."""
        self.promotion = replace(self.promotion, copy=None)
        self.do(Step.COMPARE_ENDPOINT, compare_endpoint.handler)
        self.promotion = Promotion.from_json(self.do(Step.PLAN_COPY, plan_copy.handler))

    def copy(self, retry_count: int = 0) -> int:
        """Run every unit and return the bytes that were copied. `retry_count`: how often it was tried before."""
        units = self.world.list_of(self.promotion, work_lists.MANIFEST)
        return sum(
            self.do(Step.COPY_UNIT, copy_unit.handler, work_unit=unit, retry_count=retry_count)["bytes"]
            for unit in units
        )

    def complete(self) -> int:
        done = Promotion.from_json(self.do(Step.COMPLETE_COPY, complete_copy.handler))
        return done.copied.objects

    def receive(self) -> int:
        """The second leg. Return how many objects it made."""
        before = self.promotion
        self.promotion = Promotion.from_json(self.do(Step.PLAN_COPY, plan_copy.handler))
        units = self.world.list_of(self.promotion, work_lists.of_leg(work_lists.MANIFEST, Leg.RECEIVE))
        for unit in units:
            self.do(Step.COPY_UNIT, copy_unit.handler, work_unit=unit)
        made = self.complete()
        self.promotion = before
        return made

    def verify(self) -> CopyVerification | None:
        return Promotion.from_json(self.do(Step.VERIFY_ARTIFACTS, verify_artifacts.handler)).verification

    def abort(self) -> int:
        uploads: int = self.do(Step.ABORT_UPLOADS, abort_uploads.handler)["uploads"]
        return uploads

    def parts(self) -> dict[int, int]:
        """The parts in the open upload, with their sizes."""
        listing = self.world.client("s3", "qa").list_parts(
            Bucket=self.promotion.target.artifact_bucket,
            Key=self.incoming_key,
            UploadId=str(self.transfer.upload_id),
        )
        return {part["PartNumber"]: part["Size"] for part in listing.get("Parts", [])}

    def content(self) -> bytes:
        key = self.transfer.artifact.key
        content: bytes = (
            self.world.client("s3", "qa")
            .get_object(Bucket=self.promotion.target.artifact_bucket, Key=key)["Body"]
            .read()
        )
        return content


@pytest.fixture(scope="module")
def like(module_world: World) -> Promotion:
    """Some promotion: who goes where."""
    ended = module_world.promote_successfully(module_world.model())
    return input_of(module_world, ended.arn, "Compare the endpoint")


@pytest.fixture
def begin(
    module_world: World, like: Promotion, act_as_step: Callable[[Step], None], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., Copy]]:
    """Put an object into dev and return its copy before it begins; keywords go to PutObject."""
    monkeypatch.setattr(partitioning, "_SMALLEST_PART", 5 * MIB)
    monkeypatch.setattr(partitioning, "_BY_PARTS_ABOVE", 10 * MIB)
    monkeypatch.setattr(partitioning, "_LONGEST_OF_ONE_UNIT", 0.0)
    s3 = module_world.client("s3", "dev")

    def put(content: bytes = CONTENT[:SIZE], **more: Any) -> Copy:
        name = uuid4().hex[:8]
        bucket, key = f"sagemaker-us-east-1-{module_world.sandbox.accounts['dev']}", f"{name}/weights.bin"
        s3.put_object(Bucket=bucket, Key=key, Body=content, **more)
        head = s3.head_object(Bucket=bucket, Key=key, ChecksumMode="ENABLED")
        checksum = head.get("ChecksumCRC64NVME")
        source = S3Object(
            bucket=bucket,
            key=key,
            etag=head["ETag"],
            size=len(content),
            checksum=f"CRC64NVME:{checksum}" if checksum else None,
        )
        promotion = replace(
            like,
            execution=Execution(arn=f"{like.execution.arn}-{name}", started_at=like.execution.started_at),
            artifacts=Artifacts(objects=1, bytes=len(content)),
        )
        artifact = Artifact(source=source, key=f"artifacts/text-classifier/qa/{name}/weights.bin")
        work_lists.write(work_lists.INVENTORY, [artifact], promotion, s3=module_world.client("s3"))
        return Copy(module_world, act_as_step, promotion)

    yield put
    left = module_world.open_uploads("qa")
    module_world.abort_uploads("qa")  # so that one failing test does not fail the next
    assert left == []


def after(calls: int, act: Callable[..., Any], then: BaseException) -> Callable[..., Any]:
    """The function, which after so many calls does its work and then fails."""
    done = 0

    def wrapped(*arguments: Any, **more: Any) -> Any:
        nonlocal done
        answer = act(*arguments, **more)
        done += 1
        if done >= calls:
            raise then
        return answer

    return wrapped


def test_an_object_arrives_whole_with_the_checksum_of_its_source(begin: Callable[..., Copy]) -> None:
    it = begin(ContentType="application/x-weights", Metadata={"job": "7"}, ContentEncoding="identity")
    it.plan()
    assert it.world.open_uploads("qa") == [it.incoming_key]
    assert (it.copy(), it.complete(), it.receive()) == (SIZE, 0, 1)

    assert it.verify() == CopyVerification(compared=1)
    assert it.content() == CONTENT[:SIZE]
    head = it.world.head(it.promotion, it.transfer)
    assert (head["ContentType"], head["Metadata"], head["ContentEncoding"]) == (
        "application/x-weights",
        {"job": "7"},
        "identity",
    )
    assert head["ServerSideEncryption"] == "aws:kms"


def test_a_work_unit_that_was_killed_goes_on_with_the_parts_that_exist(
    begin: Callable[..., Copy], monkeypatch: pytest.MonkeyPatch
) -> None:
    it = begin()
    it.plan()
    with monkeypatch.context() as patched, pytest.raises(Killed):
        patched.setattr(partitioning, "PARTS_IN_FLIGHT", 1)
        patched.setattr(s3_copy, "copy_part", after(2, s3_copy.copy_part, Killed()))
        it.copy()
    parts = it.parts()
    assert len(parts) >= 2
    assert it.copy(retry_count=1) == SIZE - sum(parts.values())
    it.complete()
    it.receive()
    assert it.verify() == CopyVerification(compared=1)


def test_a_work_unit_that_runs_out_of_time_reports_it_and_continues_when_it_is_run_again(
    begin: Callable[..., Copy], monkeypatch: pytest.MonkeyPatch
) -> None:
    it = begin()
    it.plan()
    with monkeypatch.context() as patched, pytest.raises(OutOfTime):
        patched.setattr(s3_copy, "copy_part", after(1, s3_copy.copy_part, OutOfTime("the time is over")))
        patched.setattr(partitioning, "PARTS_IN_FLIGHT", 1)
        it.copy()
    assert it.copy(retry_count=1) < SIZE
    it.complete()
    it.receive()
    assert it.verify() == CopyVerification(compared=1)


@pytest.mark.parametrize("step", ["plan", "copy", "complete", "receive", "verify"])
def test_every_step_of_the_copy_may_be_run_twice(begin: Callable[..., Copy], step: str) -> None:
    it = begin()
    for each in ("plan", "copy", "complete", "receive", "verify"):
        getattr(it, each)()
        if each == step:
            getattr(it, each)()
    assert it.content() == CONTENT[:SIZE]


def test_a_copy_that_exists_is_not_copied_again(begin: Callable[..., Copy]) -> None:
    it = begin()
    it.plan()
    it.copy()
    it.complete()
    it.receive()
    it.plan()
    assert it.transfer.exists
    assert it.promotion.copy is not None
    assert (it.copy(), it.world.open_uploads("qa")) == (0, [])
    assert it.verify() == CopyVerification(compared=1)


def test_a_source_that_changes_between_two_parts_stops_the_copy(
    begin: Callable[..., Copy], monkeypatch: pytest.MonkeyPatch
) -> None:
    it = begin()
    it.plan()
    original, s3 = s3_copy.copy_part, it.world.client("s3", "dev")

    def change_first(transfer: Transfer, part: int, *arguments: Any, **more: Any) -> int:
        if part == 3:
            s3.put_object(**it.source, Body=CONTENT[1 : SIZE + 1])
        return original(transfer, part, *arguments, **more)

    monkeypatch.setattr(s3_copy, "copy_part", change_first)
    monkeypatch.setattr(partitioning, "PARTS_IN_FLIGHT", 1)
    with pytest.raises(ArtifactChanged, match=it.source["Key"]):
        it.copy()
    assert it.abort() == 1


def test_parts_of_another_size_are_not_taken_for_ours(begin: Callable[..., Copy]) -> None:
    it = begin()
    it.plan()
    route, transfer = it.promotion.route, it.transfer
    it.act_as_step(Step.COPY_UNIT)
    other = replace(transfer, part_size=6 * MIB)
    s3 = it.world.client("s3", "qa")
    s3.upload_part(
        Bucket=route.target.artifact_bucket,
        Key=it.incoming_key,
        UploadId=str(other.upload_id),
        PartNumber=1,
        Body=CONTENT[: 6 * MIB],
    )
    assert it.copy(retry_count=1) == SIZE
    it.complete()
    it.receive()
    assert it.content() == CONTENT[:SIZE]


def test_parts_that_are_missing_are_copied_before_there_is_an_object(
    begin: Callable[..., Copy], monkeypatch: pytest.MonkeyPatch
) -> None:
    it = begin()
    it.plan()
    monkeypatch.setattr(s3_copy, "copy_part", lambda *_, **__: 0)  # the units copy none
    it.copy()
    it.complete()
    it.receive()
    assert it.verify() == CopyVerification(compared=1)
    assert it.content() == CONTENT[:SIZE]
    assert it.abort() == 0


def test_an_upload_that_was_opened_twice_is_never_left_open(begin: Callable[..., Copy]) -> None:
    """The plan was killed after it had opened the upload, and was run again."""
    it = begin()
    it.plan()
    it.plan()
    assert len(it.world.open_uploads("qa")) == 2
    it.copy()
    it.complete()
    it.receive()
    it.verify()
    assert it.world.open_uploads("qa") == []


def test_a_composite_checksum_verifies_nothing_and_is_replaced_by_a_full_object_one(begin: Callable[..., Copy]) -> None:
    """An object that was uploaded in parts before 2025 has none of the whole."""
    it = begin()
    upload_again_by_parts(it)
    it.plan()
    it.copy()
    it.complete()
    it.receive()
    assert it.transfer.artifact.source.checksum is None
    assert it.verify() == CopyVerification(computed=1)
    assert it.world.head(it.promotion, it.transfer)["ChecksumCRC64NVME"]


def upload_again_by_parts(it: Copy) -> None:
    """Upload the source again in parts, with a checksum of each, and let the inventory name that."""
    s3 = it.world.client("s3", "dev")
    (artifact,) = work_lists.read(work_lists.INVENTORY, Artifact, it.promotion, s3=it.world.client("s3"))
    location = {"Bucket": artifact.source.bucket, "Key": artifact.source.key}
    upload = s3.create_multipart_upload(**location, ChecksumAlgorithm="SHA256", ChecksumType="COMPOSITE")["UploadId"]
    parts = []
    for number, begin in enumerate(range(0, SIZE, 13 * MIB), start=1):
        body = CONTENT[begin : min(begin + 13 * MIB, SIZE)]
        part = s3.upload_part(**location, UploadId=upload, PartNumber=number, Body=body, ChecksumAlgorithm="SHA256")
        parts.append({"PartNumber": number, "ETag": part["ETag"], "ChecksumSHA256": part["ChecksumSHA256"]})
    done = s3.complete_multipart_upload(**location, UploadId=upload, MultipartUpload={"Parts": parts})
    changed = replace(artifact, source=replace(artifact.source, etag=done["ETag"], checksum=None))
    work_lists.write(work_lists.INVENTORY, [changed], it.promotion, s3=it.world.client("s3"))
