"""What starts a promotion: an approval in dev's registry, CI, a person."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from typing import Any

from sandbox.aws import environment_file
from sandbox.aws.faults.faults import Kind
from sandbox.demo import data_scientist
from sandbox.demo import deployment as demo_deployment
from tests.integration.world import APPLICATION, GROUP, ExecutionResult, World, require_failed


def approve(world: World, version: str, **more: Any) -> None:
    world.client("sagemaker", "dev").update_model_package(
        ModelPackageArn=version, ModelApprovalStatus="Approved", **more
    )


def started_by(world: World, before: list[str], *, count: int = 1) -> list[ExecutionResult]:
    """Wait until `count` executions were started since `before`, and for their ends."""
    deadline = time.monotonic() + 10
    while len(new := [arn for arn in world.executions() if arn not in before]) < count:
        assert time.monotonic() < deadline, f"{len(new)} executions were started, not {count}"
        time.sleep(0.05)
    return [world.wait(arn) for arn in new]


def test_an_approval_promotes_that_version_to_the_first_stage(world: World) -> None:
    older, newer = world.version(), world.version()
    before = world.executions()
    approve(world, older)
    (ended,) = started_by(world, before)

    assert ended.output["outcome"] == "Promoted"
    assert ended.output["stage"] == "qa"
    assert ended.output["source_model_package"] == older != newer
    assert world.invoke("qa")["model"] == "registered"


def test_a_model_by_its_name_and_then_the_same_version_are_one_model(world: World) -> None:
    """Somebody tries it with a model that was registered before; then approves the version."""
    container = world.container("registered")
    version = world.version(**container)
    by_name = world.promote_successfully(world.model(container=container))
    before = world.executions()
    approve(world, version)
    (ended,) = started_by(world, before)

    assert (ended.output.get("outcome"), ended.cause) == ("Unchanged", "")
    assert (ended.model, ended.config) == (by_name.model, by_name.config)


def test_stages_take_what_comes_next_if_no_model_is_named(world: World) -> None:
    nothing = world.wait(world.start(application=APPLICATION, stage="qa"))
    require_failed(nothing, "ModelPackageNotFound", "has no approved version")
    nothing = world.wait(world.start(application=APPLICATION, stage="production"))
    require_failed(nothing, "ModelNotFound", "'qa' is recorded as last known good")

    before = world.executions()
    world.version()
    version = world.version(approval="Approved")
    (by_event,) = started_by(world, before)
    first = world.wait(world.start(application=APPLICATION, stage="qa"))
    assert (first.output["outcome"], first.output["source_model_package"]) == ("Unchanged", version)
    world.promote_successfully(world.model())
    assert world.wait(world.start(application=APPLICATION, stage="qa", roll_back=True)).status == "SUCCEEDED"
    second = world.wait(world.start(application=APPLICATION, stage="production"))
    assert second.output["source_model"].endswith(f":model/{by_event.model}"), second.cause


def test_the_same_event_twice_promotes_once(world: World) -> None:
    version = world.version()
    before = world.executions()
    world.sagemaker_faults.inject("*", Kind.DUPLICATE_EVENTS, times=None)
    approve(world, version)
    ended = started_by(world, before, count=2)

    assert sorted(result.output["outcome"] for result in ended) == ["Promoted", "Unchanged"]
    assert len(world.resources_in("qa")) == 3


def test_an_edit_of_an_approved_version_starts_nothing(world: World) -> None:
    version = world.version()
    before = world.executions()
    approve(world, version)
    started_by(world, before)
    before = world.executions()
    world.client("sagemaker", "dev").update_model_package(
        ModelPackageArn=version, CustomerMetadataProperties={"note": "looks good"}
    )
    approve(world, another := world.version())
    (ended,) = started_by(world, before)
    world.wait_until_idle(seconds=0.5)

    # What came after the edit has arrived and was the only thing that started.
    assert ended.output["source_model_package"] == another
    assert [arn for arn in world.executions() if arn not in before] == [ended.arn]


def test_a_version_that_is_registered_as_approved_is_promoted(world: World) -> None:
    before = world.executions()
    version = world.version(approval="Approved")
    (ended,) = started_by(world, before)

    assert ended.output["source_model_package"] == version


def test_a_rejection_and_another_group_start_nothing(world: World) -> None:
    before = world.executions()
    rejected = world.version()
    world.client("sagemaker", "dev").update_model_package(ModelPackageArn=rejected, ModelApprovalStatus="Rejected")
    world.version(group="another-teams", approval="Approved")
    approve(world, version := world.version())
    (ended,) = started_by(world, before)
    world.wait_until_idle(seconds=0.5)

    assert ended.output["source_model_package"] == version
    assert [arn for arn in world.executions() if arn not in before] == [ended.arn]


def subscribed_queue(world: World) -> str:
    """A queue in the hub's account that gets what is announced."""
    sqs, sns = world.client("sqs"), world.client("sns")
    queue: str = sqs.create_queue(QueueName="announcements")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    allowed = {"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:*", "Resource": arn}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": policy})
    topic = f"arn:aws:sns:us-east-1:{world.sandbox.accounts['hub']}:promote-outcomes"
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    return queue


