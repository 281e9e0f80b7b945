"""IAM's simulation with the patches. `patched` runs a test also against MiniStack, where it must fail."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from recordings import store
from sandbox.aws.control import Sandbox
from tests.sandbox.aws.builders import QA, allow, create_key, create_role, policy, refusal

PASSED = f"arn:aws:iam::{QA}:role/passed"


def simulate(sandbox: Sandbox, role: str, resources: list[str], by: Any = None, **context: str) -> dict[str, str]:
    """The decision for each resource."""
    answer = sandbox.client("iam", QA, by).simulate_principal_policy(
        PolicySourceArn=role,
        ActionNames=["iam:PassRole"],
        ResourceArns=resources,
        ContextEntries=[
            {"ContextKeyName": key.replace("_", ":"), "ContextKeyValues": [value], "ContextKeyType": "string"}
            for key, value in context.items()
        ],
    )
    (result,) = answer["EvaluationResults"]
    return {entry["EvalResourceName"]: entry["EvalResourceDecision"] for entry in result["ResourceSpecificResults"]}


def test_a_condition_is_weighed_with_the_keys_that_are_given(patched: Sandbox, name: str) -> None:
    to_sagemaker = {"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}}
    role = create_role(patched, QA, name, allow("iam:PassRole", PASSED, Condition=to_sagemaker))
    assert simulate(patched, role, [PASSED], iam_PassedToService="sagemaker.amazonaws.com") == {PASSED: "allowed"}
    assert simulate(patched, role, [PASSED], iam_PassedToService="ec2.amazonaws.com") == {PASSED: "implicitDeny"}


def test_each_resource_has_its_own_decision(patched: Sandbox, name: str) -> None:
    role = create_role(patched, QA, name, allow("iam:PassRole", PASSED))
    other = f"{PASSED}-not"
    assert simulate(patched, role, [PASSED, other]) == {PASSED: "allowed", other: "implicitDeny"}


def test_any_resource_is_refused_among_arns(patched: Sandbox, name: str) -> None:
    published = store.recording("iam/SimulatePrincipalPolicy/any-resource-among-arns").error
    role = create_role(patched, QA, name, allow("iam:PassRole", "*"))
    with pytest.raises(ClientError) as caught:
        simulate(patched, role, [PASSED, "*"])
    assert (caught.value.response["Error"]["Code"], caught.value.response["Error"]["Message"]) == (
        published["code"],
        published["message"],
    )
    assert simulate(patched, role, ["*"]) == {"*": "allowed"}


def test_the_permission_to_simulate_applies_to_the_simulated_role(patched: Sandbox, name: str) -> None:
    role = create_role(patched, QA, name)
    own = policy(allow("iam:SimulatePrincipalPolicy", role))
    patched.client("iam", QA).put_role_policy(RoleName=name, PolicyName="it", PolicyDocument=own)
    session = patched.assume(role)
    assert simulate(patched, role, [PASSED], session) == {PASSED: "implicitDeny"}
    with pytest.raises(Exception, match="iam:SimulatePrincipalPolicy"):
        simulate(patched, create_role(patched, QA, f"{name}2"), [PASSED], session)


def test_a_key_is_described_by_its_alias_with_permission_on_the_key(patched: Sandbox, name: str) -> None:
    key = create_key(patched, QA)
    patched.client("kms", QA).create_alias(AliasName=f"alias/{name}", TargetKeyId=key)
    session = patched.assume(create_role(patched, QA, name, allow("kms:DescribeKey", key)))
    description = patched.client("kms", QA, session).describe_key(KeyId=f"alias/{name}")
    assert description["KeyMetadata"]["Arn"] == key
    other = create_key(patched, QA)
    assert "kms:DescribeKey" in refusal(patched.client("kms", QA, session).describe_key, KeyId=other)


def test_the_keys_of_all_statements_that_are_not_given_are_missing(patched: Sandbox, name: str) -> None:
    """Whatever action they are for, and also those in variables."""
    (published,) = store.response("iam/SimulatePrincipalPolicy/missing-keys-of-other-statements")["EvaluationResults"]
    tagged = {"StringLike": {"aws:PrincipalTag/allowed_service": "s3"}}
    role = create_role(
        patched,
        QA,
        name,
        allow("s3:ListBucket", "arn:aws:s3:::models", Condition=tagged),
        allow("s3:GetObject", "arn:aws:s3:::models/${aws:username}"),
    )

    def missing(**context: str) -> list[str]:
        answer = patched.client("iam", QA).simulate_principal_policy(
            PolicySourceArn=role,
            ActionNames=[published["EvalActionName"]],
            ResourceArns=["arn:aws:s3:::models"],
            ContextEntries=[
                {"ContextKeyName": key.replace("_", ":"), "ContextKeyValues": [value], "ContextKeyType": "string"}
                for key, value in context.items()
            ],
        )
        (result,) = answer["EvaluationResults"]
        (specific,) = result["ResourceSpecificResults"]
        assert result["MissingContextValues"] == []
        return list(specific["MissingContextValues"])

    assert missing() == published["MissingContextValues"]
    assert missing(aws_username="eve") == ["aws:PrincipalTag/allowed_service"]
