"""What the roles may do: wildcards are few and listed, trust is exact, nothing of a target is public."""

from __future__ import annotations

import json
from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Any

from lambdas.promotion.contract import resource_names
from lambdas.promotion.contract.roles import Role
from lambdas.promotion.contract.steps import STEPS_BY_ROLE, Job, Step, function_of
from stacks.config.load import load
from tests import PROJECT
from tests.stacks.config.test_schema import parse

Template = dict[str, Any]
Statement = dict[str, Any]

# A statement with one of these Sids, or with only these actions, may have the resource "*", because its actions do not
# support resource-level permissions (AWS: service authorization reference).
NO_RESOURCES = {
    "LogInToRegistries",  # ecr:GetAuthorizationToken
    "ListModels",  # sagemaker:ListModels and ListModelPackages
    "ReadQuotas",  # servicequotas:GetServiceQuota and the like
    "PutMetrics",  # cloudwatch:PutMetricData, narrowed by its namespace
    "application-autoscaling:DescribeScalableTargets",
    "application-autoscaling:DescribeScalingPolicies",
    "application-autoscaling:DescribeScheduledActions",
    "cloudwatch:DescribeAlarms",  # of an alarm that may have any name
    "xray:PutTelemetryRecords",
    "xray:PutTraceSegments",
    "xray:GetSamplingRules",
    "xray:GetSamplingTargets",
    "logs:CreateLogDelivery",
    "logs:GetLogDelivery",
    "logs:UpdateLogDelivery",
    "logs:DeleteLogDelivery",
    "logs:ListLogDeliveries",
    "logs:PutResourcePolicy",
    "logs:DescribeResourcePolicies",
    "logs:DescribeLogGroups",
}


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def identity_statements(templates: dict[str, Template]) -> Iterator[Statement]:
    for template in templates.values():
        for resource in template["Resources"].values():
            properties = resource["Properties"]
            if resource["Type"] in {"AWS::IAM::Policy", "AWS::IAM::ManagedPolicy"}:
                yield from properties["PolicyDocument"]["Statement"]
            for policy in properties.get("Policies", []) if resource["Type"] == "AWS::IAM::Role" else []:
                yield from policy["PolicyDocument"]["Statement"]


def statements_of_role(resources: dict[str, Any], name: str) -> Iterator[Statement]:
    (logical_id,) = [key for key, part in resources.items() if part["Properties"].get("RoleName") == name]
    for part in resources.values():
        if part["Type"] == "AWS::IAM::Policy" and {"Ref": logical_id} in part["Properties"]["Roles"]:
            yield from part["Properties"]["PolicyDocument"]["Statement"]


def roles(template: Template) -> dict[str, dict[str, Any]]:
    return {
        resource["Properties"].get("RoleName", logical_id): resource["Properties"]
        for logical_id, resource in template["Resources"].items()
        if resource["Type"] == "AWS::IAM::Role"
    }


def test_no_statement_allows_every_resource_unless_its_actions_support_no_other(templates: dict[str, Template]) -> None:
    for statement in identity_statements(templates):
        if "*" in as_list(statement["Resource"]):
            named = {statement.get("Sid")} | set(as_list(statement["Action"]))
            assert named & NO_RESOURCES and (statement.get("Sid") or named - {None} <= NO_RESOURCES), statement


def test_no_statement_allows_every_action_of_a_service(templates: dict[str, Template]) -> None:
    wild = [
        statement
        for statement in identity_statements(templates)
        for action in as_list(statement["Action"])
        if "*" in action
    ]
    assert wild == []


