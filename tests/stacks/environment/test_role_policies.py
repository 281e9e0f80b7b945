"""What the roles may do: wildcards are few and known, trust is exact, nothing of a target is open to the world."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lambdas.promotion.contract import resource_names
from stacks.config.load import load
from tests import PROJECT

Template = dict[str, Any]
Statement = dict[str, Any]

# A statement with one of these ids, or of these constructs, may say "*" as its whole resource, because what it allows
# knows no resources (AWS: service authorization reference), or because it stands on the resource itself.
NO_RESOURCES = {
    "LogInToRegistries",  # ecr:GetAuthorizationToken
    "ReadQuotas",  # servicequotas:ListServiceQuotas
    "PutMetrics",  # cloudwatch:PutMetricData, narrowed by its namespace
    "application-autoscaling:DescribeScalableTargets",
    "application-autoscaling:DescribeScalingPolicies",
    "application-autoscaling:DescribeScheduledActions",
    "cloudwatch:DescribeAlarms",  # of an alarm whose name nobody knows before
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


def roles(template: Template) -> dict[str, dict[str, Any]]:
    return {
        resource["Properties"].get("RoleName", logical_id): resource["Properties"]
        for logical_id, resource in template["Resources"].items()
        if resource["Type"] == "AWS::IAM::Role"
    }


def test_no_statement_allows_every_resource_unless_what_it_allows_knows_none(templates: dict[str, Template]) -> None:
    for statement in identity_statements(templates):
        if "*" in as_list(statement["Resource"]):
            named = {statement.get("Sid")} | set(as_list(statement["Action"]))
            assert named & NO_RESOURCES and (statement.get("Sid") or named - {None} <= NO_RESOURCES), statement


def test_no_statement_allows_every_action_of_a_service(templates: dict[str, Template]) -> None:
    wild = [one for one in identity_statements(templates) for action in as_list(one["Action"]) if "*" in action]
    assert wild == []


def test_pass_role_is_for_one_role_and_one_service(templates: dict[str, Template]) -> None:
    passing = [one for one in identity_statements(templates) if "iam:PassRole" in as_list(one["Action"])]
    assert len(passing) == 2  # one in each target
    for statement in passing:
        assert str(statement["Resource"]).endswith("-execution")
        assert statement["Condition"] == {"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}}


def test_the_roles_of_an_environment_trust_exactly_the_steps_that_assume_them(templates: dict[str, Template]) -> None:
    found = roles(templates[resource_names.environment_stack("qa")])
    for role, steps in resource_names.STEPS_BY_ROLE.items():
        trust = found[resource_names.environment_role("qa", role)]["AssumeRolePolicyDocument"]["Statement"]
        trusted = [arn for one in trust for arn in as_list(one["Principal"]["AWS"])]
        # While it is a source, qa has no registry, and no smoke test of this configuration sends what lies there.
        without = (
            {resource_names.Step.CONFIRM_APPROVAL, resource_names.Step.SMOKE_TEST}
            if role is resource_names.Role.READER
            else set()
        )
        # And no stage has a trial.
        there = [step for step in steps if step not in without | resource_names.PREVIEW_STEPS]
        assert sorted(trusted) == sorted(resource_names.step_role_arn("111111111111", step) for step in there)


def test_a_source_that_is_no_target_gets_no_bucket_and_no_deployer(templates: dict[str, Template]) -> None:
    dev = templates[resource_names.environment_stack("dev")]
    assert not [one for one in dev["Resources"].values() if one["Type"] in {"AWS::S3::Bucket", "AWS::KMS::Key"}]
    assert resource_names.environment_role("dev", resource_names.Role.DEPLOYER) not in roles(dev)


def test_an_artifact_bucket_keeps_versions_is_encrypted_private_and_tls_only(templates: dict[str, Template]) -> None:
    for environment in ("qa", "production"):
        resources = templates[resource_names.environment_stack(environment)]["Resources"].values()
        (bucket,) = [one for one in resources if one["Type"] == "AWS::S3::Bucket"]
        properties = bucket["Properties"]
        assert properties["VersioningConfiguration"] == {"Status": "Enabled"}
        assert all(properties["PublicAccessBlockConfiguration"].values())
        (rule,) = properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        assert rule["ServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms"
        (lifecycle,) = properties["LifecycleConfiguration"]["Rules"]
        assert lifecycle["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 1}
        assert bucket["DeletionPolicy"] == "RetainExceptOnCreate"
        (policy,) = [one for one in resources if one["Type"] == "AWS::S3::BucketPolicy"]
        statements = policy["Properties"]["PolicyDocument"]["Statement"]
        assert any(one["Effect"] == "Deny" and "aws:SecureTransport" in str(one["Condition"]) for one in statements)


def test_only_the_copiers_of_its_sources_may_put_into_an_artifact_bucket(templates: dict[str, Template]) -> None:
    resources = templates[resource_names.environment_stack("production")]["Resources"].values()
    (policy,) = [one for one in resources if one["Type"] == "AWS::S3::BucketPolicy"]
    allowed = [one for one in policy["Properties"]["PolicyDocument"]["Statement"] if one["Effect"] == "Allow"]
    copier = "arn:aws:iam::333333333333:role/promote-qa-copier"
    assert [(one["Action"], one["Principal"]["AWS"], one.get("Condition")) for one in allowed] == [
        ("s3:PutObject", copier, {"Null": {"s3:if-none-match": "false"}}),
        ("s3:PutObject", copier, {"Bool": {"s3:ObjectCreationOperation": "false"}}),
        ("s3:ListMultipartUploadParts", copier, None),
    ]


def test_a_copier_may_look_up_the_version_of_what_was_promoted_to_its_account(templates: dict[str, Template]) -> None:
    """A prefix is resolved by a list, which tells no versions; HeadObject without VersionId takes s3:GetObject."""
    both = ["s3:GetObject", "s3:GetObjectVersion"]
    found = [
        one for one in identity_statements(templates) if one.get("Sid") == "ReadArtifacts" and one["Action"] == both
    ]
    resources = [one["Resource"] for one in found]
    assert "arn:aws:s3:::promote-qa-333333333333-us-east-1/*" in resources


def test_every_log_group_is_encrypted_and_ends(templates: dict[str, Template]) -> None:
    groups = [
        one["Properties"]
        for one in templates[resource_names.hub_stack()]["Resources"].values()
        if one["Type"] == "AWS::Logs::LogGroup"
    ]
    assert len(groups) == len(resource_names.Step) + len(resource_names.Job) + 1
    assert [one for one in groups if "KmsKeyId" not in one or "RetentionInDays" not in one] == []


def test_the_stacks_are_deployed_in_the_order_in_which_their_policies_name_each_others_roles() -> None:
    config = load(PROJECT / "sandbox" / "demo" / "promotion.yaml")
    assert config.deployment_order() == ["dev", "qa", "production"]


def test_a_first_deployment_that_fails_leaves_nothing_behind_that_stops_the_second(
    templates: dict[str, Template],
) -> None:
    """Plain Retain keeps what a failed creation made, and its fixed name is taken then."""
    kept = {
        resource["DeletionPolicy"]
        for template in templates.values()
        for resource in template["Resources"].values()
        if "DeletionPolicy" in resource
    }
    assert "Retain" not in kept
