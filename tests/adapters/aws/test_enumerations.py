"""Each value of AWS's enumerations that a rule tells apart has a decision here, and one that AWS adds is no surprise.

The values are those of the installed SDK: a new one fails the test until somebody has decided. Until then, the rule
does what is in `unknown`. The statuses of endpoints and of model packages are decided in tests/unit/endpoint/
test_state.py, tests/unit/rollback/test_state.py and tests/unit/resolve/test_request.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from lambdas.promotion.artifacts import partitioning, s3_objects
from lambdas.promotion.contract.errors import NotYetVisible, PromotionError
from lambdas.promotion.contract.settings import CONCURRENCY, INSTANCES
from lambdas.promotion.images import copy as image_copy
from lambdas.promotion.images import ecr_client, references
from lambdas.promotion.images.oci_manifest import Layer
from lambdas.promotion.lock import store as lock_store
from lambdas.promotion.model import data_sources, definition
from lambdas.promotion.outcome import aborted_execution, execution_history
from lambdas.promotion.preflight import iam_simulation
from lambdas.promotion.preflight.checks import alarms, key
from lambdas.promotion.preflight.context import ArtifactKey
from lambdas.promotion.preflight.iam_simulation import RequiredPermission
from lambdas.promotion.preview import state as preview_state
from lambdas.promotion.scaling import client as scaling_client
from lambdas.promotion.scaling import targets as scaling_targets
from lambdas.promotion.scaling.targets import ScalableTarget
from tests.unit.builders import BEGUN, IMAGE, QA, STAGE, WEIGHTS_URI, api, artifact, observed, promotion

EXECUTION = "arn:aws:states:us-east-1:111111111111:execution:promote:e"
PERMISSION = RequiredPermission(role="r", actions=("s3:GetObject",), resource="a")
DIGEST = f"sha256:{'a' * 64}"
PLAIN = promotion()
PREVIEW = preview_state.begin(PLAIN)


@dataclass(frozen=True)
class Enumeration:
    """What a rule makes of each value, and of one that AWS adds. `beginning`: of the values that concern the rule."""

    service: str
    shape: str
    rule: Callable[[str], object]
    decisions: Mapping[str, object]
    unknown: object
    beginning: str = ""

    @property
    def values(self) -> set[str]:
        values = api(self.service).shape_for(self.shape).metadata["enum"]
        return {value for value in values if value.startswith(self.beginning)}


def raised(call: Callable[[], object]) -> object:
    """Return what a call returns, or the name of the error that it raises."""
    try:
        return call()
    except PromotionError as error:
        return type(error).__name__


def answering(**answers: object) -> Any:
    """Return a client whose methods return these answers, whatever they are asked."""
    return SimpleNamespace(**{name: lambda answer=answer, **_: answer for name, answer in answers.items()})


def paginating(*pages: object) -> Any:
    return SimpleNamespace(get_paginator=lambda _: SimpleNamespace(paginate=lambda **_: pages))


def key_is_usable(state: str) -> bool:
    return not key.key_state(QA, ArtifactKey(arn="a", state=state))


def checksum_verifies(kind: str) -> bool:
    return s3_objects._checksum_of({"ChecksumType": kind, "ChecksumCRC32": "x"}) is not None  # type: ignore[typeddict-item]


def algorithm_verifies(algorithm: str) -> str:
    """How a copy is verified whose source has such a checksum: whole and in parts, whole only, or by its size."""
    if s3_objects.checksum_in({f"Checksum{algorithm}": "x"}) is None:
        return "size"
    large = artifact(checksum=f"{algorithm}:x", size=partitioning.LARGEST_COPY)
    in_parts = partitioning.part_size(large) is not None
    return "whole and in parts" if in_parts else "whole"


def layer_is_copied(availability: str) -> bool:
    layers = [{"layerDigest": DIGEST, "layerAvailability": availability}]
    run: Any = SimpleNamespace(
        pusher=answering(batch_check_layer_availability={"layers": layers, "failures": []}),
        target=references.parse(IMAGE),
    )
    return bool(image_copy._missing((Layer(digest=DIGEST, size=1),), run))


def layer_with_failure_is_copied(code: str) -> bool:
    failure = {"layerDigest": DIGEST, "failureCode": code}
    run: Any = SimpleNamespace(
        pusher=answering(batch_check_layer_availability={"layers": [], "failures": [failure]}),
        target=references.parse(IMAGE),
    )
    return bool(image_copy._missing((Layer(digest=DIGEST, size=1),), run))


def image_is(code: str) -> object:
    answer = {"images": [], "failures": [{"failureCode": code, "failureReason": "why"}]}
    return raised(lambda: ecr_client.find(references.parse(IMAGE), ecr=answering(batch_get_image=answer)))


def holds_the_lock(status: str) -> bool:
    return lock_store.is_running(EXECUTION, stepfunctions=answering(describe_execution={"status": status}))


def is_cleaned_up(status: str) -> bool:
    described = {"status": status, "startDate": datetime.now(UTC), "stopDate": datetime.now(UTC), "input": "{}"}
    stepfunctions = answering(describe_execution=described)
    return aborted_execution.of_event({"executionArn": EXECUTION}, stepfunctions=stepfunctions) is not None


def history_has_ended(kind: str) -> bool:
    history = paginating({"events": [{"type": kind}]})
    return raised(lambda: execution_history.last_state(EXECUTION, stepfunctions=history)) != NotYetVisible.__name__


def alarms_are_kept(policy_type: str) -> bool:
    policy = {"PolicyType": policy_type, "Alarms": [{"AlarmName": "busy"}]}
    return bool(scaling_client._described_alarms([policy], paginating({"MetricAlarms": []})))


def scales(dimension: str) -> list[str]:
    """The kinds of variants on which a suspended target of this dimension is registered again."""
    target = ScalableTarget(resource="endpoint/e/variant/A", dimension=dimension, register={})
    variants: dict[str, dict[str, Any]] = {
        "instances": {"CurrentInstanceCount": 1},
        "serverless": {"CurrentServerlessConfig": {"MaxConcurrency": 2}},
        "provisioned": {"CurrentServerlessConfig": {"MaxConcurrency": 2, "ProvisionedConcurrency": 1}},
    }
    return [kind for kind, variant in variants.items() if scaling_targets.matches(target, {"A": variant})]


def alarm_lets_deploy(state: str) -> bool:
    return not alarms.unusable(QA, ["a"], {"a": state})


def alarm_is_looked_for(kind: str) -> bool:
    asked: list[str] = []

    def describe_alarms(*, AlarmTypes: list[str], **_: Any) -> dict[str, Any]:  # noqa: N803
        asked.extend(AlarmTypes)
        return {"MetricAlarms": [], "CompositeAlarms": []}

    alarms.alarm_states(["a"], client=SimpleNamespace(describe_alarms=describe_alarms))  # type: ignore[arg-type]
    return kind in asked


def simulation_is(decision: str) -> str:
    result = iam_simulation._evaluated(PERMISSION, {"EvalActionName": "s3:GetObject", "EvalDecision": decision})
    return type(result).__name__


def container_is_refused(**fields: Any) -> bool:
    return bool(list(definition._problems_of({"Image": IMAGE, **fields}, "")))


def data_source_is_refused(**fields: Any) -> bool:
    source = {"S3Uri": f"{WEIGHTS_URI}/", "S3DataType": "S3Prefix", "CompressionType": "None", **fields}
    if source["S3DataType"] == "S3Object":
        source["S3Uri"] = WEIGHTS_URI
    problems: list[str] = []
    data_sources.read({"ModelDataSource": {"S3DataSource": source}}, "", problems)
    return bool(problems)


def is_retained(kind: str) -> bool:
    return kind not in replace(STAGE, retain_variant_properties=False).not_retained


def preview_is(status: str) -> object:
    now = BEGUN + timedelta(minutes=1)
    return raised(lambda: preview_state.next_action(PLAIN, PREVIEW, observed(status), now=now)[1].value)


def preview_is_deleted(status: str) -> bool:
    action, _ = preview_state.next_deletion(PREVIEW, observed(status), again=True)
    return action is preview_state.Action.DELETE


ENDED = {"SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"}
IN_PROGRESS = dict.fromkeys(("Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting"), "InProgress")
CRC = dict.fromkeys(("CRC64NVME", "CRC32", "CRC32C"), "whole and in parts")
OTHER_CHECKSUMS = dict.fromkeys(("SHA1", "SHA256", "SHA512", "MD5", "XXHASH64", "XXHASH3", "XXHASH128"), "whole")
ENUMERATIONS = [
    Enumeration(
        service="kms",
        shape="KeyState",
        rule=key_is_usable,
        decisions={
            "Enabled": True,
            "Updating": True,
            **dict.fromkeys(("Creating", "Disabled", "PendingDeletion", "PendingImport"), False),
            **dict.fromkeys(("PendingReplicaDeletion", "Unavailable"), False),
        },
        unknown=False,
    ),
    Enumeration(
        service="s3",
        shape="ChecksumType",
        rule=checksum_verifies,
        decisions={"FULL_OBJECT": True, "COMPOSITE": False},
        unknown=False,
    ),
    Enumeration(
        service="s3",
        shape="ChecksumAlgorithm",
        rule=algorithm_verifies,
        decisions=CRC | OTHER_CHECKSUMS,
        unknown="size",
    ),
    Enumeration(
        service="ecr",
        shape="LayerAvailability",
        rule=layer_is_copied,
        decisions={"AVAILABLE": False, "UNAVAILABLE": True, "ARCHIVED": True},
        unknown=True,
    ),
    Enumeration(
        service="ecr",
        shape="LayerFailureCode",
        rule=layer_with_failure_is_copied,
        decisions={"InvalidLayerDigest": True, "MissingLayerDigest": True},
        unknown=True,
    ),
    Enumeration(
        service="ecr",
        shape="ImageFailureCode",
        rule=image_is,
        decisions={
            "ImageNotFound": None,
            **dict.fromkeys(("UpstreamTooManyRequests", "UpstreamUnavailable"), "ServiceUnavailable"),
            **dict.fromkeys(("InvalidImageDigest", "InvalidImageTag", "ImageTagDoesNotMatchDigest"), "CallRefused"),
            **dict.fromkeys(("MissingDigestAndTag", "ImageReferencedByManifestList", "KmsError"), "CallRefused"),
            **dict.fromkeys(("UpstreamAccessDenied", "ImageInaccessible"), "CallRefused"),
        },
        unknown="CallRefused",
    ),
    Enumeration(
        service="stepfunctions",
        shape="ExecutionStatus",
        rule=holds_the_lock,
        decisions={"RUNNING": True, "PENDING_REDRIVE": True, **dict.fromkeys(ENDED, False)},
        unknown=True,
    ),
    Enumeration(
        service="stepfunctions",
        shape="ExecutionStatus",
        rule=is_cleaned_up,
        decisions={
            **dict.fromkeys(("RUNNING", "PENDING_REDRIVE", "SUCCEEDED"), False),
            **dict.fromkeys(ENDED - {"SUCCEEDED"}, True),
        },
        unknown=False,
    ),
    Enumeration(
        service="stepfunctions",
        shape="HistoryEventType",
        beginning="Execution",
        rule=history_has_ended,
        decisions={
            **dict.fromkeys(("ExecutionStarted", "ExecutionRedriven"), False),
            **dict.fromkeys(("ExecutionSucceeded", "ExecutionFailed"), True),
            **dict.fromkeys(("ExecutionAborted", "ExecutionTimedOut"), True),
        },
        unknown=False,
    ),
    Enumeration(
        service="application-autoscaling",
        shape="PolicyType",
        rule=alarms_are_kept,
        # Predictive scaling has no alarms, and is not for variants.
        decisions={"StepScaling": True, "TargetTrackingScaling": False, "PredictiveScaling": True},
        unknown=True,
    ),
    Enumeration(
        service="application-autoscaling",
        shape="ScalableDimension",
        beginning="sagemaker:",
        rule=scales,
        # The copies of an inference component are no resource of a variant, so they are never suspended.
        decisions={
            INSTANCES: ["instances"],
            CONCURRENCY: ["provisioned"],
            "sagemaker:inference-component:DesiredCopyCount": ["instances"],
        },
        unknown=["instances"],
    ),
    Enumeration(
        service="cloudwatch",
        shape="StateValue",
        rule=alarm_lets_deploy,
        decisions={"OK": True, "INSUFFICIENT_DATA": True, "ALARM": False},
        unknown=False,
    ),
    Enumeration(
        service="cloudwatch",
        shape="AlarmType",
        rule=alarm_is_looked_for,
        # A log alarm is not known to roll an update back (API: AutoRollbackConfig: "configured to monitor metrics").
        decisions={"MetricAlarm": True, "CompositeAlarm": True, "LogAlarm": False},
        unknown=False,
    ),
    Enumeration(
        service="iam",
        shape="PolicyEvaluationDecisionType",
        rule=simulation_is,
        decisions={"allowed": "NoneType", "explicitDeny": "Finding", "implicitDeny": "Finding"},
        unknown="Inconclusive",
    ),
    Enumeration(
        service="sagemaker",
        shape="ContainerMode",
        rule=lambda mode: container_is_refused(Mode=mode),
        decisions={"SingleModel": False, "MultiModel": False},
        unknown=True,
    ),
    Enumeration(
        service="sagemaker",
        shape="RepositoryAccessMode",
        rule=lambda mode: container_is_refused(ImageConfig={"RepositoryAccessMode": mode}),
        decisions={"Platform": False, "Vpc": False},
        unknown=True,
    ),
    Enumeration(
        service="sagemaker",
        shape="S3ModelDataType",
        rule=lambda kind: data_source_is_refused(S3DataType=kind),
        decisions={"S3Prefix": False, "S3Object": False},
        unknown=True,
    ),
    Enumeration(
        service="sagemaker",
        shape="ModelCompressionType",
        rule=lambda kind: data_source_is_refused(CompressionType=kind),
        decisions={"None": False, "Gzip": False},
        unknown=True,
    ),
    Enumeration(
        service="sagemaker",
        shape="VariantPropertyType",
        rule=is_retained,
        decisions=dict.fromkeys(("DesiredInstanceCount", "DesiredWeight", "DataCaptureConfig"), False),
        unknown=True,
    ),
    Enumeration(
        service="sagemaker",
        shape="EndpointStatus",
        rule=preview_is,
        decisions={
            **IN_PROGRESS,
            "InService": "InService",
            **dict.fromkeys(("Failed", "OutOfService", "UpdateRollbackFailed"), "PreviewFailed"),
        },
        unknown="PreviewFailed",
    ),
    Enumeration(
        service="sagemaker",
        shape="EndpointStatus",
        rule=preview_is_deleted,
        decisions={
            **dict.fromkeys(IN_PROGRESS, False),
            **dict.fromkeys(("InService", "Failed", "OutOfService", "UpdateRollbackFailed"), True),
        },
        unknown=True,
    ),
]


def title(enumeration: Enumeration) -> str:
    return f"{enumeration.shape}-{enumeration.rule.__name__}"


@pytest.mark.parametrize("enumeration", ENUMERATIONS, ids=title)
def test_each_value_of_the_api_is_decided(enumeration: Enumeration) -> None:
    assert enumeration.values == set(enumeration.decisions)
    assert {value: enumeration.rule(value) for value in enumeration.decisions} == enumeration.decisions


@pytest.mark.parametrize("enumeration", ENUMERATIONS, ids=title)
def test_a_value_that_aws_adds_leads_to_the_cautious_outcome(enumeration: Enumeration) -> None:
    assert enumeration.rule(f"{enumeration.beginning}BrandNew") == enumeration.unknown
