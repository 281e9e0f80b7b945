"""No template exceeds a limit of AWS: each is measured, on what CloudFormation gets, and told with its remedy."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_iam as iam

import app as promote
from recordings import store
from stacks.limits import measures, references, table
from stacks.limits.check import LimitExceeded, require_within_limits
from stacks.limits.references import Resolver
from stacks.limits.table import Limit
from tests.stacks.synthesis import Template, demo_configuration, environment_templates

ACCOUNT, REGION = "111111111111", "eu-west-1"


def limits() -> list[Limit]:
    own = [value for value in vars(table).values() if isinstance(value, Limit)]
    return own + [limit for _, limit in table.NAMES.values()]


def document(characters: int) -> dict[str, Any]:
    """A policy document that has so many without white space."""
    empty = {"Statement": [{"Sid": ""}]}
    size = len(json.dumps(empty, separators=(",", ":")))
    return {"Statement": [{"Sid": "x" * (characters - size)}]}


def resource(kind: str, **properties: Any) -> dict[str, Any]:
    return {"Resources": {"It": {"Type": kind, "Properties": properties}}}


def several(kind: str, count: int, **properties: Any) -> dict[str, Any]:
    return {"Resources": {f"It{number}": {"Type": kind, "Properties": properties} for number in range(count)}}


def attached(kind: str, *documents: dict[str, Any]) -> dict[str, Any]:
    role = {"Type": "AWS::IAM::Role", "Properties": {"RoleName": "promote-it"}}
    policies = {
        f"Policy{number}": {"Type": kind, "Properties": {"PolicyDocument": policy, "Roles": [{"Ref": "Role"}]}}
        for number, policy in enumerate(documents)
    }
    return {"Resources": {"Role": role} | policies}


def dashboard(body: Any) -> dict[str, Any]:
    return resource("AWS::CloudWatch::Dashboard", DashboardBody=body if isinstance(body, str) else json.dumps(body))


def rule(**properties: Any) -> dict[str, Any]:
    return resource("AWS::Events::Rule", **properties)


def sized(limit: Limit, size: int) -> dict[str, Any]:
    """A template in which what the limit is for has this size."""
    text = "x" * size
    cases: dict[Limit, Any] = {
        table.INLINE_POLICIES: lambda: attached("AWS::IAM::Policy", document(5_000), document(size - 5_000)),
        table.MANAGED_POLICY: lambda: attached("AWS::IAM::ManagedPolicy", document(size)),
        table.MANAGED_POLICIES: lambda: attached("AWS::IAM::ManagedPolicy", *[document(100)] * size),
        table.TRUST_POLICY: lambda: resource("AWS::IAM::Role", AssumeRolePolicyDocument=document(size)),
        table.ROLE_DESCRIPTION: lambda: resource("AWS::IAM::Role", Description=text),
        table.BUCKET_POLICY: lambda: resource("AWS::S3::BucketPolicy", PolicyDocument=document(size)),
        table.KEY_POLICY: lambda: resource("AWS::KMS::Key", KeyPolicy=document(size)),
        table.TOPIC_POLICY: lambda: resource("AWS::SNS::TopicPolicy", PolicyDocument=document(size)),
        table.QUEUE_STATEMENTS: lambda: resource(
            "AWS::SQS::QueuePolicy", PolicyDocument={"Statement": [{"Sid": "x"}] * size}
        ),
        table.LOG_POLICY: lambda: resource("AWS::Logs::ResourcePolicy", PolicyDocument=text),
        table.BUS_POLICY: lambda: resource("AWS::Events::EventBusPolicy", Statement=document(size)),
        table.EVENT_PATTERN: lambda: rule(EventPattern=document(size)),
        table.RULES: lambda: several("AWS::Events::Rule", size),
        table.RULE_TARGETS: lambda: rule(Targets=[{}] * size),
        table.INPUT_TEMPLATE: lambda: rule(Targets=[{"InputTransformer": {"InputTemplate": text}}]),
        table.DEFINITION: lambda: resource(
            "AWS::StepFunctions::StateMachine", DefinitionString={"Fn::Join": ["", [text[1:], "x"]]}
        ),
        table.ALIASES: lambda: several("AWS::StepFunctions::StateMachineAlias", size),
        table.VARIABLES: lambda: resource("AWS::Lambda::Function", Environment={"Variables": {"A": text[1:]}}),
        table.FUNCTION_DESCRIPTION: lambda: resource("AWS::Lambda::Function", Description=text),
        table.ALARM_DESCRIPTION: lambda: resource("AWS::CloudWatch::Alarm", AlarmDescription=text),
        table.ALARM_ACTIONS: lambda: resource("AWS::CloudWatch::Alarm", AlarmActions=["x"] * size),
        table.DASHBOARD: lambda: dashboard(json.dumps({"widgets": []}) + " " * (size - len('{"widgets": []}'))),
        table.DASHBOARD_METRICS: lambda: dashboard({"widgets": [{"properties": {"metrics": [[]] * size}}]}),
        table.PARAMETER: lambda: resource("AWS::SSM::Parameter", Value=text),
        table.ADVANCED_PARAMETER: lambda: resource("AWS::SSM::Parameter", Tier="Advanced", Value=text),
        table.FILTER_POLICY: lambda: resource("AWS::SNS::Subscription", FilterPolicy=document(size)),
        table.TAGS: lambda: resource("AWS::SQS::Queue", Tags=[{}] * size),
        table.RESOURCES: lambda: several("AWS::SQS::Queue", size),
        table.OUTPUTS: lambda: {"Outputs": {str(number): {} for number in range(size)}},
        table.PARAMETERS: lambda: {"Parameters": {str(number): {} for number in range(size)}},
        table.MAPPINGS: lambda: {"Mappings": {str(number): {} for number in range(size)}},
        table.MAPPING_ATTRIBUTES: lambda: {"Mappings": {"It": {"key": dict.fromkeys(map(str, range(size)), "x")}}},
        table.DESCRIPTION: lambda: {"Description": text},
        table.LOGICAL_ID: lambda: {"Resources": {text: {"Type": "AWS::SQS::Queue"}}},
    }
    for kind, (named_by, named) in table.NAMES.items():
        cases[named] = lambda kind=kind, named_by=named_by: resource(kind, **{named_by: text})
    if limit == table.TEMPLATE:
        return {"Metadata": "x" * (size - len(json.dumps({"Metadata": ""}, indent=1)))}
    template: dict[str, Any] = cases[limit]()
    return template


def assembly(folder: Path, template: Template, *, stack: str = "promote-qa") -> Path:
    (folder / "it.template.json").write_text(json.dumps(template))
    artifact = {
        "type": "aws:cloudformation:stack",
        "environment": f"aws://{ACCOUNT}/{REGION}",
        "properties": {"templateFile": "it.template.json"},
    }
    (folder / "manifest.json").write_text(json.dumps({"artifacts": {stack: artifact}}))
    return folder


# Of several permissions a function's policy is estimated, and a stack's name is no part of its template.
OTHERS = {table.FUNCTION_POLICY, table.STACK_NAME}
# As large as a template, which exceeds its own limit then.
LARGE = {table.DEFINITION, table.DASHBOARD}


@pytest.mark.parametrize("limit", [limit for limit in limits() if limit not in OTHERS], ids=lambda limit: limit.what)
def test_what_is_larger_than_a_limit_is_refused_with_its_remedy(limit: Limit, tmp_path: Path) -> None:
    if limit not in LARGE:
        require_within_limits(assembly(tmp_path, sized(limit, limit.most)))
    with pytest.raises(LimitExceeded) as refused:
        require_within_limits(assembly(tmp_path, sized(limit, limit.most + 1)))
    (line,) = [line for line in str(refused.value).splitlines() if limit.what in line]
    assert f"promote-qa: {limit.what} may have {limit.most:,} {limit.unit} ({limit.source}), and " in line
    assert f"has {limit.most + 1:,}. {limit.remedy}." in line


def test_a_name_of_a_stack_and_a_policy_of_a_function_are_measured(tmp_path: Path) -> None:
    permission = {"Action": "lambda:InvokeFunction", "FunctionName": "it", "SourceArn": "x" * 200}
    template = several("AWS::Lambda::Permission", 60, **permission)
    with pytest.raises(LimitExceeded) as refused:
        require_within_limits(assembly(tmp_path, template, stack="x" * 129))
    assert str(refused.value).startswith("What would be deployed exceeds 2 limits of AWS:\n")
    for limit in OTHERS:
        assert limit.what in str(refused.value)


def test_iam_names_these_limits() -> None:
    """By the refusals that others recorded."""
    for key, limit in (
        ("iam/PolicyLimits/trust-policy-too-large", table.TRUST_POLICY),
        ("iam/PolicyLimits/inline-policies-too-large", table.INLINE_POLICIES),
    ):
        assert str(limit.most) in store.recording(key).error["message"]


@pytest.mark.parametrize(
    ("reference", "text"),
    [
        ({"Ref": "AWS::Partition"}, "aws"),
        ({"Ref": "Named"}, "promote-it"),
        ({"Fn::GetAtt": ["Named", "Arn"]}, f"arn:aws:iam::{ACCOUNT}:role/promote-it"),
        ({"Fn::GetAtt": "Named.Arn"}, f"arn:aws:iam::{ACCOUNT}:role/promote-it"),
        ({"Fn::Sub": "${Named}@${AWS::Region}${!x}"}, f"promote-it@{REGION}${{x}}"),
        (
            {"Fn::Sub": ["${Named.Arn}${A}", {"A": {"Ref": "Key"}}]},
            f"arn:aws:iam::{ACCOUNT}:role/promote-it" + "0" * 36,
        ),
        ({"Fn::Join": ["-", ["a", {"Ref": "AWS::AccountId"}]]}, f"a-{ACCOUNT}"),
        ({"Fn::Select": [4, {"Fn::Split": [":", {"Fn::GetAtt": ["Named", "Arn"]}]}]}, ACCOUNT),
        ({"Fn::If": ["Condition", "a", "abc"]}, "abc"),
        ({"Ref": "Topic"}, f"arn:aws:sns:{REGION}:{ACCOUNT}:promote-Topic{'X' * 14}"),
        ({"Ref": "Long"}, f"promote-{'Long' * 20}"[:64]),
        ({"Ref": "Version"}, f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:promote-f:{'9' * 10}"),
    ],
)
def test_a_reference_counts_as_the_longest_text_that_it_can_become(reference: dict[str, Any], text: str) -> None:
    long = "Long" * 20
    resources = {
        "Named": {"Type": "AWS::IAM::Role", "Properties": {"RoleName": "promote-it"}},
        "Key": {"Type": "AWS::KMS::Key"},
        "Topic": {"Type": "AWS::SNS::Topic"},
        long: {"Type": "AWS::Lambda::Function"},
        "Version": {"Type": "AWS::Lambda::Version", "Properties": {"FunctionName": "promote-f"}},
    }
    if reference == {"Ref": "Long"}:
        reference = {"Ref": long}
    assert Resolver("promote", ACCOUNT, REGION, {"Resources": resources}).resolve(reference) == text


def test_each_reference_of_ours_is_known(templates: dict[str, Template]) -> None:
    for stack, template in templates.items():
        resolved = Resolver(stack, ACCOUNT, REGION, template).resolve(template["Resources"])
        assert references.UNKNOWN not in json.dumps(resolved), stack


def test_what_is_attached_to_our_roles_is_measured(templates: dict[str, Template]) -> None:
    sizes = {
        measure.resource: measure.size
        for stack, template in templates.items()
        for measure in measures.measures(stack, ACCOUNT, REGION, template)
        if measure.limit == table.INLINE_POLICIES
    }
    assert sizes["promote-qa-deployer"] > 1_000
    assert all(sizes.values())


def test_thirty_stages_with_the_longest_names_and_the_longest_external_id_fit(tmp_path: Path) -> None:
    """In mixed case, so that each endpoint has two ARNs."""
    config = demo_configuration()
    config["environments"].pop("production")
    config["hub"] |= {"external_id": "x" * 1_224, "organization_id": f"o-{'a' * 32}"}
    (stage, *_) = config["applications"].pop("text-classifier")["stages"].values()
    config["applications"] = {
        f"application-{number}": {
            "model_package_group": f"group-{number}",
            "stages": {"qa": stage | {"endpoint": f"{'AbCdEfGhIj' * 6}-{number:02}"}},
        }
        for number in range(30)
    }
    assert len(environment_templates(tmp_path, config)) == 2


def test_cdk_fails_with_what_is_too_large(tmp_path: Path) -> None:
    """The check is part of what `cdk synth` and `cdk deploy` run."""
    app = cdk.App(outdir=str(tmp_path))
    iam.Role(cdk.Stack(app, "it"), "Role", assumed_by=iam.ArnPrincipal(f"arn:aws:iam::{ACCOUNT}:role/{'x' * 2_048}"))
    with pytest.raises(LimitExceeded, match="the trust policy of a role may have 2,048 characters"):
        promote.synthesise(app)
