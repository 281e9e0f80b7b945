"""Versions of a model, their approval, and the events that tell of it."""

import json
import time
from typing import Any

import pytest

from recordings import store
from tests.sandbox.aws.sagemaker.builders import IMAGE, SageMakerBuilder, refused, unique
from tests.sandbox.aws.sagemaker.server import ACCOUNT, REGION, Server


@pytest.fixture
def group(builder: SageMakerBuilder) -> str:
    name = unique("group")
    builder.sagemaker.create_model_package_group(ModelPackageGroupName=name)
    return name


@pytest.fixture
def bus(server: Server) -> "Bus":
    return Bus(server)


class Bus:
    """What the account's default bus delivers from now on."""

    def __init__(self, server: Server) -> None:
        self._queue = server.client("sqs")
        name = unique("events")
        self._url = self._queue.create_queue(QueueName=name)["QueueUrl"]
        events = server.client("events")
        events.put_rule(Name=name, EventPattern=json.dumps({"source": ["aws.sagemaker"]}))
        arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"
        statement = {
            "Effect": "Allow",
            "Principal": {"Service": "events.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": arn,
        }
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        self._queue.set_queue_attributes(QueueUrl=self._url, Attributes={"Policy": policy})
        events.put_targets(Rule=name, Targets=[{"Id": "queue", "Arn": arn}])

    def delivered(self, resource: str, *, at_least: int) -> list[dict[str, Any]]:
        """The events about a resource, once there are that many."""
        events: list[dict[str, Any]] = []
        deadline = time.monotonic() + 5
        while len(events) < at_least and time.monotonic() < deadline:
            for message in self._queue.receive_message(QueueUrl=self._url, MaxNumberOfMessages=10).get("Messages", []):
                event = json.loads(message["Body"])
                events += [event] if event["resources"] == [resource] else []
                self._queue.delete_message(QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"])
        return events


def register(builder: SageMakerBuilder, group: str, **more: Any) -> str:
    container = {"Image": IMAGE, "ModelDataUrl": builder.data(factor=4)}
    specification = {
        "Containers": [container],
        "SupportedContentTypes": ["application/json"],
        "SupportedResponseMIMETypes": ["application/json"],
    }
    request = {"ModelPackageGroupName": group, "InferenceSpecification": specification} | more
    return str(builder.sagemaker.create_model_package(**request)["ModelPackageArn"])


def test_versions_are_counted_from_one(builder: SageMakerBuilder, group: str) -> None:
    arns = [register(builder, group) for _ in range(3)]
    assert [arn.rsplit(":", 1)[-1] for arn in arns] == [f"model-package/{group}/{number}" for number in (1, 2, 3)]
    builder.sagemaker.delete_model_package(ModelPackageName=arns[2])
    assert register(builder, group).endswith("/4"), "a version number is never used again"


def test_a_version_waits_for_approval(builder: SageMakerBuilder, group: str) -> None:
    arn = register(builder, group)
    description = builder.sagemaker.describe_model_package(ModelPackageName=arn)
    assert description["ModelApprovalStatus"] == "PendingManualApproval"
    assert description["ModelPackageStatus"] == "Completed"
    assert (description["ModelPackageGroupName"], description["ModelPackageVersion"]) == (group, 1)
    builder.sagemaker.update_model_package(
        ModelPackageArn=arn, ModelApprovalStatus="Approved", ApprovalDescription="fine"
    )
    description = builder.sagemaker.describe_model_package(ModelPackageName=arn)
    assert (description["ModelApprovalStatus"], description["ApprovalDescription"]) == ("Approved", "fine")
    assert description["LastModifiedTime"] >= description["CreationTime"]


def test_metadata_comes_without_the_model_card(builder: SageMakerBuilder, group: str) -> None:
    card = {"ModelCardContent": "{}", "ModelCardStatus": "Draft"}
    arn = register(builder, group, ModelCard=card, CustomerMetadataProperties={"commit": "abc"})
    client = builder.sagemaker
    assert "ModelCard" in client.describe_model_package(ModelPackageName=arn)
    description = client.describe_model_package(ModelPackageName=arn, IncludedData="MetadataOnly")
    assert "ModelCard" not in description
    assert description["InferenceSpecification"]["Containers"]
    assert description["CustomerMetadataProperties"] == {"commit": "abc"}


def test_versions_are_listed_by_approval(builder: SageMakerBuilder, group: str) -> None:
    first, second = register(builder, group), register(builder, group, ModelApprovalStatus="Approved")
    listed = builder.sagemaker.list_model_packages(ModelPackageGroupName=group)["ModelPackageSummaryList"]
    assert [item["ModelPackageArn"] for item in listed] == [first, second]
    approved = builder.sagemaker.list_model_packages(
        ModelPackageGroupName=group, ModelApprovalStatus="Approved", SortBy="CreationTime", SortOrder="Descending"
    )
    assert [item["ModelPackageVersion"] for item in approved["ModelPackageSummaryList"]] == [2]


def test_a_group_with_versions_is_not_deleted(builder: SageMakerBuilder, group: str) -> None:
    arn = register(builder, group)
    with refused("ConflictException", group):
        builder.sagemaker.delete_model_package_group(ModelPackageGroupName=group)
    builder.sagemaker.delete_model_package(ModelPackageName=arn)
    builder.sagemaker.delete_model_package_group(ModelPackageGroupName=group)
    with refused("ValidationException", "does not exist"):
        builder.sagemaker.describe_model_package_group(ModelPackageGroupName=group)


def test_a_model_is_made_only_from_an_approved_version(builder: SageMakerBuilder, group: str) -> None:
    arn = register(builder, group)
    request = {"Containers": [{"ModelPackageName": arn}], "ExecutionRoleArn": builder.execution_role}
    name = unique("model")
    with refused("ValidationException", "is not approved"):
        builder.sagemaker.create_model(ModelName=name, **request)
    builder.sagemaker.update_model_package(ModelPackageArn=arn, ModelApprovalStatus="Approved")
    builder.sagemaker.create_model(ModelName=name, **request)
    assert builder.sagemaker.describe_model(ModelName=name)["Containers"] == [{"ModelPackageName": arn}]
    assert builder.invoke(builder.endpoint(builder.config(name)), 2)["answer"] == 8


def test_an_endpoint_in_service_is_announced_with_the_recorded_fields(builder: SageMakerBuilder, bus: Bus) -> None:
    described = builder.rest(builder.endpoint())
    recorded = store.event("events/SageMakerEndpointStateChange/in-service")
    *_, event = bus.delivered(described["EndpointArn"], at_least=2)
    assert set(event) == set(recorded)
    assert set(recorded["detail"]) <= set(event["detail"])
    for field in ("source", "detail-type"):
        assert event[field] == recorded[field]
    assert event["detail"]["EndpointStatus"] == recorded["detail"]["EndpointStatus"]


def test_registration_and_approval_are_announced(builder: SageMakerBuilder, group: str, bus: Bus) -> None:
    arn = register(builder, group)
    builder.sagemaker.update_model_package(ModelPackageArn=arn, ModelApprovalStatus="Approved")
    builder.sagemaker.update_model_package(ModelPackageArn=arn, CustomerMetadataProperties={"a": "b"})
    registered, approved, annotated = bus.delivered(arn, at_least=3)
    for event in (registered, approved, annotated):
        assert event["source"] == "aws.sagemaker"
        assert event["detail-type"] == "SageMaker Model Package State Change"
        assert event["account"] == ACCOUNT
        assert event["detail"]["ModelPackageArn"] == arn
        assert event["detail"]["ModelPackageVersion"] == 1
    assert registered["detail"]["ModelApprovalStatus"] == "PendingManualApproval"
    assert "UpdatedModelPackageFields" not in registered["detail"]
    assert approved["detail"]["ModelApprovalStatus"] == "Approved"
    assert approved["detail"]["UpdatedModelPackageFields"] == ["ModelApprovalStatus"]
    assert annotated["detail"]["ModelApprovalStatus"] == "Approved", "any edit of an approved version still says so"
    assert annotated["detail"]["UpdatedModelPackageFields"] == ["CustomerMetadataProperties"]


def test_an_endpoints_states_are_announced(builder: SageMakerBuilder, bus: Bus) -> None:
    endpoint = builder.endpoint()
    arn = builder.rest(endpoint)["EndpointArn"]
    events = bus.delivered(arn, at_least=2)
    assert [event["detail"]["EndpointStatus"] for event in events] == ["CREATING", "IN_SERVICE"]
    assert {event["detail"]["EndpointName"] for event in events} == {endpoint}


def test_events_can_come_twice(builder: SageMakerBuilder, server: Server, group: str, bus: Bus) -> None:
    server.faults.inject("*", "duplicate_events", times=None)
    arn = register(builder, group)
    assert len(bus.delivered(arn, at_least=2)) == 2
