"""docs/policies/*.json and docs/reference/policies.md: ready IAM policies for people and pipelines.

Names come from where the stacks have them. A statement's reason is one sentence of the page.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from docs.generate.markdown import code, header, table
from lambdas.promotion.contract import resource_names

FOLDER = Path(__file__).parents[1] / "policies"
_REGION, _HUB, _ACCOUNT, _ENVIRONMENT = "${Region}", "${HubAccount}", "${Account}", "${Environment}"
# What `cdk bootstrap` calls its roles, unless it was given another qualifier.
_BOOTSTRAP_ROLES = ("deploy", "file-publishing", "lookup")
_INTRODUCTION = (
    "The documents are in [docs/policies](../policies). Replace their placeholders, for example with "
    "`Region=us-east-1 HubAccount=111111111111 envsubst < docs/policies/on-call-hub.json`: `${Region}` is that of the "
    "account to which the policy is attached, `${Environment}` a name in `promotion.yaml`. The policies of the on-call "
    "allow what the runbooks read and change nothing, not even a promotion; what a runbook changes (`update-endpoint`, "
    "`delete-endpoint`, a start) is for another role. Of a model's content they show the container's log. A principal "
    "that may assume CDK's deploy role has what its CloudFormation role has, which is by default everything in that "
    "account. `cdk bootstrap` itself needs an administrator."
)


@dataclass(frozen=True)
class Statement:
    """What is allowed, and why. `conditions`: as in a policy."""

    sid: str
    why: str
    actions: Sequence[str]
    resources: Sequence[str]
    conditions: Mapping[str, Any] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        condition = {"Condition": self.conditions} if self.conditions else {}
        return {
            "Sid": self.sid,
            "Effect": "Allow",
            "Action": list(self.actions),
            "Resource": list(self.resources),
            **condition,
        }


@dataclass(frozen=True)
class Policy:
    """A document: its file, and the principal that it is for."""

    name: str
    principal: str
    statements: Sequence[Statement]

    def document(self) -> dict[str, Any]:
        return {"Version": "2012-10-17", "Statement": [statement.document() for statement in self.statements]}


def policies() -> tuple[Policy, ...]:
    """Return every policy."""
    return (
        Policy("on-call-hub", "The on-call, in the hub account", _on_call_in_hub()),
        Policy("on-call-environment", "The on-call, in the account of each environment", _on_call_in_environment()),
        Policy("deploy", "Who deploys a stack, for each account and Region", _deploy()),
    )


def files() -> dict[Path, str]:
    """Return the text of each document by its file."""
    return {FOLDER / f"{policy.name}.json": json.dumps(policy.document(), indent=2) + "\n" for policy in policies()}


def render() -> str:
    """Return the page."""
    text = header("Ready policies", __name__, _INTRODUCTION)
    for policy in policies():
        rows = [(f"`{item.sid}`", code(item.actions), code(item.resources), item.why) for item in policy.statements]
        text += f"\n## {policy.name}\n\n{policy.principal}: [document](../policies/{policy.name}.json).\n\n"
        text += table(("Sid", "actions", "resources", "why"), rows)
    return text


def _arn(service: str, resource: str, account: str = _HUB, region: str = _REGION) -> str:
    return f"arn:aws:{service}:{region}:{account}:{resource}"


def _on_call_in_hub() -> tuple[Statement, ...]:
    machine = resource_names.STATE_MACHINE
    tables = (resource_names.RECORDS_TABLE, resource_names.ENDPOINTS_TABLE)
    bucket = resource_names.hub_bucket(_HUB, _REGION)
    through = [f"{service}.{_REGION}.amazonaws.com" for service in ("dynamodb", "s3")]
    logs = _arn("logs", f"log-group:/aws/lambda/{resource_names.PRODUCT}-*")
    return (
        Statement(
            "ReadRecordsAndLocks",
            "How promotions ended, and which one holds an endpoint's lock.",
            ("dynamodb:Query", "dynamodb:Scan"),
            [_arn("dynamodb", f"table/{name}") for name in tables],
        ),
        Statement(
            "ReadWorkLists",
            "Suspended scaling, and how far a copy is.",
            ("s3:GetObject",),
            [f"arn:aws:s3:::{bucket}/{resource_names.WORK_LISTS_PREFIX}/*"],
        ),
        Statement(
            "Decrypt",
            "Tables and bucket are encrypted with the hub's key, which is used by its reader.",
            ("kms:Decrypt", "kms:DescribeKey"),
            [_arn("kms", "key/*")],
            {"StringEquals": {"kms:ViaService": through}},
        ),
        Statement(
            "FollowExecutions",
            "What an execution does now, in the console too, with its copies by Distributed Map.",
            ("states:DescribeExecution", "states:GetExecutionHistory", "states:ListMapRuns", "states:DescribeMapRun"),
            [
                _arn("states", f"execution:{machine}:*"),
                _arn("states", f"execution:{machine}/*"),
                _arn("states", f"mapRun:{machine}/*"),
            ],
        ),
        Statement(
            "ListExecutions",
            "The console's page of the state machine.",
            ("states:DescribeStateMachine", "states:ListExecutions"),
            [_arn("states", f"stateMachine:{machine}"), _arn("states", f"mapRun:{machine}/*")],
        ),
        Statement(
            "ReadLogs",
            "A step's log, and one promotion in the logs of all steps.",
            ("logs:FilterLogEvents", "logs:StartQuery"),
            [logs, f"{logs}:*"],
        ),
        Statement(
            "ReadQueries",
            "Lists and figures of the account and Region: IAM narrows them to no resource, or the console needs all.",
            ("logs:DescribeLogGroups", "logs:GetQueryResults", "cloudwatch:DescribeAlarms", "cloudwatch:GetMetricData"),
            ["*"],
        ),
        Statement(
            "ReadDashboard",
            "The dashboard.",
            ("cloudwatch:GetDashboard",),
            [_arn("cloudwatch", f"dashboard/{resource_names.PRODUCT}", region="")],
        ),
        Statement(
            "ReadUndeliveredEvents",
            "The queue's name is random: it is looked up in the stack. What was read is hidden for 30 seconds.",
            ("sqs:ReceiveMessage", "cloudformation:ListStackResources"),
            [
                _arn("sqs", f"{resource_names.hub_stack()}-*"),
                _arn("cloudformation", f"stack/{resource_names.hub_stack()}/*"),
            ],
        ),
    )


def _on_call_in_environment() -> tuple[Statement, ...]:
    stack = resource_names.environment_stack(_ENVIRONMENT)
    bucket = f"arn:aws:s3:::{resource_names.artifact_bucket(_ENVIRONMENT, _ACCOUNT, _REGION)}"

    def arn(service: str, resource: str, region: str = _REGION) -> str:
        return _arn(service, resource, _ACCOUNT, region)

    logs = arn("logs", "log-group:/aws/sagemaker/Endpoints/*")
    return (
        Statement(
            "ReadEndpoints",
            "What serves now, and which promotion made a live model (its tags).",
            ("sagemaker:DescribeEndpoint", "sagemaker:ListTags"),
            [arn("sagemaker", "endpoint/*"), arn("sagemaker", "model/*")],
        ),
        Statement(
            "List",
            "Lists of the account and Region: IAM narrows them to no resource, or the commands need all.",
            (
                *("sagemaker:ListEndpoints", "sagemaker:ListModels", "sagemaker:ListModelPackages"),
                "application-autoscaling:DescribeScalingPolicies",
                "application-autoscaling:DescribeScheduledActions",
                *("servicequotas:ListServiceQuotas", "cloudtrail:LookupEvents"),
                "cloudformation:DescribeStackDriftDetectionStatus",
                "cloudformation:BatchDescribeTypeConfigurations",
            ),
            ["*"],
        ),
        Statement("ReadModelLogs", "Why a container fails.", ("logs:FilterLogEvents",), [logs, f"{logs}:*"]),
        Statement(
            "ReadTrails",
            "Whether access to artifacts is recorded.",
            ("cloudtrail:GetEventSelectors",),
            [arn("cloudtrail", "trail/*")],
        ),
        Statement(
            "ReadImages",
            "Whether an image exists, and who may pull it.",
            ("ecr:DescribeImages", "ecr:GetRepositoryPolicy"),
            [arn("ecr", "repository/*")],
        ),
        Statement(
            "ReadOpenUploads", "Uploads that a stopped copy left open.", ("s3:ListBucketMultipartUploads",), [bucket]
        ),
        Statement(
            "DetectDrift",
            "Whether roles, bucket or key were changed by hand.",
            (
                *("cloudformation:DetectStackDrift", "cloudformation:DetectStackResourceDrift"),
                "cloudformation:DescribeStackResourceDrifts",
            ),
            [arn("cloudformation", f"stack/{stack}/*")],
        ),
        Statement(
            "ReadDriftingRoles",
            "CloudFormation detects drift with the permissions of its caller (User Guide, drift detection).",
            ("iam:GetRole", "iam:GetRolePolicy", "iam:ListAttachedRolePolicies", "iam:ListRolePolicies"),
            [arn("iam", f"role/{stack}-*", region="")],
        ),
        Statement(
            "ReadDriftingBucket",
            "The same, for the bucket's configuration; none of its objects can be read.",
            (
                *("s3:GetAccelerateConfiguration", "s3:GetAnalyticsConfiguration", "s3:GetBucket*"),
                *("s3:GetEncryptionConfiguration", "s3:GetIntelligentTieringConfiguration"),
                *("s3:GetInventoryConfiguration", "s3:GetLifecycleConfiguration", "s3:GetMetricsConfiguration"),
                "s3:GetReplicationConfiguration",
            ),
            [bucket],
        ),
        Statement(
            "ReadDriftingKey",
            "The same, for the key; nothing can be decrypted.",
            ("kms:DescribeKey", "kms:GetKeyPolicy", "kms:GetKeyRotationStatus", "kms:ListResourceTags"),
            [arn("kms", "key/*")],
            {"ForAnyValue:StringEquals": {"kms:ResourceAliases": resource_names.artifact_key_alias(_ENVIRONMENT)}},
        ),
    )


def _deploy() -> tuple[Statement, ...]:
    return (
        Statement(
            "AssumeBootstrapRoles",
            "CDK's CLI does everything as one of them, also what it reads.",
            ("sts:AssumeRole",),
            [
                f"arn:aws:iam::{_ACCOUNT}:role/cdk-hnb659fds-{role}-role-{_ACCOUNT}-{_REGION}"
                for role in _BOOTSTRAP_ROLES
            ],
        ),
    )
