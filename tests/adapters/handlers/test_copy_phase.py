"""The steps of the copy, one after the other: what each reads, does, writes and passes on."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import pytest

from lambdas.handlers import abort_uploads, complete_copy, copy_unit, plan_copy, verify_artifacts
from lambdas.promotion.artifacts import incoming, inventory, partitioning, verification, verified_copies
from lambdas.promotion.artifacts.inventory import Listing
from lambdas.promotion.aws import concurrency, work_lists
from lambdas.promotion.contract.document import (
    Artifact,
    Artifacts,
    Copied,
    CopyVerification,
    Leg,
    Promotion,
    S3Object,
    Transfer,
)
from lambdas.promotion.contract.errors import (
    AccessDenied,
    ArtifactChanged,
    ArtifactMismatch,
    ArtifactNotFound,
    CallRefused,
    NotYetVisible,
    OutOfTime,
    PromotionError,
    ServiceUnavailable,
)
from tests.adapters.conftest import AnyRole, Stubs
from tests.adapters.fake_s3 import FakeS3
from tests.unit.builders import BUCKET, EXECUTION, HUB, QA, promotion

MIB, GIB = 1024**2, 1024**3
PREFIX = f"s3://{BUCKET}/v7/llm/"
SIZES = {"config.json": 10, "empty": 0, "ü/ tokens": 7, "weights": 640 * MIB, "../odd": 300 * MIB, "": 0}
LARGE = {name for name, size in SIZES.items() if size > 256 * MIB}
Handler = Callable[..., dict[str, Any]]


class NoTimeLeft:
    """Lambda's context at the very end."""

    @staticmethod
    def get_remaining_time_in_millis() -> int:
        return 0


class World:
    """A model below a prefix in the source, resolved and compared; each step is run as the workflow runs it."""

    def __init__(self, aws: Stubs, fake_s3: FakeS3, sizes: dict[str, int]) -> None:
        self.fake_s3, self.roles = fake_s3, AnyRole()
        aws.in_place["sts"] = self.roles.client
        for name, size in sizes.items():
            fake_s3.put(BUCKET, f"v7/llm/{name}", size)
        self.promotion = promotion()
        self.artifacts = self._resolve(sizes)
        self.compared()

    def _resolve(self, names: Iterable[str]) -> list[Artifact]:
        objects = tuple(
            S3Object(
                bucket=BUCKET,
                key=f"v7/llm/{name}",
                etag=self.fake_s3.objects[BUCKET, f"v7/llm/{name}"].etag,
                size=self.fake_s3.objects[BUCKET, f"v7/llm/{name}"].size,
            )
            for name in names
        )
        listings = {PREFIX: Listing(objects=objects, prefix="v7/llm/")} if objects else {}
        taken = inventory.take(listings, application="reviews", stage="qa", bucket=QA.artifact_bucket, subject="it")
        work_lists.write(work_lists.INVENTORY, taken.artifacts, self.promotion, s3=self.fake_s3.client)
        return list(taken.artifacts)

    def compared(self) -> None:
        """Write down what is in the target already, as the comparing step does."""
        folders = inventory.folders(self.artifacts, self.promotion.artifact_prefix)
        existing = verification.listed(folders, QA, s3=self.fake_s3.client)
        statuses = [verification.status_of(artifact, existing.get(artifact.key)) for artifact in self.artifacts]
        work_lists.write(work_lists.COPY_STATUS, statuses, self.promotion, s3=self.fake_s3.client)

    def stored(self) -> list[str]:
        return self.fake_s3.keys(QA.artifact_bucket, self.promotion.artifact_prefix)

    def artifact(self, name: str) -> Artifact:
        (artifact,) = [artifact for artifact in self.artifacts if artifact.source.key == f"v7/llm/{name}"]
        return artifact

    def key_of(self, name: str) -> str:
        return self.artifact(name).key

    def incoming_key_of(self, name: str) -> str:
        return incoming.brought(self.artifact(name), self.promotion).key

    def step(self, handler: Handler, context: object = None) -> Promotion:
        """Run a step and take what it passes on."""
        event = json.loads(json.dumps({"promotion": self.promotion.to_json(), "retry_count": 0}))
        self.promotion = Promotion.from_json(json.loads(json.dumps(handler(event, context))))
        return self.promotion

    def abort(self) -> dict[str, Any]:
        return abort_uploads.handler(json.loads(json.dumps({"promotion": self.promotion.to_json()})), None)

    def work_units(self) -> list[dict[str, int]]:
        assert self.promotion.copy
        body = self.fake_s3.objects[HUB.bucket, self.promotion.copy.manifest].body
        work_units: list[dict[str, int]] = json.loads(body)
        return work_units

    def copy(self, unit: dict[str, int], context: object = None) -> dict[str, Any]:
        """Run a unit, as if it had been tried before: it then looks which parts are there."""
        event = json.loads(json.dumps({"promotion": self.promotion.to_json(), "work_unit": unit, "retry_count": 1}))
        answer: dict[str, Any] = json.loads(json.dumps(copy_unit.handler(event, context)))
        return answer

    def copy_all(self) -> None:
        """Run the Map, and add its results as the workflow does."""
        results = [self.promotion.copied, *(Copied(**self.copy(unit)) for unit in self.work_units())]
        copied = Copied(
            objects=sum(result.objects for result in results), bytes=sum(result.bytes for result in results)
        )
        self.promotion = replace(self.promotion, copied=copied)

    def transfers(self) -> list[Transfer]:
        return work_lists.read(work_lists.COPY_PLAN, Transfer, self.promotion, s3=self.fake_s3.client)

    def planned_to_receive(self) -> None:
        """All of the first leg, and the plan of the second."""
        self.step(plan_copy.handler)
        self.copy_all()
        self.step(complete_copy.handler)
        self.step(plan_copy.handler)

    def ended(self) -> None:
        """What is left of the copy after a plan, up to the verification; the workflow decides in the same way."""
        self.copy_all()
        if self.promotion.copy and self.promotion.copy.uploads:
            self.step(complete_copy.handler)
            if self.promotion.leg is Leg.BRING:
                self.step(plan_copy.handler)
                self.ended()

    def verified(self) -> None:
        """The rest after a leg was completed: everything has arrived once, and is what was resolved."""
        if self.promotion.leg is Leg.BRING:
            self.step(plan_copy.handler)
            self.ended()
        assert self.promotion.copied == Copied(objects=len(SIZES), bytes=sum(SIZES.values()))
        verification = self.step(verify_artifacts.handler).verification
        assert verification == CopyVerification(compared=len(SIZES), computed=0)

    def copied_whole(self) -> None:
        """Everything up to the verification."""
        self.step(plan_copy.handler)
        self.ended()

    def observed(self) -> dict[str, Artifact]:
        """Return what the work units have observed, by the key in the target."""
        lists = [work_lists.of_unit(work_lists.OBSERVED, unit["offset"]) for unit in self.work_units()]
        read = [work_lists.read(name, Artifact, self.promotion, s3=self.fake_s3.client) for name in lists]
        return {artifact.key: artifact for artifacts in read for artifact in artifacts}

    def promoted_again(self) -> None:
        """Another promotion of the same model, up to the verification."""
        self.promotion = replace(self.promotion, copy=None, copied=Copied(), verification=None)
        self.compared()
        self.step(plan_copy.handler)
        self.ended()


