"""The smoke test: what it asks of a real endpoint, with real permissions, and how a promotion ends by it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from lambdas.handlers import smoke_test
from lambdas.promotion.contract.document import Promotion
from lambdas.promotion.contract.errors import AccessDenied, PayloadUnusable, SmokeTestFailed
from lambdas.promotion.contract.settings import Settings
from lambdas.promotion.contract.smoke_test_settings import Expectation, Payload, SmokeTest
from lambdas.promotion.contract.steps import Step
from sandbox.aws.faults.faults import Kind
from tests.integration import smoke_tests
from tests.integration.role_policies import without_permission
from tests.integration.world import APPLICATION, ENDPOINTS, World, input_of, tar
from tests.unit.smoke_test.test_sample_archive import archive

TESTING = "Smoke-test the endpoint"
# It answers as the plain one does, but does also what its variables say.
CONTROLLABLE = b"""
import json, time
def model_fn(model_dir):
    return None
def input_fn(body, content_type):
    return body.decode() if isinstance(body, bytes) else body
def predict_fn(data, model):
    what, _, how = data.partition(" ")
    if what == "raise":
        raise ValueError("the weights are from another release")
    if what == "sleep":
        time.sleep(float(how))
    return {"asked": data}
def output_fn(prediction, accept):
    return json.dumps(prediction), "application/json"
"""


@pytest.fixture(scope="module")
def settings(module_world: World, deployed_settings: Settings) -> Iterator[Settings]:
    """Every promotion of this file must pass the two."""
    twice = replace(smoke_tests.TEXT, requests=4, concurrency=2)
    with smoke_tests.tested(module_world, deployed_settings, twice, smoke_tests.OBJECT) as now:
        yield now


@pytest.fixture(scope="module")
def world(module_world: World, settings: Settings) -> World:
    return module_world


@pytest.fixture(scope="module")
def promoted(world: World) -> Promotion:
    """A promotion that came to its smoke test, of a model that does what its variables say; it serves."""
    return input_of(world, world.promote_successfully(world.model(container=controllable_model(world))).arn, TESTING)


@pytest.fixture
def invoke(promoted: Promotion, act_as_step: Callable[[Step], None]) -> Callable[..., dict[str, Any]]:
    """The real step, as its Lambda's role, with other tests."""

    def run(*tests: SmokeTest, endpoint: str = ENDPOINTS["qa"]) -> dict[str, Any]:
        act_as_step(Step.SMOKE_TEST)
        given = replace(promoted, stage=replace(promoted.stage, smoke_tests=tests, endpoint=endpoint))
        return smoke_test.handler({"promotion": json.loads(json.dumps(given.to_json())), "retry_count": 0}, None)

    return run


def controllable_model(world: World, program: bytes = CONTROLLABLE) -> dict[str, Any]:
    environment = {
        "SAGEMAKER_PROGRAM": "inference.py",
        "SAGEMAKER_SUBMIT_DIRECTORY": world.upload("sourcedir.tar.gz", tar({"inference.py": program})),
    }
    return world.container(Environment=environment)


def asking(text: str = "a fine film", *, requests: int = 1, concurrency: int = 1, **expect: Any) -> SmokeTest:
    return replace(
        smoke_tests.TEXT,
        payload=Payload(text=text),
        requests=requests,
        concurrency=concurrency,
        expect=Expectation(**expect),
    )


def test_a_working_model_is_promoted_and_its_smoke_test_report_is_in_the_result(world: World) -> None:
    made = world.model()
    ended = world.promote_successfully(made)

    assert ended.output["outcome"] == "Promoted"
    states = world.states(ended.arn)
    assert states[states.index(TESTING) + 1 :][:2] == ["Is scaling to be resumed?", "Record the promotion"]
    assert states[-1] == "Promoted"
    text, file = ended.output["smoke"]["tests"]
    body = json.dumps({"model": made.name, "asked": "a fine film", "mood": "sunny"})
    assert text["sent"] == "a fine film (text/csv, 11 bytes)"
    assert text["received"] == f"status 200, {body} (application/json, {len(body)} bytes)"
    assert (text["requests"], text["failures"]) == (4, 0)
    assert 0 < text["milliseconds"]["min"] <= text["milliseconds"]["p95"] <= text["milliseconds"]["max"]
    assert file["sent"] == "from a file (text/csv, 11 bytes)"


