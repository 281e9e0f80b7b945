"""Permissions that exist only where the configuration requires them: a VPC, tags, annotations, a smoke test."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from lambdas.promotion.contract import resource_names
from lambdas.promotion.contract.steps import Step
from tests.stacks.synthesis import Template, app_templates, demo_configuration, environment_templates

Statements = dict[str, dict[str, Any]]
LOCATION = "arn:aws:ec2:us-east-1:333333333333"


@pytest.fixture(scope="module")
def synthesise(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., dict[str, Template]]:
    def with_changes(
        application: dict[str, Any] | None = None, qa: dict[str, Any] | None = None, *, hub: bool = False
    ) -> dict[str, Template]:
        """The environments' templates; those of the whole app with `hub`."""
        config = demo_configuration()
        config["applications"]["text-classifier"] |= application or {}
        config["applications"]["text-classifier"]["stages"]["qa"] |= qa or {}
        synthesis = app_templates if hub else environment_templates
        return synthesis(tmp_path_factory.mktemp("app"), config)

    return with_changes


@pytest.fixture(scope="module")
def rich(synthesise: Callable[..., dict[str, Template]]) -> dict[str, Template]:
    vpc = {"security_group_ids": ["sg-0123456789abcdef0"], "subnets": ["subnet-0123456789abcdef0"]}
    return synthesise({"copy_tags": True, "copy_annotations": True}, {"vpc": vpc})


def statements(template: Template, role: str) -> Statements:
    """The statements of a role's policies by their Sid."""
    by_sid: Statements = {}
    ids = [
        logical_id
        for logical_id, resource in template["Resources"].items()
        if resource.get("Properties", {}).get("RoleName") == role
    ]
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::IAM::Policy" and resource["Properties"]["Roles"] == [{"Ref": ids[0]}]:
            for statement in resource["Properties"]["PolicyDocument"]["Statement"]:
                by_sid[statement.get("Sid", "")] = statement
    return by_sid


def test_a_stage_in_a_vpc_allows_its_environments_models_to_use_that_vpc_and_no_other(
    rich: dict[str, Template],
) -> None:
    qa = statements(rich[resource_names.environment_stack("qa")], "promote-qa-execution")
    assert qa["CreateInterfaces"]["Resource"] == [
        f"{LOCATION}:network-interface/*",
        f"{LOCATION}:security-group/sg-0123456789abcdef0",
        f"{LOCATION}:subnet/subnet-0123456789abcdef0",
    ]
    assert {"ManageInterfaces", "DescribeVpcs"} <= set(qa)
    production = statements(rich[resource_names.environment_stack("production")], "promote-production-execution")
    assert not {"CreateInterfaces", "ManageInterfaces", "DescribeVpcs"} & set(production)


def test_without_a_vpc_no_role_may_touch_the_network(
    synthesise: Callable[..., dict[str, Template]], templates: dict[str, Template]
) -> None:
    assert "ec2:" not in json.dumps(synthesise({}, {"vpc": "none"}))
    assert "ec2:" not in json.dumps(templates)


KEY = "arn:aws:kms:us-east-1:333333333333:key/"


@pytest.fixture(scope="module")
def elaborate(synthesise: Callable[..., dict[str, Template]]) -> dict[str, Template]:
    """A stage in qa whose endpoint writes, reads, publishes, encrypts and is monitored."""
    variant = {"name": "A", "instance_type": "ml.m5.large", "initial_instance_count": 1, "enable_ssm_access": True}
    dumps = {"destination_s3_uri": "s3://dumps/qa/", "kms_key_id": f"{KEY}dumps"}
    captured = {
        "destination_s3_uri": "s3://captured",
        "initial_sampling_percentage": 1,
        "capture_options": ["Input"],
        "kms_key_id": f"{KEY}captured",
    }
    answered = {
        "s3_input_path": "s3://questions/qa",
        "s3_output_path": "s3://answers/qa",
        "s3_failure_path": "s3://answers/failed",
        "kms_key_id": f"{KEY}answers",
        "error_topic": "arn:aws:sns:us-east-1:333333333333:failed",
    }
    stage = {
        "variants": [{**variant, "core_dump": dumps}],
        "data_capture": captured,
        "async_inference": answered,
        "explainer": {"shap": {"shap_baseline_uri": "s3://models/baseline.csv"}},
        "volume_key": f"{KEY}volumes",
        "rollout": {"canary": "10%", "wait": "1m", "alarms": ["errors"]},
    }
    return synthesise({}, stage)


def test_an_endpoint_writes_reads_and_publishes_only_where_its_stage_is_configured_to(
    elaborate: dict[str, Template],
) -> None:
    policies = statements(elaborate[resource_names.environment_stack("qa")], "promote-qa-execution")
    assert policies["WriteOutputs"]["Resource"] == [
        "arn:aws:s3:::answers/failed/*",
        "arn:aws:s3:::answers/qa/*",
        "arn:aws:s3:::captured/*",
        "arn:aws:s3:::dumps/qa/*",
    ]
    assert policies["ReadRequests"]["Resource"] == "arn:aws:s3:::questions/qa/*"
    assert policies["ReadBaselines"]["Resource"] == "arn:aws:s3:::models/baseline.csv"
    assert policies["EncryptOutputs"]["Resource"] == [f"{KEY}answers", f"{KEY}captured", f"{KEY}dumps"]
    assert policies["EncryptOutputs"]["Condition"] == {"StringEquals": {"kms:ViaService": "s3.us-east-1.amazonaws.com"}}
    assert policies["PublishResponses"]["Resource"] == "arn:aws:sns:us-east-1:333333333333:failed"
    assert policies["OpenSessions"]["Resource"] == "*"