@pytest.fixture
def world(aws: Stubs, fake_s3: FakeS3, monkeypatch: pytest.MonkeyPatch) -> World:
    """Several work units share what is copied by parts."""
    monkeypatch.setattr(concurrency, "_LONGEST_PAUSE", 0.0)
    monkeypatch.setattr(partitioning, "_NOT_WORTH_A_MAP", 0.0)
    monkeypatch.setattr(partitioning, "_LONGEST_OF_ONE_UNIT", 0.0)
    monkeypatch.setattr(partitioning, "_SMALLEST_PART", 64 * MIB)
    return World(aws, fake_s3, SIZES)


@pytest.fixture
def alone(aws: Stubs, fake_s3: FakeS3, monkeypatch: pytest.MonkeyPatch) -> World:
    """One work unit takes everything through both legs."""
    monkeypatch.setattr(concurrency, "_LONGEST_PAUSE", 0.0)
    monkeypatch.setattr(partitioning, "_SMALLEST_PART", 64 * MIB)
    return World(aws, fake_s3, SIZES)


@pytest.fixture(params=["shared", "alone"])
def either(request: pytest.FixtureRequest) -> World:
    made: World = request.getfixturevalue("world" if request.param == "shared" else "alone")
    return made


@pytest.fixture
def nothing(aws: Stubs, fake_s3: FakeS3) -> World:
    """A model without artifacts."""
    return World(aws, fake_s3, {})


# All of it


def test_every_object_arrives_whatever_its_size_and_its_key(either: World) -> None:
    world = either
    world.copied_whole()
    ended = world.step(verify_artifacts.handler)
    assert sorted(world.stored()) == sorted(artifact.key for artifact in world.artifacts)
    assert ended.copied == Copied(objects=len(SIZES), bytes=sum(SIZES.values()))
    assert ended.verification == CopyVerification(compared=len(SIZES), computed=0)
    assert ended.verified
    copies = verified_copies.read(ended.verified, HUB, s3=world.fake_s3.client)
    versions = {copy.key: copy.version_id for copy in copies}
    assert versions == {key: world.fake_s3.objects[QA.artifact_bucket, key].version for key in world.stored()}
    assert world.fake_s3.uploads == {}


def test_a_model_without_artifacts_goes_through_every_step(nothing: World) -> None:
    planned = nothing.step(plan_copy.handler)
    assert planned.copy
    assert (planned.copy.objects, planned.copy.work_units, nothing.work_units()) == (0, 0, [])
    assert nothing.step(verify_artifacts.handler).verification == CopyVerification(compared=0, computed=0)