def test_a_repeated_promotion_is_unchanged_and_invokes_nothing(world: World) -> None:
    made = world.model()
    world.promote_successfully(made)
    promoted_before = world.promote_successfully(made)
    assert (promoted_before.output["outcome"], promoted_before.output["smoke"]) == ("Unchanged", None)
    assert TESTING not in world.states(promoted_before.arn)


def test_a_missing_payload_is_reported_before_anything_is_created(world: World, settings: Settings) -> None:
    made, before = world.model(), world.resources_in("qa")
    with smoke_tests.tested(world, settings, smoke_tests.OBJECT, smoke_tests.IN_SOURCE):
        for environment, bucket in (("qa", smoke_tests.BUCKETS["qa"]), ("dev", smoke_tests.IN_SOURCE.payload.bucket)):
            world.client("s3", environment).delete_object(Bucket=str(bucket), Key=smoke_tests.PAYLOAD_KEY)
        ended = world.promote(made)
    smoke_tests.put_payloads(world)

    assert (ended.status, ended.error) == ("FAILED", "PreflightFailed")
    for words in ("found 2 problems with", "promote-qa-invoker: s3:GetObject", "promote-dev-reader: s3:GetObject"):
        assert words in ended.cause
    assert "does not exist in account" in ended.cause
    assert world.resources_in("qa") == before


def test_a_failing_model_fails_the_promotion_with_request_and_response(world: World) -> None:
    broken = CONTROLLABLE.replace(b'what == "raise"', b"True")
    ended = world.promote(world.model(container=controllable_model(world, broken)))

    assert (ended.status, ended.error) == ("FAILED", "SmokeTestFailed")
    states = world.states(ended.arn)
    assert states[states.index(TESTING) + 1] == "Roll back the endpoint"
    assert states[-1] == "Promotion failed"
    for words in (
        f"The endpoint {ENDPOINTS['qa']} reached InService on",
        "test 1 of 2 sent a fine film (text/csv, 11 bytes); received status 500",
        "4 of 4 requests failed. The first that failed: the status is 500, not 200 (ModelError: Received server error",
        "the weights are from another release",
        "test 2 of 2 sent from a file",
    ):
        assert words in ended.cause


def test_a_version_is_invoked_with_its_own_sample(world: World, settings: Settings) -> None:
    uri = world.upload("sample.tar.gz", archive(("payload.csv", b"a sample", b"0")))
    with smoke_tests.tested(world, settings, smoke_tests.SAMPLE):
        version = world.version()
        sagemaker = world.client("sagemaker", "dev")
        described = sagemaker.describe_model_package(ModelPackageName=version)
        sampled = sagemaker.create_model_package(
            ModelPackageGroupName=described["ModelPackageGroupName"],
            ModelApprovalStatus="Approved",
            InferenceSpecification=described["InferenceSpecification"],
            SamplePayloadUrl=uri,
        )["ModelPackageArn"]
        world.wait_until_idle()
        # The newest: versions of other tests had the same numbers.
        ended = next(
            result for result in world.wait_until_idle() if result.output.get("source_model_package") == sampled
        )
        refused = world.wait(world.start(application=APPLICATION, stage="qa", model_name=world.model().name))

    assert ended.output["smoke"]["tests"][0]["sent"] == "a sample (text/csv, 8 bytes)"
    assert (refused.error, refused.status) == ("SamplePayloadUnusable", "FAILED")
    assert world.states(refused.arn)[1:3] == ["Resolve the model", "Explain the failure"]