def test_a_rejection_of_a_live_version_is_announced_and_changes_nothing(world: World) -> None:
    version = world.version()
    before = world.executions()
    approve(world, version)
    (ended,) = started_by(world, before)
    queue = subscribed_queue(world)
    world.client("sagemaker", "dev").update_model_package(ModelPackageArn=version, ModelApprovalStatus="Rejected")
    (message,) = world.client("sqs").receive_message(QueueUrl=queue, WaitTimeSeconds=20)["Messages"]
    text = json.loads(message["Body"])["Message"]
    world.client("sqs").delete_queue(QueueUrl=queue)
    assert f"{version} was rejected in the model registry, and is live in stage qa" in text
    assert ended.arn.rpartition(":")[2] in text
    assert world.endpoint("qa")["EndpointConfigName"] == ended.config


def test_an_approval_that_is_withdrawn_meanwhile_is_refused(world: World) -> None:
    """The event is never believed: the registry is asked again."""
    version = world.version()
    before = world.executions()
    world.sagemaker_faults.inject("DescribeModelPackage", Kind.THROTTLE, times=1)
    approve(world, version)
    world.client("sagemaker", "dev").update_model_package(ModelPackageArn=version, ModelApprovalStatus="Rejected")
    (ended,) = started_by(world, before)

    assert ended.error == "ModelPackageNotApproved"


def test_no_principal_can_put_an_event_as_sagemaker(world: World) -> None:
    entry = {
        "Source": "aws.sagemaker",
        "DetailType": "SageMaker Model Package State Change",
        "Detail": json.dumps({"ModelPackageGroupName": GROUP, "ModelApprovalStatus": "Approved"}),
        "EventBusName": "promote",
    }
    (answer,) = world.client("events").put_events(Entries=[entry])["Entries"]
    assert answer["ErrorCode"] == "NotAuthorizedForSourceException"


def test_any_client_that_has_the_environment_file_can_start_a_promotion(world: World) -> None:
    """A plain boto3 program, which knows nothing of the sandbox but the variables."""
    made = world.model()
    program = """
import boto3, json, os, sys, time
stepfunctions = boto3.client("stepfunctions")
request = {"application": "text-classifier", "stage": "qa", "model_name": sys.argv[1]}
arn = stepfunctions.start_execution(
    stateMachineArn=os.environ["PROMOTE_STATE_MACHINE_ARN"], input=json.dumps(request))["executionArn"]
while (found := stepfunctions.describe_execution(executionArn=arn))["status"] == "RUNNING":
    time.sleep(0.1)
print(found["status"], json.loads(found["output"])["outcome"])
"""
    variables = environment_file.variables(world.sandbox, demo_deployment.variables(world.sandbox))
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    done = subprocess.run(
        [sys.executable, "-c", program, made.name],
        env={**kept, **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip() == "SUCCEEDED Promoted", done.stderr


def test_the_demo_model_can_be_promoted_and_answers(world: World) -> None:
    """The real one: trained with scikit-learn, in script mode."""
    uploaded = data_scientist.upload(world.sandbox, data_scientist.train())
    data_scientist.create_model(world.sandbox, "demo", uploaded)
    world.wait(world.start(application=APPLICATION, stage="qa", model_name="demo"))
    answer = world.client("sagemaker-runtime", "qa").invoke_endpoint(
        EndpointName="text-classifier-qa", ContentType="text/csv", Body=b"a fine film\nan awful mess"
    )
    assert [prediction["label"] for prediction in json.loads(answer["Body"].read())] == ["positive", "negative"]