# Planning


def test_the_plan_states_how_much_there_is_to_copy(world: World) -> None:
    copy = world.step(plan_copy.handler).copy
    assert copy
    assert (copy.objects, copy.bytes) == (len(SIZES), sum(SIZES.values()))
    assert copy.work_units == len(world.work_units()) > 0
    assert copy.manifest == "promotions/release-7/work-units.json"


def test_the_plan_holds_the_object_properties_that_a_listing_lacks(world: World) -> None:
    world.step(plan_copy.handler)
    planned = {transfer.artifact.key: transfer.artifact for transfer in world.transfers() if transfer.upload_id}
    assert set(planned) == {world.key_of(name) for name in LARGE}
    assert all(artifact.source.checksum for artifact in planned.values())


def test_uploads_are_opened_for_what_is_copied_by_parts_only(world: World) -> None:
    world.step(plan_copy.handler)
    opened = {upload.key for upload in world.fake_s3.uploads.values()}
    assert opened == {world.incoming_key_of(name) for name in LARGE}


def test_existing_copies_are_planned_for_the_verification_only(world: World) -> None:
    for name in ("config.json", "weights"):
        world.fake_s3.put(QA.artifact_bucket, world.key_of(name), SIZES[name])
    world.compared()
    copy = world.step(plan_copy.handler).copy
    assert copy
    assert copy.objects == len(SIZES) - 2
    assert copy.bytes == sum(SIZES.values()) - SIZES["config.json"] - SIZES["weights"]
    assert len(world.fake_s3.uploads) == 1
    assert len(world.transfers()) == len(SIZES)


def test_if_all_copies_exist_their_sources_are_looked_at_and_nothing_is_copied(world: World) -> None:
    for name, size in SIZES.items():
        world.fake_s3.put(QA.artifact_bucket, world.key_of(name), size)
    world.compared()
    copy = world.step(plan_copy.handler).copy
    assert copy
    assert (copy.objects, copy.bytes, copy.uploads) == (0, 0, 0)
    world.ended()
    assert world.promotion.copied == Copied()
    assert world.fake_s3.calls["CopyObject"] == 0
    assert all(artifact.source.checksum for artifact in world.observed().values())
    assert len(world.observed()) == len(SIZES)


@pytest.mark.parametrize("name", ["config.json", "weights"])
def test_an_object_that_changed_since_it_was_resolved_stops_the_copy(either: World, name: str) -> None:
    either.fake_s3.put(BUCKET, f"v7/llm/{name}", SIZES[name], content="exchanged")
    with pytest.raises(ArtifactChanged, match=f"{PREFIX}{name}"):
        either.copied_whole()


@pytest.mark.parametrize("name", ["config.json", "weights"])
def test_an_object_that_is_gone_since_it_was_resolved_stops_the_copy(either: World, name: str) -> None:
    del either.fake_s3.objects[BUCKET, f"v7/llm/{name}"]
    with pytest.raises(ArtifactNotFound, match=f"{PREFIX}{name}"):
        either.copied_whole()


def test_a_plan_that_is_throttled_goes_on(world: World) -> None:
    world.fake_s3.refuse("HeadObject", "503", 503, times=20)
    copy = world.step(plan_copy.handler).copy
    assert copy
    assert copy.objects == len(SIZES)


# Copying


def test_a_work_unit_reports_what_it_copied(world: World) -> None:
    world.step(plan_copy.handler)
    world.copy_all()
    assert world.promotion.copied == Copied(objects=len(SIZES) - len(LARGE), bytes=sum(SIZES.values()))


def test_a_work_unit_that_runs_again_copies_nothing_twice(either: World) -> None:
    world = either
    world.step(plan_copy.handler)
    world.copy_all()
    requests, copied = world.fake_s3.calls["UploadPartCopy"], world.promotion.copied
    world.copy_all()
    assert world.promotion.copied == copied
    legs = 1 if world.fake_s3.uploads else 2
    assert world.fake_s3.calls["UploadPartCopy"] == requests == legs * (10 + 5)


def test_a_work_unit_that_was_killed_goes_on_with_the_parts_that_exist(world: World) -> None:
    world.step(plan_copy.handler)
    world.copy_all()
    keys, before = {world.incoming_key_of("weights"), world.key_of("weights")}, world.promotion.copied.bytes
    (weights,) = [upload for upload in world.fake_s3.uploads.values() if upload.key in keys]
    lost = {number: weights.parts.pop(number) for number in (1, 5, 10)}
    world.copy_all()
    assert {number: weights.parts[number] for number in lost} == lost
    assert world.promotion.copied.bytes - before == 3 * 64 * MIB


@pytest.mark.parametrize("is_received", [False, True])
def test_a_broken_answer_after_the_effect_is_no_fault(world: World, is_received: bool) -> None:
    """The object is there, and the request that is made again may not overwrite it."""
    world.step(plan_copy.handler)
    key = world.key_of("config.json") if is_received else world.incoming_key_of("config.json")

    def done_already() -> None:
        world.fake_s3.put(QA.artifact_bucket, key, 10, content="v7/llm/config.json")
        world.fake_s3.refuse("CopyObject", "InternalError", 500, times=5)

    world.fake_s3.before("CopyObject", done_already)
    world.ended()
    world.step(verify_artifacts.handler)


