"""Each step killed before and after each of its effects, and run again, ends as if nothing had happened.

CASES is the matrix of calls. The first test makes each journey once and compares what its steps called with the matrix:
a call with an effect that is added to a step has to be added here.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from uuid import uuid4

import pytest

from lambdas.promotion.contract.settings import Settings, Trial
from sandbox.aws.faults.process_kills import Call, Kind
from sandbox.aws.faults.sagemaker import Kind as Mishap
from tests.integration import smoke_tests
from tests.integration.scenarios import LARGE, QA, forget_large_copies
from tests.integration.world import ENDPOINTS, INFERENCE, Ended, Made, World, input_of, tar
from tests.sandbox.aws.image_push import push

# What these do is nothing that stays: they look, or they open a session.
LOOKING = ("Get", "List", "Describe", "Head", "BatchGet", "BatchCheck", "Simulate", "AssumeRole")
# The state machine has no process that could be killed, and the check ahead makes calls that AWS must refuse.
NOT_KILLED = {("check_ahead", "PutObject"), ("check_ahead", "UploadPart"), ("check_ahead", "AbortMultipartUpload")}


@dataclass(frozen=True)
class Case:
    """A call with an effect, and the promotion in which it is made."""

    journey: str
    step: str
    operation: str


UPDATE, FIRST, LARGE_WITH_IMAGE = "an update", "a first deployment", "a large model with an image of its own"
TRIED = "an update that is tried first"
BROKEN, STUCK, FAILED_COPY = "an update that breaks the endpoint", "an update that gets stuck", "a copy that fails"
CASES = [
    Case(UPDATE, "resolve_model", "PutObject"),
    Case(UPDATE, "compare_endpoint", "PutObject"),
    Case(UPDATE, "plan_copy", "PutObject"),
    Case(UPDATE, "copy_unit", "CopyObject"),
    Case(UPDATE, "create_model", "CreateModel"),
    Case(UPDATE, "create_endpoint_config", "CreateEndpointConfig"),
    Case(UPDATE, "deploy_endpoint", "UpdateEndpoint"),
    Case(UPDATE, "smoke_test", "InvokeEndpoint"),
    Case(UPDATE, "record_promotion", "PutItem"),
    Case(FIRST, "deploy_endpoint", "CreateEndpoint"),
    Case(LARGE_WITH_IMAGE, "plan_copy", "CreateMultipartUpload"),
    Case(LARGE_WITH_IMAGE, "copy_unit", "UploadPartCopy"),
    Case(LARGE_WITH_IMAGE, "complete_copy", "CompleteMultipartUpload"),
    Case(LARGE_WITH_IMAGE, "copy_image", "CreateRepository"),
    Case(LARGE_WITH_IMAGE, "copy_image", "InitiateLayerUpload"),
    Case(LARGE_WITH_IMAGE, "copy_image", "UploadLayerPart"),
    Case(LARGE_WITH_IMAGE, "copy_image", "CompleteLayerUpload"),
    Case(LARGE_WITH_IMAGE, "copy_image", "PutImage"),
    Case(TRIED, "create_trial", "CreateEndpointConfig"),
    Case(TRIED, "create_trial", "CreateEndpoint"),
    Case(TRIED, "remove_trial", "DeleteEndpoint"),
    Case(TRIED, "remove_trial", "DeleteEndpointConfig"),
    Case(STUCK, "roll_back", "UpdateEndpoint"),
    Case(BROKEN, "roll_back", "DeleteEndpoint"),
    Case(BROKEN, "roll_back", "CreateEndpoint"),
    Case(FAILED_COPY, "abort_uploads", "AbortMultipartUpload"),
]


@pytest.fixture(scope="module")
def settings(lasting_world: World, deployed_settings: Settings) -> Iterator[Settings]:
    with smoke_tests.tested(lasting_world, deployed_settings, smoke_tests.TEXT) as now:
        yield now


@pytest.fixture
def world(lasting_world: World, settings: Settings) -> Iterator[World]:
    """The endpoint stays from test to test: most are about an update."""
    yield lasting_world
    lasting_world.kills.clear()
    lasting_world.faults.clear()
    lasting_world.s3_faults.clear()
    lasting_world.abort_uploads("qa")


@contextmanager
def configured(world: World, settings: Settings, journey: str) -> Iterator[None]:
    """The stage as a journey wants it."""
    if journey != TRIED:
        yield
        return
    with smoke_tests.tested(world, settings, smoke_tests.TEXT, trial=Trial()):
        yield


@pytest.fixture(scope="module", autouse=True)
def nothing_large_stays(lasting_world: World) -> Iterator[None]:
    yield
    forget_large_copies(lasting_world, QA)


@dataclass(frozen=True)
class Before:
    """What was there before a promotion, and what it is about."""

    made: Made
    serving: str | None
    resources: frozenset[str]
    objects: frozenset[str]


def small(world: World) -> Made:
    name = f"small-{uuid4().hex[:8]}"
    files = {"weights.json": f'{{"name": "{name}"}}'.encode(), "code/inference.py": INFERENCE}
    archive = world.upload("model.tar.gz", tar(files))
    return world.model(name, container=world.container(name, ModelDataUrl=archive, Environment={}))


def large_with_image(world: World) -> Made:
    """A model that needs every kind of copy: of an object, of one by parts, and of an image."""
    name = f"small-{uuid4().hex[:8]}"
    push(world.client("ecr", "dev"), f"team/{name}", [name.encode()], tag="1")
    image = f"{world.sandbox.accounts['dev']}.dkr.ecr.{world.sandbox.region}.amazonaws.com/team/{name}:1"
    files = {"weights.json": f'{{"name": "{name}"}}'.encode(), "code/inference.py": INFERENCE}
    archive = world.upload("model.tar.gz", tar(files))
    more = {"WEIGHTS": large_object(world)}
    return world.model(name, container=world.container(name, Image=image, ModelDataUrl=archive, Environment=more))


@cache
def large_object(world: World) -> str:
    return world.upload("weights.bin", bytes(LARGE))


def given(world: World, journey: str) -> Before:
    """Get ready for a journey."""
    there = ENDPOINTS["qa"] in world.made_in("qa")
    if journey == FIRST and there:
        world.client("sagemaker", "qa").delete_endpoint(EndpointName=ENDPOINTS["qa"])
        there = False
    elif journey != FIRST and not there:
        world.promoted(small(world))
        there = True
    forget_large_copies(world, QA)
    made = large_with_image(world) if journey in (LARGE_WITH_IMAGE, FAILED_COPY) else small(world)
    serving = world.endpoint("qa")["EndpointConfigName"] if there else None
    if journey == BROKEN:
        world.faults.inject("UpdateEndpoint", Mishap.FAIL, reason="Broken.")
    if journey == STUCK:
        world.faults.inject("UpdateEndpoint", Mishap.ROLLBACK_FAILED, reason="Stuck.")
    if journey == FAILED_COPY:
        world.s3_faults.inject("UploadPartCopy", "AccessDenied", times=None)
    return Before(made, serving, frozenset(world.made_in("qa")), frozenset(world.artifacts_in("qa")))


def ended_as_usual(world: World, journey: str, before: Before, ended: Ended) -> None:
    """It ended as it does if nothing happens to its steps, and nothing else is there."""
    assert "owner" not in world.lock_of("qa")
    assert world.open_uploads("qa") == []
    record = world.record_of(ended.arn)  # one, and only one
    if journey == FAILED_COPY:
        assert (ended.error, record["outcome"]) == ("AccessDenied", "Errored"), ended.cause
        assert frozenset(world.made_in("qa")) == before.resources
        assert world.endpoint("qa")["EndpointConfigName"] == before.serving
        return
    wanted = input_of(world, ended.arn, "Deploy the endpoint")
    added = {wanted.wanted_model.name, wanted.wanted_config.name}
    assert set(world.made_in("qa")) == before.resources | added | {ENDPOINTS["qa"]}
    assert len(set(world.artifacts_in("qa")) - before.objects) == wanted.artifacts.objects
    if journey in (BROKEN, STUCK):
        assert (ended.status, record["outcome"]) == ("FAILED", "RolledBack"), ended.cause
        assert world.endpoint("qa")["EndpointConfigName"] == before.serving
        assert world.endpoint("qa")["EndpointStatus"] == "InService"
    else:
        assert (ended.status, record["outcome"]) == ("SUCCEEDED", "Promoted"), ended.cause
        assert ended.output.get("previous_endpoint_config") == (before.serving and config_arn(ended, before.serving))
        assert world.endpoint("qa")["EndpointConfigName"] == wanted.wanted_config.name
        assert world.ask("qa")["model"] == before.made.name


def config_arn(ended: Ended, name: str) -> str:
    """The ARN of another configuration of the same account and Region."""
    return f"{ended.output['endpoint_config'].rpartition('/')[0]}/{name}"


def test_every_call_that_has_an_effect_is_in_the_matrix(world: World, settings: Settings) -> None:
    called: dict[str, set[tuple[str, str]]] = {}
    for journey in dict.fromkeys(case.journey for case in CASES):
        before = given(world, journey)
        world.kills.record()
        with configured(world, settings, journey):
            ended = world.promote(before.made)
        called[journey] = {(call.step, call.operation) for call in of_steps(world.kills.calls())}
        ended_as_usual(world, journey, before, ended)
        world.kills.clear()
        world.s3_faults.clear()

    matrix = {(case.step, case.operation) for case in CASES}
    assert set().union(*called.values()) - NOT_KILLED == matrix
    assert [case for case in CASES if (case.step, case.operation) not in called[case.journey]] == []


def of_steps(calls: list[Call]) -> Iterator[Call]:
    """The calls with an effect that were made in a Lambda's process."""
    yield from (call for call in calls if not call.operation.startswith(LOOKING) and " " not in call.step)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.step}-{case.operation}-in-{case.journey}")
def test_a_step_that_is_killed_before_and_after_its_effect_ends_in_the_same_state(
    world: World, settings: Settings, case: Case
) -> None:
    """The first try is killed before the call, the second after it, the third goes on with what it finds."""
    before = given(world, case.journey)
    for kind in (Kind.KILL_BEFORE, Kind.KILL_AFTER):
        world.kills.inject(case.step, case.operation, kind)
    with configured(world, settings, case.journey):
        ended = world.promote(before.made)

    assert world.kills.pending() == []
    assert [call.operation for call, _ in world.kills.happened()] == [case.operation] * 2
    ended_as_usual(world, case.journey, before, ended)


def test_a_killed_lambda_is_told_by_its_name_on_aws_and_tried_twice_more(world: World) -> None:
    before = given(world, UPDATE)
    world.kills.inject("create_model", "CreateModel", Kind.KILL_BEFORE, times=None)
    ended = world.promote(before.made)

    assert (ended.status, ended.error) == ("FAILED", "Runtime.ExitError"), ended.cause
    assert "A step's Lambda was killed" in ended.cause
    assert len(world.kills.happened()) == 3
    assert "owner" not in world.lock_of("qa")
    world.kills.clear()
    assert world.promoted(before.made).output["outcome"] == "Promoted"
