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

from lambdas.promotion.contract.settings import Preview, Settings
from lambdas.promotion.contract.steps import Step
from sandbox.aws.faults.faults import Call, Kind
from tests.integration import smoke_tests
from tests.integration.scenarios import LARGE, QA, delete_large_copies
from tests.integration.world import ENDPOINTS, INFERENCE, CreatedModel, ExecutionResult, World, input_of, tar
from tests.sandbox.aws.image_push import push

pytestmark = pytest.mark.usefixtures("failures_are_dropped")
# What these do is nothing that stays: they look, or they open a session.
READ_ONLY = ("Get", "List", "Describe", "Head", "BatchGet", "BatchCheck", "Simulate", "AssumeRole")
# The state machine has no process that could be killed, and the check ahead makes calls that AWS must refuse.
NOT_KILLED = {("preflight", "PutObject"), ("preflight", "UploadPart"), ("preflight", "AbortMultipartUpload")}


@dataclass(frozen=True)
class Case:
    """A call with an effect, and the promotion in which it is made."""

    scenario: str
    step: str
    operation: str


UPDATE, FIRST, LARGE_WITH_IMAGE = "an update", "a first deployment", "a large model with an image of its own"
PREVIEWED = "an update that is tried first"
BROKEN, STUCK, FAILED_COPY = "an update that breaks the endpoint", "an update that gets stuck", "a copy that fails"
CASES = [
    Case(UPDATE, "resolve_model", "PutObject"),
    Case(UPDATE, "compare_endpoint", "PutObject"),
    Case(UPDATE, "copy_unit", "CopyObject"),
    Case(UPDATE, "copy_unit", "PutObject"),
    Case(UPDATE, "verify_artifacts", "PutObject"),
    Case(UPDATE, "create_model", "CreateModel"),
    Case(UPDATE, "create_endpoint_config", "CreateEndpointConfig"),
    Case(UPDATE, "deploy_endpoint", "UpdateEndpoint"),
    Case(UPDATE, "smoke_test", "InvokeEndpoint"),
    Case(UPDATE, "record_promotion", "PutItem"),
    Case(FIRST, "deploy_endpoint", "CreateEndpoint"),
    Case(LARGE_WITH_IMAGE, "plan_copy", "PutObject"),
    Case(LARGE_WITH_IMAGE, "plan_copy", "CreateMultipartUpload"),
    Case(LARGE_WITH_IMAGE, "copy_unit", "UploadPartCopy"),
    Case(LARGE_WITH_IMAGE, "complete_copy", "CompleteMultipartUpload"),
    Case(LARGE_WITH_IMAGE, "copy_image", "CreateRepository"),
    Case(LARGE_WITH_IMAGE, "copy_image", "InitiateLayerUpload"),
    Case(LARGE_WITH_IMAGE, "copy_image", "UploadLayerPart"),
    Case(LARGE_WITH_IMAGE, "copy_image", "CompleteLayerUpload"),
    Case(LARGE_WITH_IMAGE, "copy_image", "PutImage"),
    Case(PREVIEWED, "create_preview", "CreateEndpointConfig"),
    Case(PREVIEWED, "create_preview", "CreateEndpoint"),
    Case(PREVIEWED, "delete_preview", "DeleteEndpoint"),
    Case(PREVIEWED, "delete_preview", "DeleteEndpointConfig"),
    Case(STUCK, "roll_back_endpoint", "UpdateEndpoint"),
    Case(BROKEN, "roll_back_endpoint", "DeleteEndpoint"),
    Case(BROKEN, "roll_back_endpoint", "CreateEndpoint"),
    Case(FAILED_COPY, "abort_uploads", "AbortMultipartUpload"),
]


@pytest.fixture(scope="module")
def settings(module_world: World, deployed_settings: Settings) -> Iterator[Settings]:
    with smoke_tests.tested(module_world, deployed_settings, smoke_tests.TEXT) as now:
        yield now


@pytest.fixture
def world(module_world: World, settings: Settings) -> Iterator[World]:
    """The endpoint stays from test to test: most are about an update."""
    yield module_world
    module_world.step_faults.clear()
    module_world.sagemaker_faults.clear()
    module_world.s3_faults.clear()
    module_world.abort_uploads("qa")


@contextmanager
def configured(world: World, settings: Settings, scenario: str) -> Iterator[None]:
    """The stage as a journey wants it."""
    if scenario != PREVIEWED:
        yield
        return
    with smoke_tests.tested(world, settings, smoke_tests.TEXT, preview=Preview()):
        yield


@pytest.fixture(scope="module", autouse=True)
def nothing_large_stays(module_world: World) -> Iterator[None]:
    yield
    delete_large_copies(module_world, QA)


@dataclass(frozen=True)
class StateBefore:
    """What was there before a promotion, and what it is about."""

    made: CreatedModel
    serving: str | None
    resources: frozenset[str]
    objects: frozenset[str]


def small(world: World) -> CreatedModel:
    name = f"small-{uuid4().hex[:8]}"
    files = {"weights.json": f'{{"name": "{name}"}}'.encode(), "code/inference.py": INFERENCE}
    archive = world.upload("model.tar.gz", tar(files))
    return world.model(name, container=world.container(name, ModelDataUrl=archive, Environment={}))


def large_with_image(world: World) -> CreatedModel:
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