def test_the_deployer_grants_the_volume_key_and_describes_the_alarms(elaborate: dict[str, Template]) -> None:
    policies = statements(elaborate[resource_names.environment_stack("qa")], "promote-qa-deployer")
    assert policies["GrantVolumeKeys"] == {
        "Sid": "GrantVolumeKeys",
        "Effect": "Allow",
        "Action": "kms:CreateGrant",
        "Resource": f"{KEY}volumes",
        "Condition": {"Bool": {"kms:GrantIsForAWSResource": "true"}},
    }
    assert policies["DescribeRolloutAlarms"]["Action"] == "cloudwatch:DescribeAlarms"


def test_a_plain_endpoint_adds_none_of_these_permissions(
    elaborate: dict[str, Template], templates: dict[str, Template]
) -> None:
    brought = (
        "WriteOutputs",
        "ReadRequests",
        "EncryptOutputs",
        "PublishResponses",
        "OpenSessions",
        "GrantVolume",
        "DescribeRolloutAlarms",
    )
    for text in (json.dumps(templates), json.dumps(elaborate[resource_names.environment_stack("production")])):
        assert [sid for sid in brought if sid in text] == []


def test_tags_and_annotations_are_read_and_written_only_where_they_are_copied(
    rich: dict[str, Template], templates: dict[str, Template]
) -> None:
    copier = statements(rich[resource_names.environment_stack("dev")], "promote-dev-copier")
    assert set(copier["ReadTagsForQa"]["Action"]) == {
        "s3:GetObjectTagging",
        "s3:GetObjectVersionTagging",
        "s3:GetObjectAnnotation",
        "s3:GetObjectVersionAnnotation",
        "s3:ListObjectAnnotations",
    }
    assert {"s3:PutObjectTagging", "s3:PutObjectAnnotation"} <= set(copier["PutIntoQa"]["Action"])
    plain = json.dumps(templates)
    assert "Tagging" not in plain
    assert "Annotation" not in plain


SMOKE_TEST = {"content_type": "text/csv", "payload_from": "s3://payloads/a b.csv"}


def test_a_smoke_test_adds_permission_to_invoke_its_endpoint_and_to_read_its_object_exactly(
    synthesise: Callable[..., dict[str, Template]],
) -> None:
    templates = synthesise({}, {"smoke_test": [SMOKE_TEST, {**SMOKE_TEST, "payload_from": "sample"}]}, hub=True)
    invoker = statements(templates[resource_names.environment_stack("qa")], "promote-qa-invoker")
    assert invoker["InvokeEndpoints"]["Resource"] == (
        "arn:aws:sagemaker:us-east-1:333333333333:endpoint/text-classifier-qa"
    )
    assert invoker["ReadPayloads"]["Resource"] == "arn:aws:s3:::payloads/a b.csv"
    assert invoker["DecryptPayloads"]["Condition"] == {"StringEquals": {"kms:ViaService": "s3.us-east-1.amazonaws.com"}}
    hub = statements(templates[resource_names.hub_stack()], "promote-smoke-test")
    assert set(hub["AssumeEnvironmentRoles"]["Resource"]) == {
        "arn:aws:iam::222222222222:role/promote-dev-reader",
        "arn:aws:iam::444444444444:role/promote-production-invoker",
        "arn:aws:iam::333333333333:role/promote-qa-invoker",
    }
    assert "role/promote-smoke-test" in json.dumps(templates[resource_names.environment_stack("dev")])


def test_an_inline_payload_adds_no_read_permission_and_no_test_adds_no_invoker(
    synthesise: Callable[..., dict[str, Template]],
) -> None:
    templates = synthesise({}, {"smoke_test": {"content_type": "text/csv", "payload": "x"}})
    assert set(statements(templates[resource_names.environment_stack("qa")], "promote-qa-invoker")) == {
        "InvokeEndpoints",
        "SimulateOwnPermissions",
    }
    assert "promote-smoke-test" not in json.dumps(templates[resource_names.environment_stack("dev")])
    stages = demo_configuration()["applications"]["text-classifier"]["stages"]
    for stage in stages.values():
        del stage["smoke_test"]
    none = synthesise({"stages": stages})
    assert "invoker" not in json.dumps(none[resource_names.environment_stack("qa")])


def test_a_rollback_reads_an_approval_only_where_a_stage_takes_approved_versions_only(
    synthesise: Callable[..., dict[str, Template]], templates: dict[str, Template]
) -> None:
    """In the environment that has the model registry, and in no other source."""
    step = f"role/{resource_names.function(Step.RESOLVE_ROLLBACK)}"
    required = synthesise({}, {"approved_only": True})
    assert step in trust_of_reader(required, "dev")
    assert step not in trust_of_reader(required, "qa")
    assert step not in trust_of_reader(templates, "dev")


def trust_of_reader(templates: dict[str, Template], environment: str) -> str:
    (role,) = [
        resource["Properties"]
        for resource in templates[resource_names.environment_stack(environment)]["Resources"].values()
        if resource.get("Properties", {}).get("RoleName") == f"promote-{environment}-reader"
    ]
    return json.dumps(role["AssumeRolePolicyDocument"])
