"""docs/policies: the on-call may call what its pages read, and change nothing; who deploys may deploy.

The sandbox's IAM decides.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from ministack.core import iam_evaluator

from docs.generate import policies
from docs.generate.example_templates import Template
from lambdas.promotion.contract import resource_names
from tests import PROJECT
from tests.docs import aws_commands, pages
from tests.docs.aws_commands import ACCOUNT, ENVIRONMENT, HUB, REGION, Command
from tests.stacks.synthesis import app_templates

VALUES = {"Region": REGION, "HubAccount": HUB, "Account": ACCOUNT, "Environment": ENVIRONMENT}
COMMANDS = tuple(aws_commands.commands())
# What reads has one of these names, and IAM's access level List or Read (AWS: service authorization reference).
READS = re.compile(r"(Get|List|Describe|Lookup|FilterLogEvents|Query|Scan|ReceiveMessage|DetectStack|BatchDescribe)")
# Decrypt has the access level Write, and decrypts what the reader may read. StartQuery has Read.
READ_BY_ANOTHER_NAME = {"kms:Decrypt", "logs:StartQuery"}
# What the on-call reads without a command: in the console, as docs/operations.md says under Watch.
IN_CONSOLE = {
    *("states:GetExecutionHistory", "states:DescribeStateMachine", "states:ListExecutions"),
    *("logs:FilterLogEvents", "logs:StartQuery", "logs:GetQueryResults", "logs:DescribeLogGroups"),
    *("cloudwatch:DescribeAlarms", "cloudwatch:GetMetricData", "cloudwatch:GetDashboard", "sagemaker:ListTags"),
}
# What services do with the permissions of who calls them: reading a table or an object, and detecting drift.
ON_BEHALF = {"Decrypt", "ReadDriftingRoles", "ReadDriftingBucket", "ReadDriftingKey"}
ALSO_FOR_DRIFT = {"cloudformation:DetectStackResourceDrift", "cloudformation:BatchDescribeTypeConfigurations"}
_MACHINE = f"arn:aws:states:{REGION}:{HUB}:stateMachine:promote"
_ENDPOINT = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:endpoint/text-classifier-qa"
_ARTIFACTS = f"arn:aws:s3:::promote-qa-{ACCOUNT}-{REGION}"
DANGEROUS = (
    ("states:StartExecution", _MACHINE),
    ("states:StopExecution", f"arn:aws:states:{REGION}:{HUB}:execution:promote:NAME"),
    ("states:RedriveExecution", f"arn:aws:states:{REGION}:{HUB}:execution:promote:NAME"),
    ("states:UpdateStateMachine", _MACHINE),
    ("sagemaker:UpdateEndpoint", _ENDPOINT),
    ("sagemaker:DeleteEndpoint", _ENDPOINT),
    ("sagemaker:InvokeEndpoint", _ENDPOINT),
    ("sagemaker:DescribeModel", f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:model/text-classifier-qa-1"),
    ("s3:GetObject", f"{_ARTIFACTS}/artifacts/text-classifier/qa/1/model.tar.gz"),
    ("s3:PutObject", f"{_ARTIFACTS}/artifacts/text-classifier/qa/1/code/inference.py"),
    ("s3:PutObject", f"arn:aws:s3:::promote-hub-{HUB}-{REGION}/promotions/NAME/copy-status.jsonl"),
    ("s3:PutBucketPolicy", _ARTIFACTS),
    ("kms:Decrypt", f"arn:aws:kms:{REGION}:{ACCOUNT}:key/0d1c2b3a"),
    ("kms:Decrypt", f"arn:aws:kms:{REGION}:{HUB}:key/0d1c2b3a"),
    ("kms:PutKeyPolicy", f"arn:aws:kms:{REGION}:{ACCOUNT}:key/0d1c2b3a"),
    ("dynamodb:PutItem", f"arn:aws:dynamodb:{REGION}:{HUB}:table/promote-records"),
    ("dynamodb:UpdateItem", f"arn:aws:dynamodb:{REGION}:{HUB}:table/promote-endpoints"),
    ("dynamodb:Scan", f"arn:aws:dynamodb:{REGION}:{HUB}:table/payroll"),
    ("lambda:InvokeFunction", f"arn:aws:lambda:{REGION}:{HUB}:function:promote-clean-up-aborted"),
    ("lambda:UpdateFunctionCode", f"arn:aws:lambda:{REGION}:{HUB}:function:promote-deploy"),
    ("lambda:GetFunction", f"arn:aws:lambda:{REGION}:{HUB}:function:promote-deploy"),
    ("iam:PassRole", f"arn:aws:iam::{ACCOUNT}:role/promote-qa-execution"),
    ("iam:UpdateAssumeRolePolicy", f"arn:aws:iam::{ACCOUNT}:role/promote-qa-deployer"),
    ("sts:AssumeRole", f"arn:aws:iam::{ACCOUNT}:role/promote-qa-deployer"),
    ("sts:AssumeRole", f"arn:aws:iam::{ACCOUNT}:role/cdk-hnb659fds-deploy-role-{ACCOUNT}-{REGION}"),
    ("ecr:SetRepositoryPolicy", f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/promote/ours"),
    ("sqs:DeleteMessage", f"arn:aws:sqs:{REGION}:{HUB}:promote-hub-UndeliveredEvents"),
    ("sqs:ReceiveMessage", f"arn:aws:sqs:{REGION}:{HUB}:orders"),
    ("logs:FilterLogEvents", f"arn:aws:logs:{REGION}:{HUB}:log-group:/aws/lambda/payroll:*"),
    ("cloudformation:DeleteStack", f"arn:aws:cloudformation:{REGION}:{HUB}:stack/promote-hub/0d1c2b3a"),
    ("cloudformation:UpdateTerminationProtection", f"arn:aws:cloudformation:{REGION}:{HUB}:stack/promote-hub/0d1c2b3a"),
    ("application-autoscaling:DeregisterScalableTarget", "*"),
    ("cloudwatch:SetAlarmState", f"arn:aws:cloudwatch:{REGION}:{HUB}:alarm:promote-errors"),
    ("sns:Publish", f"arn:aws:sns:{REGION}:{HUB}:promote-outcomes"),
)


def document(name: str) -> dict[str, Any]:
    """A policy as it is attached: with values for its placeholders."""
    text = (policies.FOLDER / f"{name}.json").read_text()
    for placeholder, value in VALUES.items():
        text = text.replace(f"${{{placeholder}}}", value)
    assert "${" not in text
    parsed: dict[str, Any] = json.loads(text)
    return parsed


def allows(name: str, action: str, resource: str, context: Mapping[str, str] | None = None) -> bool:
    """Whether IAM allows a call with this policy and no other."""
    request = iam_evaluator.EvalContext(
        principal_arn=f"arn:aws:iam::{ACCOUNT}:role/on-call",
        principal_type="AssumedRole",
        principal_account=ACCOUNT,
        action=action,
        resource_arn=resource,
        region=REGION,
        service_context={key.lower(): value for key, value in (context or {}).items()},
    )
    statements = iam_evaluator.parse_policy_document(document(name))
    return bool(iam_evaluator.evaluate(request, [statements]).decision == "Allow")


def actions_of(name: str) -> dict[str, set[str]]:
    """The actions of each statement by its Sid."""
    return {statement["Sid"]: set(statement["Action"]) for statement in document(name)["Statement"]}


def is_read(action: str) -> bool:
    return bool(READS.match(action.partition(":")[2])) or action in READ_BY_ANOTHER_NAME


def policy_of(command: Command) -> str:
    return "on-call-hub" if command.in_hub else "on-call-environment"


def title(command: Command) -> str:
    return f"{command.page}: {command.text[:60]}"


def test_no_document_is_stale() -> None:
    assert {file: file.read_text() for file in policies.files()} == policies.files(), "run python -m docs.generate"


@pytest.mark.parametrize("page", [page.name for page in aws_commands.PAGES])
def test_every_command_of_a_page_is_read(page: str) -> None:
    """A command that the walk overlooks would be checked by nothing."""
    text = pages.text_of(page) if page == "operations.md" else pages.text_of(f"runbooks/{page}")
    assert len([command for command in COMMANDS if command.page == page]) == len(
        re.findall(r"(?<![\w:./-])aws (?=[a-z0-9]+(?:-[a-z]+)*\s[a-z])", text)
    )


@pytest.mark.parametrize("command", [item for item in COMMANDS if is_read(item.action)], ids=title)
def test_the_on_call_may_call_what_a_page_reads(command: Command) -> None:
    assert allows(policy_of(command), command.action, command.resource)


@pytest.mark.parametrize("command", [item for item in COMMANDS if not is_read(item.action)], ids=title)
@pytest.mark.parametrize("name", ["on-call-hub", "on-call-environment"])
def test_the_on_call_may_not_call_what_a_page_changes(command: Command, name: str) -> None:
    assert not allows(name, command.action, command.resource)


@pytest.mark.parametrize("name", ["on-call-hub", "on-call-environment"])
def test_the_on_call_s_policies_have_reading_actions_only(name: str) -> None:
    assert [action for actions in actions_of(name).values() for action in actions if not is_read(action)] == []


@pytest.mark.parametrize("name", ["on-call-hub", "on-call-environment"])
def test_every_action_of_the_on_call_is_needed(name: str) -> None:
    commanded = {command.action for command in COMMANDS if policy_of(command) == name}
    needed = commanded | IN_CONSOLE | ALSO_FOR_DRIFT
    unneeded = {sid: actions - needed for sid, actions in actions_of(name).items() if sid not in ON_BEHALF}
    assert {sid: actions for sid, actions in unneeded.items() if actions} == {}


@pytest.mark.parametrize(("action", "resource"), DANGEROUS)
@pytest.mark.parametrize("name", ["on-call-hub", "on-call-environment"])
def test_the_on_call_may_do_nothing_dangerous(name: str, action: str, resource: str) -> None:
    assert not allows(name, action, resource)


def test_the_on_call_decrypts_through_tables_and_bucket_only() -> None:
    key = f"arn:aws:kms:{REGION}:{HUB}:key/0d1c2b3a"
    through = {
        service: {"kms:ViaService": f"{service}.{REGION}.amazonaws.com"} for service in ("dynamodb", "s3", "sns")
    }
    assert allows("on-call-hub", "kms:Decrypt", key, through["dynamodb"])
    assert allows("on-call-hub", "kms:Decrypt", key, through["s3"])
    assert not allows("on-call-hub", "kms:Decrypt", key, through["sns"])


def test_the_hub_s_tables_and_logs_of_the_templates_can_be_read(templates: dict[str, Template]) -> None:
    resources = templates[resource_names.hub_stack()]["Resources"].values()
    names = {
        kind: [item["Properties"][name] for item in resources if item["Type"] == kind]
        for kind, name in (("AWS::DynamoDB::Table", "TableName"), ("AWS::Logs::LogGroup", "LogGroupName"))
    }
    for table in names["AWS::DynamoDB::Table"]:
        assert allows("on-call-hub", "dynamodb:Query", f"arn:aws:dynamodb:{REGION}:{HUB}:table/{table}")
    functions = [name for name in names["AWS::Logs::LogGroup"] if name.startswith("/aws/lambda/")]
    assert len(functions) > 15
    for group in functions:
        assert allows("on-call-hub", "logs:StartQuery", f"arn:aws:logs:{REGION}:{HUB}:log-group:{group}:*")


def test_who_deploys_may_assume_the_roles_that_cdk_assumes_and_no_other(tmp_path: Path) -> None:
    app_templates(tmp_path, PROJECT / "promotion.yaml")
    texts = "".join(file.read_text() for file in tmp_path.glob("*.json"))
    named = set(re.findall(rf"arn:[^\"]+:iam::{ACCOUNT}:role/(cdk-[\w-]+)", texts))
    # CloudFormation assumes this one, to which CDK's deploy role passes it.
    passed = f"cdk-hnb659fds-cfn-exec-role-{ACCOUNT}-{REGION}"
    assert passed in named
    assert len(named) == 4  # and those to deploy, to publish files, to look up
    for role in named | {"promote-qa-deployer", "promote-qa-copier", "Administrator"}:
        is_assumed = role in named - {passed}
        assert allows("deploy", "sts:AssumeRole", f"arn:aws:iam::{ACCOUNT}:role/{role}") == is_assumed, role
    assert actions_of("deploy") == {"AssumeBootstrapRoles": {"sts:AssumeRole"}}