def prepare(world: World, scenario: str) -> StateBefore:
    """Get ready for a journey."""
    endpoint_exists = ENDPOINTS["qa"] in world.resources_in("qa")
    if scenario == FIRST and endpoint_exists:
        world.client("sagemaker", "qa").delete_endpoint(EndpointName=ENDPOINTS["qa"])
        endpoint_exists = False
    elif scenario != FIRST and not endpoint_exists:
        world.promote_successfully(small(world))
        endpoint_exists = True
    delete_large_copies(world, QA)
    made = large_with_image(world) if scenario in (LARGE_WITH_IMAGE, FAILED_COPY) else small(world)
    serving = world.endpoint("qa")["EndpointConfigName"] if endpoint_exists else None
    if scenario == BROKEN:
        world.sagemaker_faults.inject("UpdateEndpoint", Kind.FAIL, reason="Broken.")
    if scenario == STUCK:
        world.sagemaker_faults.inject("UpdateEndpoint", Kind.ROLLBACK_FAILED, reason="Stuck.")
    if scenario == FAILED_COPY:
        world.s3_faults.inject("UploadPartCopy", code="AccessDenied", times=None)
    return StateBefore(made, serving, frozenset(world.resources_in("qa")), frozenset(world.artifacts_in("qa")))


def require_usual_outcome(world: World, scenario: str, before: StateBefore, ended: ExecutionResult) -> None:
    """It ended as it does if nothing happens to its steps, and nothing else is there."""
    assert "owner" not in world.lock_of("qa")
    assert world.open_uploads("qa") == []
    record = world.record_of(ended.arn)  # one, and only one
    if scenario == FAILED_COPY:
        assert (ended.error, record["outcome"]) == ("AccessDenied", "Errored"), ended.cause
        assert frozenset(world.resources_in("qa")) == before.resources
        assert world.endpoint("qa")["EndpointConfigName"] == before.serving
        return
    wanted = input_of(world, ended.arn, "Deploy the endpoint")
    added = {wanted.desired_model.name, wanted.desired_config.name}
    assert set(world.resources_in("qa")) == before.resources | added | {ENDPOINTS["qa"]}
    assert len(set(world.artifacts_in("qa")) - before.objects) == wanted.artifacts.objects
    if scenario in (BROKEN, STUCK):
        assert (ended.status, record["outcome"]) == ("FAILED", "RolledBack"), ended.cause
        assert world.endpoint("qa")["EndpointConfigName"] == before.serving
        assert world.endpoint("qa")["EndpointStatus"] == "InService"
    else:
        assert (ended.status, record["outcome"]) == ("SUCCEEDED", "Promoted"), ended.cause
        assert ended.output.get("previous_endpoint_config") == (before.serving and config_arn(ended, before.serving))
        assert world.endpoint("qa")["EndpointConfigName"] == wanted.desired_config.name
        assert world.invoke("qa")["model"] == before.made.name


def config_arn(ended: ExecutionResult, name: str) -> str:
    """The ARN of another configuration of the same account and Region."""
    return f"{ended.output['endpoint_config'].rpartition('/')[0]}/{name}"


def test_every_call_that_has_an_effect_is_in_the_matrix(world: World, settings: Settings) -> None:
    called: dict[str, set[tuple[str, str]]] = {}
    for scenario in dict.fromkeys(case.scenario for case in CASES):
        before = prepare(world, scenario)
        world.step_faults.record()
        with configured(world, settings, scenario):
            ended = world.promote(before.made)
        called[scenario] = {(call.step, call.operation) for call in of_steps(world.step_faults.calls())}
        require_usual_outcome(world, scenario, before, ended)
        world.step_faults.clear()
        world.s3_faults.clear()

    matrix = {(case.step, case.operation) for case in CASES}
    assert set().union(*called.values()) - NOT_KILLED == matrix
    assert [case for case in CASES if (case.step, case.operation) not in called[case.scenario]] == []


def of_steps(calls: list[Call]) -> Iterator[Call]:
    """The calls with an effect that were made in a step's process: not by the workflow, nor a job of every minute.

    Nor by the clean-up, which an event starts some time after a promotion that failed: test_clean_up_aborted.py.
    """
    steps = set(Step) - {Step.CLEAN_UP_ABORTED}
    yield from (call for call in calls if not call.operation.startswith(READ_ONLY) and call.step in steps)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.step}-{case.operation}-in-{case.scenario}")
def test_a_step_that_is_killed_before_and_after_its_effect_ends_in_the_same_state(
    world: World, settings: Settings, case: Case
) -> None:
    """The first try is killed before the call, the second after it, the third goes on with what it finds."""
    before = prepare(world, case.scenario)
    for kind in (Kind.KILL, Kind.KILL_AFTER):
        world.step_faults.inject(case.operation, kind, step=case.step)
    with configured(world, settings, case.scenario):
        ended = world.promote(before.made)

    assert world.step_faults.pending() == []
    assert [call.operation for call, _ in world.step_faults.injected()] == [case.operation] * 2
    require_usual_outcome(world, case.scenario, before, ended)


def test_a_killed_lambda_is_reported_by_its_aws_error_name_and_retried_twice(world: World) -> None:
    before = prepare(world, UPDATE)
    world.step_faults.inject("CreateModel", Kind.KILL, step="create_model", times=None)
    ended = world.promote(before.made)

    assert (ended.status, ended.error) == ("FAILED", "Runtime.ExitError"), ended.cause
    assert "A step's Lambda was killed" in ended.cause
    assert len(world.step_faults.injected()) == 3
    assert "owner" not in world.lock_of("qa")
    world.step_faults.clear()
    assert world.promote_successfully(before.made).output["outcome"] == "Promoted"