def test_pass_role_is_for_one_role_and_one_service(templates: dict[str, Template]) -> None:
    passing = [
        statement for statement in identity_statements(templates) if "iam:PassRole" in as_list(statement["Action"])
    ]
    assert len(passing) == 2  # one in each target
    for statement in passing:
        assert str(statement["Resource"]).endswith("-execution")
        assert statement["Condition"] == {"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}}


def test_the_roles_of_an_environment_trust_exactly_the_steps_that_assume_them(templates: dict[str, Template]) -> None:
    qa_roles = roles(templates[resource_names.environment_stack("qa")])
    for role, steps in STEPS_BY_ROLE.items():
        trust = qa_roles[resource_names.environment_role("qa", role)]["AssumeRolePolicyDocument"]["Statement"]
        trusted = [arn for statement in trust for arn in as_list(statement["Principal"]["AWS"])]
        # Although qa is a source, it has no model registry, and no smoke test here sends a payload from it.
        of_registry = {Step.CONFIRM_APPROVAL, Step.RESOLVE_ROLLBACK}
        without = of_registry | {Step.SMOKE_TEST} if role is Role.READER else set()
        expected = {resource_names.step_role_arn("111111111111", step) for step in steps if step not in without}
        assert sorted(trusted) == sorted(expected)


def test_a_source_that_is_not_a_target_gets_no_bucket_and_no_deployer(templates: dict[str, Template]) -> None:
    dev = templates[resource_names.environment_stack("dev")]
    assert not [
        resource for resource in dev["Resources"].values() if resource["Type"] in {"AWS::S3::Bucket", "AWS::KMS::Key"}
    ]
    assert resource_names.environment_role("dev", Role.DEPLOYER) not in roles(dev)


def test_an_artifact_bucket_keeps_versions_is_encrypted_private_and_tls_only(templates: dict[str, Template]) -> None:
    for environment in ("qa", "production"):
        resources = templates[resource_names.environment_stack(environment)]["Resources"].values()
        (bucket,) = [resource for resource in resources if resource["Type"] == "AWS::S3::Bucket"]
        properties = bucket["Properties"]
        assert properties["VersioningConfiguration"] == {"Status": "Enabled"}
        assert all(properties["PublicAccessBlockConfiguration"].values())
        (rule,) = properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        assert rule["ServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms"
        arrived, uploads = properties["LifecycleConfiguration"]["Rules"]
        assert (arrived["Prefix"], arrived["ExpirationInDays"]) == ("incoming/", 1)
        assert arrived["NoncurrentVersionExpiration"] == {"NoncurrentDays": 1}
        assert uploads["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 1}
        assert "Prefix" not in uploads
        assert bucket["DeletionPolicy"] == "RetainExceptOnCreate"
        (policy,) = [resource for resource in resources if resource["Type"] == "AWS::S3::BucketPolicy"]
        statements = policy["Properties"]["PolicyDocument"]["Statement"]
        assert any(
            statement["Effect"] == "Deny" and "aws:SecureTransport" in str(statement["Condition"])
            for statement in statements
        )


def test_only_the_copiers_of_its_sources_may_put_into_an_artifact_bucket_below_their_prefix(
    templates: dict[str, Template],
) -> None:
    resources = templates[resource_names.environment_stack("production")]["Resources"].values()
    (policy,) = [resource for resource in resources if resource["Type"] == "AWS::S3::BucketPolicy"]
    statements = policy["Properties"]["PolicyDocument"]["Statement"]
    allowed = [statement for statement in statements if statement["Effect"] == "Allow"]
    (denied,) = [statement for statement in statements if statement.get("Sid") == "CopiersOverwriteNothing"]
    copier = "arn:aws:iam::333333333333:role/promote-qa-copier"
    assert [
        (statement["Action"], statement["Principal"]["AWS"], statement.get("Condition")) for statement in allowed
    ] == [
        ("s3:PutObject", copier, {"Null": {"s3:if-none-match": "false"}}),
        ("s3:PutObject", copier, {"Bool": {"s3:ObjectCreationOperation": "false"}}),
        ("s3:ListMultipartUploadParts", copier, None),
    ]
    assert {str(statement["Resource"]["Fn::Join"][1][1]) for statement in allowed} == {"/incoming/qa/*"}
    assert (denied["Effect"], denied["Principal"]["AWS"], denied["Action"]) == ("Deny", copier, "s3:PutObject")
    assert denied["Condition"] == {
        "Null": {"s3:if-none-match": "true"},
        "Bool": {"s3:ObjectCreationOperation": "true"},
    }


def test_only_the_receiver_writes_where_models_are_read(templates: dict[str, Template]) -> None:
    writing = {
        (statement.get("Sid"), json.dumps(resource))
        for statement in identity_statements(templates)
        if any(action.startswith(("s3:Put", "s3:*")) for action in as_list(statement["Action"]))
        for resource in as_list(statement["Resource"])
    }
    assert {sid for sid, resource in writing if "/artifacts/" in resource} == {"StoreArtifacts"}
    assert {sid for sid, _ in writing} == {
        "StoreArtifacts",
        "PutIntoQa",
        "PutIntoProduction",
        "WriteLists",
        "WriteListsOfUnits",
        "WriteVerified",
    }


def test_no_execution_role_may_do_more_with_a_bucket_of_models_than_read(templates: dict[str, Template]) -> None:
    writing, reading = [], set()
    for environment in ("qa", "production"):
        resources = templates[resource_names.environment_stack(environment)]["Resources"]
        (policy,) = [resource for resource in resources.values() if resource["Type"] == "AWS::S3::BucketPolicy"]
        statements = policy["Properties"]["PolicyDocument"]["Statement"]
        (denied,) = [statement for statement in statements if statement.get("Sid") == "ExecutionRolesOnlyRead"]
        bucket = {"Fn::GetAtt": [policy["Properties"]["Bucket"]["Ref"], "Arn"]}
        assert (denied["Effect"], denied["Principal"]) == ("Deny", {"AWS": "*"})
        assert denied["NotAction"] == ["s3:GetObject", "s3:ListBucket"]
        assert denied["Resource"] == [bucket, {"Fn::Join": ["", [bucket, "/*"]]}]
        assert denied["Condition"] == {"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/promote-*-execution"}}
        for statement in statements_of_role(resources, f"promote-{environment}-execution"):
            actions = {action for action in as_list(statement["Action"]) if action.startswith("s3:")}
            reading |= actions
            writing += [statement] if actions - {"s3:GetObject", "s3:ListBucket"} else []
    assert reading == {"s3:GetObject", "s3:ListBucket"}
    assert writing == []


def test_every_execution_role_is_one_that_the_buckets_of_models_deny(templates: dict[str, Template]) -> None:
    passed = [
        str(statement["Resource"])
        for statement in identity_statements(templates)
        if "iam:PassRole" in as_list(statement["Action"])
    ]
    assert passed
    assert [arn for arn in passed if not fnmatchcase(arn, "arn:aws:iam::*:role/promote-*-execution")] == []


def test_a_copier_may_look_up_the_version_of_what_was_promoted_to_its_account(templates: dict[str, Template]) -> None:
    """A prefix is resolved by a list, which has no versions; HeadObject without VersionId requires s3:GetObject."""
    both = ["s3:GetObject", "s3:GetObjectVersion"]
    resources = [
        statement["Resource"]
        for statement in identity_statements(templates)
        if statement.get("Sid") == "ReadArtifacts" and statement["Action"] == both
    ]
    assert "arn:aws:s3:::promote-qa-333333333333-us-east-1/*" in resources


def test_every_log_group_is_encrypted_and_has_a_retention(templates: dict[str, Template]) -> None:
    groups = [
        resource["Properties"]
        for resource in templates[resource_names.hub_stack()]["Resources"].values()
        if resource["Type"] == "AWS::Logs::LogGroup"
    ]
    assert len(groups) == len({function_of(run) for run in (*Step, *Job)}) + 1
    assert [group for group in groups if "KmsKeyId" not in group or "RetentionInDays" not in group] == []


def test_the_stacks_are_deployed_in_the_order_in_which_their_policies_name_each_others_roles() -> None:
    config = load(PROJECT / "sandbox" / "demo" / "promotion.yaml")
    assert config.deployment_order() == ["dev", "qa", "production"]


def test_a_first_deployment_that_fails_leaves_nothing_that_blocks_the_second(
    templates: dict[str, Template],
) -> None:
    """Plain Retain keeps what a failed creation has left, whose fixed name then blocks the next one."""
    kept = {
        resource["DeletionPolicy"]
        for template in templates.values()
        for resource in template["Resources"].values()
        if "DeletionPolicy" in resource
    }
    assert "Retain" not in kept


def test_a_trust_policy_fits_with_every_step_and_the_longest_conditions(templates: dict[str, Template]) -> None:
    """AWS: IAM quotas, role trust policy length (recordings: iam/PolicyLimits, trust-policy-too-large)."""
    longest = {"sts:ExternalId": "x" * 1000, "aws:PrincipalOrgID": "o-" + "x" * 32}
    accepted = parse(("hub.external_id", longest["sts:ExternalId"])).hub.external_id
    assert accepted == longest["sts:ExternalId"]
    (statement,) = roles(templates[resource_names.environment_stack("qa")])[
        resource_names.environment_role("qa", Role.DEPLOYER)
    ]["AssumeRolePolicyDocument"]["Statement"]
    of_role = {
        role: sorted({resource_names.step_role_arn("111111111111", step) for step in steps})
        for role, steps in STEPS_BY_ROLE.items()
    }
    steps = of_role[Role.DEPLOYER]
    assert set(statement["Principal"]["AWS"]) <= set(steps)
    assert sum(map(len, steps)) == max(sum(map(len, arns)) for arns in of_role.values())
    whole = {**statement, "Principal": {"AWS": steps}, "Condition": {"StringEquals": longest}}
    document = {"Version": "2012-10-17", "Statement": [whole]}
    assert len(json.dumps(document, separators=(",", ":"))) <= 2048