def test_a_work_unit_out_of_time_has_begun_nothing(world: World) -> None:
    world.step(plan_copy.handler)
    with pytest.raises(OutOfTime):
        world.copy(world.work_units()[0], NoTimeLeft())
    assert world.fake_s3.calls["CopyObject"] + world.fake_s3.calls["UploadPartCopy"] == 0


def test_a_work_unit_that_is_denied_fails_by_that_name(world: World) -> None:
    world.step(plan_copy.handler)
    world.fake_s3.refuse("CopyObject", "AccessDenied", 403, times=100)
    with pytest.raises(AccessDenied, match="s3:CopyObject"):
        world.copy_all()


def test_a_source_that_changes_during_the_copy_stops_it(world: World) -> None:
    world.step(plan_copy.handler)
    world.fake_s3.put(BUCKET, "v7/llm/weights", SIZES["weights"], content="exchanged")
    with pytest.raises(ArtifactChanged, match=f"{PREFIX}weights"):
        world.copy_all()


@pytest.mark.parametrize("second_ends_in", Leg)
def test_two_promotions_of_one_model_at_once_both_end_well(world: World, second_ends_in: Leg) -> None:
    """An approval may start two. The first to verify ends what the other has open, in whichever leg that is."""
    world.step(plan_copy.handler)
    first = world.promotion
    other = replace(EXECUTION, arn=f"{EXECUTION.arn}-again")
    for name in (work_lists.INVENTORY, work_lists.COPY_STATUS):
        here = world.fake_s3.objects[HUB.bucket, f"{first.work_lists_prefix}{name}"]
        world.fake_s3.objects[HUB.bucket, f"promotions/release-7-again/{name}"] = here
    world.promotion = replace(world.promotion, execution=other, copy=None)
    if second_ends_in is Leg.BRING:
        world.step(plan_copy.handler)
    else:
        world.planned_to_receive()
    world.copy(world.work_units()[0])
    second, world.promotion = world.promotion, first
    world.ended()
    world.step(verify_artifacts.handler)
    assert world.fake_s3.uploads == {}
    world.promotion = second
    world.ended()
    assert world.step(verify_artifacts.handler).verification == CopyVerification(compared=len(SIZES), computed=0)


# A work unit that takes its objects through both legs


def test_one_work_unit_opens_and_completes_its_own_uploads(alone: World) -> None:
    copy = alone.step(plan_copy.handler).copy
    assert copy
    assert (copy.work_units, copy.uploads, copy.only_unit) == (1, 0, alone.work_units()[0]["length"])
    alone.copy_all()
    assert alone.fake_s3.uploads == {}
    assert alone.promotion.copied == Copied(objects=len(SIZES), bytes=sum(SIZES.values()))


def test_a_copy_that_this_unit_has_just_brought_is_not_looked_at(alone: World) -> None:
    """S3 has reported its version and checksum."""
    alone.step(plan_copy.handler)
    alone.copy(alone.work_units()[0])
    looked_at = len(SIZES) + len(LARGE)  # the sources; what an earlier run may have brought by parts
    assert alone.fake_s3.calls["HeadObject"] == looked_at


@pytest.mark.parametrize("reports_versions", [True, False])
def test_what_arrived_is_compared_before_it_is_received(alone: World, reports_versions: bool) -> None:
    alone.fake_s3.reports_versions = reports_versions

    def exchange() -> None:
        alone.fake_s3.before("CopyObject", lambda: None)
        key = BUCKET, "v7/llm/config.json"
        alone.fake_s3.objects[key] = replace(alone.fake_s3.objects[key], content="other bytes")

    alone.step(plan_copy.handler)
    alone.fake_s3.before("CopyObject", exchange)
    with pytest.raises(ArtifactMismatch, match=f"is not {PREFIX}config.json: checksum"):
        alone.copy_all()
    assert alone.key_of("config.json") not in alone.stored()


@pytest.mark.parametrize("operation", ["UploadPartCopy", "CompleteMultipartUpload", "CreateMultipartUpload"])
@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_a_work_unit_that_is_killed_between_the_legs_ends_well(alone: World, operation: str, number: int) -> None:
    class Killed(BaseException):
        pass

    def kill(left: int) -> None:
        if left:
            alone.fake_s3.before(operation, lambda: kill(left - 1))
        else:
            raise Killed

    alone.step(plan_copy.handler)
    alone.fake_s3.before(operation, lambda: kill(number - 1))
    with pytest.raises(Killed):
        alone.copy_all()
    alone.ended()
    alone.step(verify_artifacts.handler)
    assert sorted(alone.stored()) == sorted(artifact.key for artifact in alone.artifacts)
    assert alone.fake_s3.uploads == {}