@pytest.mark.parametrize(
    ("test", "message"),
    [
        (asking(body="yes"), "the body is not the expected one"),
        (asking(json='{"asked": "a bad film"}'), '$.asked is "a fine film", not "a bad film"'),
        (asking(jsonata="asked = 'a bad film'"), "the expression asked = 'a bad film' is not true"),
        (asking("raise", status=200), "the status is 500, not 200 (ModelError"),
        (asking("sleep 0.3", latency={"p50": 200}), "ms, limit 200 ms"),
        (
            replace(asking(), target_variant="Other"),
            "SageMaker responded with ValidationError: Variant Other not found",
        ),
        (replace(asking(requests=3), timeout_seconds=0), "3 of 3 requests were not sent within 0 s"),
    ],
)
def test_an_unexpected_response_fails_the_test_and_is_reported(
    invoke: Callable[..., dict[str, Any]], test: SmokeTest, message: str
) -> None:
    with pytest.raises(SmokeTestFailed) as failed:
        invoke(test)
    assert message in str(failed.value)


def test_what_is_as_expected_passes(invoke: Callable[..., dict[str, Any]]) -> None:
    document = {"asked": "sleep 0.3"}
    done = invoke(
        asking("sleep 0.3", requests=6, concurrency=6, json=json.dumps(document), latency={"p50": 5000}),
        asking("raise", status=500),
        asking("raise", requests=2, error_rate=1.0),
    )
    slow, broken, _ = done["smoke"]["tests"]
    assert slow["milliseconds"]["min"] >= 300
    assert slow["received"] == 'status 200, {"asked": "sleep 0.3"} (application/json, 22 bytes)'
    assert broken["failures"] == 0


def test_transient_sagemaker_errors_are_not_model_failures(world: World, invoke: Callable[..., dict[str, Any]]) -> None:
    world.sagemaker_faults.inject("InvokeEndpoint", Kind.ERROR, code="ServiceUnavailable", status=503)
    world.sagemaker_faults.inject("InvokeEndpoint", Kind.ERROR, code="ModelNotReadyException", status=429)
    world.sagemaker_faults.inject("InvokeEndpoint", Kind.THROTTLE)
    assert invoke(asking())["smoke"]["tests"][0]["failures"] == 0
    assert world.sagemaker_faults.pending() == []


def test_a_missing_permission_is_not_a_model_failure(world: World, invoke: Callable[..., dict[str, Any]]) -> None:
    with (
        without_permission(world, "qa", "promote-qa-invoker", "InvokeEndpoints"),
        pytest.raises(AccessDenied, match=r"promote-qa-invoker is not permitted to call sagemaker:InvokeEndpoint"),
    ):
        invoke(asking())


def test_the_step_can_invoke_no_other_endpoint_and_read_no_other_object(invoke: Callable[..., dict[str, Any]]) -> None:
    with pytest.raises(AccessDenied, match="sagemaker:InvokeEndpoint on another-endpoint"):
        invoke(asking(), endpoint="another-endpoint")
    elsewhere = replace(smoke_tests.OBJECT, payload=replace(smoke_tests.OBJECT.payload, key="artifacts/model.tar.gz"))
    with pytest.raises(AccessDenied, match=r"s3:GetObject.*artifacts/model.tar.gz"):
        invoke(elsewhere)


def test_a_missing_payload_is_reported_as_far_as_the_role_may_see(
    world: World, invoke: Callable[..., dict[str, Any]]
) -> None:
    """A principal that may not list gets "denied"; the source's reader may list."""
    world.client("s3", "qa").delete_object(Bucket=smoke_tests.BUCKETS["qa"], Key=smoke_tests.PAYLOAD_KEY)
    try:
        with pytest.raises(AccessDenied, match="s3:ListBucket where the object is missing"):
            invoke(smoke_tests.OBJECT)
    finally:
        smoke_tests.put_payloads(world)
    gone = Payload(bucket="sagemaker-us-east-1-222222222222", key="gone.csv", in_source=True)
    with pytest.raises(PayloadUnusable, match="does not exist in account"):
        invoke(replace(smoke_tests.OBJECT, payload=gone))