def test_a_killed_unit_has_to_begin_one_batch_of_large_objects_anew(
    alone: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(partitioning, "is_short", lambda _: False)
    alone.step(plan_copy.handler)

    def out_of_time_in_the_second() -> None:
        raise OutOfTime("The time is over.")

    alone.fake_s3.before(
        "CompleteMultipartUpload",
        lambda: alone.fake_s3.before(
            "CompleteMultipartUpload",
            lambda: alone.fake_s3.before("UploadPartCopy", out_of_time_in_the_second),
        ),
    )
    with pytest.raises(OutOfTime):
        alone.copy_all()
    first, second = [name for name in SIZES if name in LARGE]
    assert (alone.key_of(first) in alone.stored(), alone.key_of(second) in alone.stored()) == (True, False)
    parts = alone.fake_s3.calls["UploadPartCopy"]
    alone.ended()
    assert alone.fake_s3.calls["UploadPartCopy"] == parts + 2 * 5
    alone.step(verify_artifacts.handler)


def test_what_was_brought_whole_before_a_kill_is_not_brought_again(alone: World) -> None:
    alone.step(plan_copy.handler)
    alone.copy_all()
    for name in LARGE:
        del alone.fake_s3.objects[QA.artifact_bucket, alone.key_of(name)]
    before = alone.fake_s3.calls["UploadPartCopy"]
    alone.copy_all()
    assert alone.fake_s3.calls["UploadPartCopy"] == before + 10 + 5


# Completing


@pytest.fixture(params=Leg)
def copied_leg(world: World, request: pytest.FixtureRequest) -> World:
    """Every part of a leg is copied, and no upload is completed."""
    if request.param is Leg.BRING:
        world.step(plan_copy.handler)
    else:
        world.planned_to_receive()
    world.copy_all()
    return world


def test_each_upload_becomes_an_object_once(copied_leg: World) -> None:
    world, before = copied_leg, copied_leg.promotion
    objects = len(SIZES) if before.leg is Leg.RECEIVE else len(SIZES) - len(LARGE)
    assert world.step(complete_copy.handler).copied == Copied(objects=objects, bytes=sum(SIZES.values()))
    world.promotion = before
    assert world.step(complete_copy.handler).copied == before.copied


def test_without_uploads_there_is_nothing_to_complete(nothing: World) -> None:
    planned = nothing.step(plan_copy.handler)
    assert nothing.step(complete_copy.handler) == planned


def test_a_part_that_is_missing_is_copied_again(copied_leg: World) -> None:
    world = copied_leg
    for upload in world.fake_s3.uploads.values():
        del upload.parts[1]
    requests = world.fake_s3.calls["UploadPartCopy"]
    world.step(complete_copy.handler)
    assert world.fake_s3.calls["UploadPartCopy"] == requests + len(LARGE)
    world.verified()


@pytest.mark.parametrize("hidden", [{5}, {1}, {2, 3}, set(range(1, 100))])
def test_a_list_that_lacks_parts_is_not_trusted(copied_leg: World, hidden: set[int]) -> None:
    world = copied_leg
    world.fake_s3.unlisted_parts = hidden
    world.step(complete_copy.handler)
    world.verified()


def test_a_list_that_shows_parts_as_they_were_is_not_trusted(copied_leg: World) -> None:
    world = copied_leg
    world.fake_s3.stale_parts = {2}
    world.step(complete_copy.handler)
    world.verified()


def test_parts_that_s3_refuses_although_they_were_just_written_are_a_mismatch(copied_leg: World) -> None:
    world = copied_leg
    world.fake_s3.refuse("CompleteMultipartUpload", "InvalidPart", 400, times=100)
    with pytest.raises(ArtifactMismatch, match="do not make"):
        world.step(complete_copy.handler)


def test_an_object_may_be_deleted_while_another_s_list_is_wrong(copied_leg: World) -> None:
    world = copied_leg
    world.fake_s3.stale_parts = {1}
    another_copy_is_deleted(world, "../odd")
    world.step(complete_copy.handler)
    world.verified()


def exchanged(world: World, name: str) -> tuple[type[PromotionError], str]:
    """Exchange what the leg copies, and return the error that reports it."""
    if world.promotion.leg is Leg.BRING:
        world.fake_s3.put(BUCKET, f"v7/llm/{name}", SIZES[name], content="exchanged")
        return ArtifactChanged, f"{PREFIX}{name}"
    world.fake_s3.put(QA.artifact_bucket, world.incoming_key_of(name), SIZES[name], content="exchanged")
    return ArtifactMismatch, f"was lost while it was received .*{world.incoming_key_of(name)}"


def test_a_part_that_no_longer_has_its_source_stops_the_promotion(copied_leg: World) -> None:
    world = copied_leg
    world.fake_s3.unlisted_parts = {2}
    error, message = exchanged(world, "weights")
    with pytest.raises(error, match=message):
        world.step(complete_copy.handler)


def another_copy_is_deleted(world: World, name: str) -> None:
    """Another promotion makes the copy, and somebody deletes it while this one's upload is open."""
    key = world.incoming_key_of(name) if world.promotion.leg is Leg.BRING else world.key_of(name)
    world.fake_s3.put(QA.artifact_bucket, key, SIZES[name])
    world.fake_s3.delete(QA.artifact_bucket, key)


def test_an_upload_during_which_the_object_was_deleted_is_made_anew(copied_leg: World) -> None:
    """S3 refuses to complete it for good (recordings: CompleteMultipartUpload, conflict-after-delete)."""
    world = copied_leg
    another_copy_is_deleted(world, "weights")
    world.step(complete_copy.handler)
    world.verified()
    assert world.fake_s3.uploads == {}


def test_an_object_that_is_deleted_during_each_upload_is_named(copied_leg: World) -> None:
    world = copied_leg
    world.fake_s3.refuse("CompleteMultipartUpload", "ConditionalRequestConflict", 409, times=100)
    with pytest.raises(NotYetVisible, match="was deleted during each of 3 uploads"):
        world.step(complete_copy.handler)


def test_a_new_upload_is_of_the_object_that_was_resolved(copied_leg: World) -> None:
    world = copied_leg
    another_copy_is_deleted(world, "weights")
    error, message = exchanged(world, "weights")
    with pytest.raises(error, match=message):
        world.step(complete_copy.handler)


# Receiving


@pytest.mark.parametrize("name", ["config.json", "weights"])
def test_what_a_source_put_in_the_place_of_a_copy_is_not_received(either: World, name: str) -> None:
    world = either
    place = QA.artifact_bucket, world.incoming_key_of(name)
    world.fake_s3.put(*place, SIZES[name], content="other bytes")
    with pytest.raises(ArtifactMismatch, match=f"s3://{place[0]}/{place[1]} is not {PREFIX}{name}: checksum"):
        world.copied_whole()
    assert world.key_of(name) not in world.stored()


@pytest.mark.parametrize("name", ["config.json", "weights"])
def test_what_a_source_does_after_the_copy_changes_nothing_that_is_stored(either: World, name: str) -> None:
    world = either
    world.copied_whole()
    stored = {key: world.fake_s3.objects[QA.artifact_bucket, key] for key in world.stored()}
    world.fake_s3.put(QA.artifact_bucket, world.incoming_key_of(name), SIZES[name], content="other bytes")
    world.fake_s3.put(QA.artifact_bucket, f"{world.incoming_key_of(name)}/code/inference.py")
    world.step(verify_artifacts.handler)
    world.promoted_again()
    world.step(verify_artifacts.handler)
    assert {key: world.fake_s3.objects[QA.artifact_bucket, key] for key in world.stored()} == stored


def test_what_arrived_and_was_deleted_is_reported(world: World) -> None:
    world.planned_to_receive()
    world.fake_s3.delete(QA.artifact_bucket, world.incoming_key_of("weights"))
    with pytest.raises(ArtifactMismatch, match="was lost while it was received") as reported:
        world.copy_all()
    assert "then promote again." in str(reported.value)
    assert "Register the model" not in str(reported.value)


def test_the_source_is_not_entered_to_receive(world: World) -> None:
    world.step(plan_copy.handler)
    world.copy_all()
    world.step(complete_copy.handler)
    world.roles.entered.clear()
    world.step(plan_copy.handler)
    world.copy_all()
    world.step(complete_copy.handler)
    assert set(world.roles.entered) == {"receiver"}


# Verifying


def changed(world: World, name: str, how: str) -> str:
    """Do something to a copy, and return the key that must be reported."""
    place = QA.artifact_bucket, world.key_of(name)
    if how == "deleted":
        del world.fake_s3.objects[place]
    elif how == "truncated":
        world.fake_s3.put(*place, max(0, SIZES[name] - 1), content=f"v7/llm/{name}")
    elif how == "swapped":
        world.fake_s3.put(*place, SIZES[name], content="other bytes")
    else:
        world.fake_s3.put(place[0], f"{place[1]}.added", 1)
        return f"{place[1]}.added"
    return place[1]


@pytest.mark.parametrize("how", ["deleted", "added", "truncated", "swapped"])
@pytest.mark.parametrize("name", ["config.json", "weights", "ü/ tokens"])
def test_what_is_wrong_in_the_target_is_found_by_its_name(either: World, name: str, how: str) -> None:
    world = either
    world.copied_whole()
    message = changed(world, name, how)
    with pytest.raises(ArtifactMismatch) as refused:
        world.step(verify_artifacts.handler)
    assert f"s3://{QA.artifact_bucket}/{message}" in str(refused.value)


def test_a_source_without_checksum_is_compared_by_size_and_counted_so(aws: Stubs, fake_s3: FakeS3) -> None:
    world = World(aws, fake_s3, {"a": 1, "b": 2})  # one work unit
    here = fake_s3.objects[BUCKET, "v7/llm/a"]
    fake_s3.objects[BUCKET, "v7/llm/a"] = replace(here, algorithm=None)
    world.copied_whole()
    assert world.step(verify_artifacts.handler).verification == CopyVerification(compared=1, computed=1)


def put_again(world: World, name: str, algorithm: str | None) -> None:
    """Put the same bytes of a source again, with another kind of checksum: the ETag stays (S3: an MD5 of the bytes)."""
    place = BUCKET, f"v7/llm/{name}"
    world.fake_s3.objects[place] = replace(world.fake_s3.objects[place], algorithm=algorithm)


@pytest.mark.parametrize("algorithm", ["CRC32", "SHA256", "XXHASH128"])
@pytest.mark.parametrize("name", ["config.json", "empty", "weights", "ü/ tokens"])
def test_the_same_bytes_with_another_kind_of_checksum_are_the_same_content(
    either: World, name: str, algorithm: str
) -> None:
    world = either
    world.copied_whole()
    put_again(world, name, algorithm)
    world.promoted_again()
    ended = world.step(verify_artifacts.handler)
    assert ended.verification == CopyVerification(compared=len(SIZES), computed=0)
    assert world.fake_s3.uploads == {}


def test_other_bytes_with_another_kind_of_checksum_are_found_by_their_name(world: World) -> None:
    world.copied_whole()
    place = QA.artifact_bucket, world.key_of("weights")
    world.fake_s3.put(*place, SIZES["weights"], content="other bytes", algorithm="CRC32")
    world.promoted_again()
    with pytest.raises(ArtifactMismatch, match="checksum CRC32:other bytes instead of CRC32:v7/llm/weights"):
        world.step(verify_artifacts.handler)


def test_a_copy_that_gets_another_kind_of_checksum_after_the_plan_is_found_by_its_name(world: World) -> None:
    world.copied_whole()
    place = QA.artifact_bucket, world.key_of("config.json")
    world.fake_s3.put(*place, SIZES["config.json"], content="other bytes", algorithm="CRC32")
    with pytest.raises(ArtifactMismatch, match=f"s3://{place[0]}/{place[1]}"):
        world.step(verify_artifacts.handler)


def test_existing_copies_are_verified_as_well(world: World) -> None:
    world.fake_s3.put(QA.artifact_bucket, world.key_of("weights"), SIZES["weights"], content="of another principal")
    world.compared()
    world.copied_whole()
    with pytest.raises(ArtifactMismatch, match="weights is not s3://"):
        world.step(verify_artifacts.handler)


def test_the_verification_leaves_no_upload_open(world: World) -> None:
    """One that an earlier run of the plan opened, and no one completes."""
    world.step(plan_copy.handler)
    world.promotion = replace(world.promotion, copy=None)
    world.planned_to_receive()
    before = world.promotion
    world.step(plan_copy.handler)
    world.promotion = before
    world.ended()
    assert len(world.fake_s3.uploads) == 2 * len(LARGE)
    world.step(verify_artifacts.handler)
    assert world.fake_s3.uploads == {}


# Verifying by work units


@pytest.fixture
def many(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """So many objects, in several work units, that a Map verifies their copies."""
    monkeypatch.setattr(partitioning, "MOST_VERIFIED_BY_ONE_STEP", 1)
    world.promotion = replace(world.promotion, artifacts=Artifacts(objects=len(SIZES), bytes=sum(SIZES.values())))
    world.copied_whole()
    return world


def verify_units(world: World) -> None:
    """Run the Map, and add its results as the workflow does."""
    assert world.promotion.copy
    body = world.fake_s3.objects[HUB.bucket, world.promotion.copy.to_verify].body
    results = []
    for unit in json.loads(body):
        event = {"promotion": world.promotion.to_json(), "work_unit": unit, "retry_count": 0}
        results.append(CopyVerification(**verify_artifacts.handler(json.loads(json.dumps(event)), None)))
    total = CopyVerification(
        compared=sum(result.compared for result in results), computed=sum(result.computed for result in results)
    )
    world.promotion = replace(world.promotion, verification=total)


def test_work_units_verify_what_is_theirs_and_the_last_step_the_rest(many: World) -> None:
    assert many.promotion.copy
    assert many.promotion.copy.to_verify == "promotions/release-7/work-units.json"
    verify_units(many)
    assert many.promotion.verification == CopyVerification(compared=len(SIZES) - len(LARGE), computed=0)
    before = many.fake_s3.calls["HeadObject"]
    ended = many.step(verify_artifacts.handler)
    assert many.fake_s3.calls["HeadObject"] == before + len(LARGE)
    assert ended.verification == CopyVerification(compared=len(SIZES), computed=0)
    assert ended.verified
    copies = verified_copies.read(ended.verified, HUB, s3=many.fake_s3.client)
    assert {copy.key: copy.version_id for copy in copies} == {
        key: many.fake_s3.objects[QA.artifact_bucket, key].version for key in many.stored()
    }


def test_both_ways_of_verifying_write_the_same_list(many: World) -> None:
    before = many.promotion
    at_once = many.step(verify_artifacts.handler).verified
    many.promotion = before
    verify_units(many)
    assert many.step(verify_artifacts.handler).verified == at_once


@pytest.mark.parametrize("how", ["deleted", "truncated", "swapped"])
def test_what_is_wrong_is_found_by_its_work_unit(many: World, how: str) -> None:
    key = changed(many, "config.json", how)
    with pytest.raises(ArtifactMismatch, match=f"s3://{QA.artifact_bucket}/{key}"):
        verify_units(many)


@pytest.mark.parametrize("how", ["deleted", "added", "truncated"])
def test_what_is_wrong_after_the_work_units_is_found_by_the_last_step(many: World, how: str) -> None:
    verify_units(many)
    key = changed(many, "config.json", how)
    if how == "deleted":  # as a verified copy that is gone: the list of the folder lacks it
        many.fake_s3.put(QA.artifact_bucket, f"{key}.instead")
    with pytest.raises(ArtifactMismatch, match=key):
        many.step(verify_artifacts.handler)


def test_a_copy_that_no_work_unit_has_verified_is_named(many: World) -> None:
    verify_units(many)
    key = many.key_of("config.json")
    prefix = f"{many.promotion.work_lists_prefix}{work_lists.VERIFIED}"
    for name in many.fake_s3.keys(HUB.bucket, prefix):
        stored = many.fake_s3.objects[HUB.bucket, name]
        lines = [line for line in stored.body.splitlines(keepends=True) if key.encode() not in line]
        many.fake_s3.objects[HUB.bucket, name] = replace(stored, body=b"".join(lines))
    with pytest.raises(ArtifactMismatch, match=f"1 copies were verified by no work unit, first s3://.*/{key}"):
        many.step(verify_artifacts.handler)


@pytest.mark.parametrize("change", [{"size": 11}, {"etag": "other"}, None])
def test_what_a_work_unit_has_observed_must_be_what_was_resolved(world: World, change: dict[str, Any] | None) -> None:
    world.copied_whole()
    for unit in world.fake_s3.keys(HUB.bucket, f"{world.promotion.work_lists_prefix}{work_lists.OBSERVED}"):
        name = unit.removeprefix(world.promotion.work_lists_prefix)
        observed = work_lists.read(name, Artifact, world.promotion, s3=world.fake_s3.client)
        altered = [replace(each, source=replace(each.source, **change)) for each in observed if change is not None]
        work_lists.write(name, altered, world.promotion, s3=world.fake_s3.client)
    with pytest.raises(ArtifactMismatch, match="No work unit has observed"):
        world.step(verify_artifacts.handler)


# Aborting


def test_a_promotion_that_fails_leaves_no_upload_open(world: World) -> None:
    world.step(plan_copy.handler)
    world.copy_all()
    world.abort()
    assert world.fake_s3.uploads == {}


def test_uploads_of_other_models_stay_open(world: World) -> None:
    world.step(plan_copy.handler)
    (upload, *_) = world.fake_s3.uploads.values()
    elsewhere = f"artifacts/reviews/qa/{'1' * 32}/weights"
    world.fake_s3.uploads["other"] = replace(upload, key=elsewhere)
    world.abort()
    assert list(world.fake_s3.uploads) == ["other"]


@pytest.mark.parametrize(
    ("operation", "code", "status", "name"),
    [
        ("ListMultipartUploads", "AccessDenied", 403, AccessDenied),
        ("ListMultipartUploads", "InternalError", 500, ServiceUnavailable),
        ("AbortMultipartUpload", "AccessDenied", 403, AccessDenied),
    ],
)
def test_uploads_that_cannot_be_aborted_are_reported_by_their_name(
    world: World, operation: str, code: str, status: int, name: type[PromotionError]
) -> None:
    world.step(plan_copy.handler)
    world.fake_s3.refuse(operation, code, status)
    with pytest.raises(name):
        world.abort()


# Lists


@pytest.mark.parametrize(
    ("handler", "name"),
    [
        (plan_copy.handler, work_lists.COPY_STATUS),
        (complete_copy.handler, work_lists.COPY_PLAN),
        (verify_artifacts.handler, work_lists.COPY_PLAN),
        (abort_uploads.handler, work_lists.INVENTORY),
    ],
)
def test_a_list_that_is_missing_stops_the_step(world: World, handler: Handler, name: str) -> None:
    """It is not taken for an empty one: that would be a model without artifacts."""
    world.fake_s3.objects.pop((HUB.bucket, f"promotions/release-7/{name}"), None)
    with pytest.raises(CallRefused, match="GetObject"):
        world.step(handler)


@pytest.mark.parametrize("handler", [plan_copy.handler, complete_copy.handler, verify_artifacts.handler])
def test_a_step_out_of_time_reports_it(world: World, handler: Handler) -> None:
    if handler is not plan_copy.handler:
        world.copied_whole()
    with pytest.raises(OutOfTime):
        world.step(handler, NoTimeLeft())
