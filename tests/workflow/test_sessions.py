"""A session is narrowed to one promotion: what it may not do though its role may. The real functions are asked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from lambdas.promotion import artifacts, duties
from lambdas.promotion.accounts import Account
from lambdas.promotion.document import Promotion
from lambdas.promotion.errors import AccessDenied
from lambdas.promotion.names import Step
from tests.workflow.given import IMAGE, World, input_of
from tests.workflow.journeys import QA, new_model, promote
from tests.workflow.rights import with_changed, without

Call = Callable[[Promotion, Account], object]


@pytest.fixture(scope="module")
def world(lasting_world: World) -> World:
    return lasting_world


@pytest.fixture(scope="module")
def promotion(world: World) -> Promotion:
    """A promotion to qa whose artifact was copied."""
    with without(world, "qa", "promote-qa-deployer", "SeeArtifacts"):
        ended = promote(world, QA, new_model(world, QA))
    return input_of(world, ended.arn, "Verify the artifacts")


# The deployer's session


def another(name: str) -> str:
    """A name that the deployer's role may use, but is not of this promotion."""
    return f"{name[:-12]}000000000000"


def create(name: str, role: str) -> dict[str, Any]:
    return {"ModelName": name, "ExecutionRoleArn": role, "PrimaryContainer": {"Image": IMAGE}}


def create_config(promotion: Promotion, name: str) -> dict[str, Any]:
    variant = {**promotion.wanted_config.request["ProductionVariants"][0], "ModelName": promotion.wanted_model.name}
    return {"EndpointConfigName": name, "ProductionVariants": [variant]}


EXECUTION_ROLE = "arn:aws:iam::333333333333:role/promote-qa-execution"
NOT_OF_THE_DEPLOYER: dict[str, tuple[Call, str]] = {
    "see another promotion's model": (
        lambda p, a: a.sagemaker.describe_model(ModelName=another(p.wanted_model.name)),
        "sagemaker:DescribeModel",
    ),
    "see another application's model": (
        lambda p, a: a.sagemaker.describe_model(ModelName="churn-qa-20260101000000-000000000000"),
        "sagemaker:DescribeModel",
    ),
    "create another promotion's model": (
        lambda p, a: a.sagemaker.create_model(**create(another(p.wanted_model.name), EXECUTION_ROLE)),
        "sagemaker:CreateModel",
    ),
    "create another application's model": (
        lambda p, a: a.sagemaker.create_model(**create("churn-qa-20260101000000-000000000000", EXECUTION_ROLE)),
        "sagemaker:CreateModel",
    ),
    "pass another role": (
        lambda p, a: a.sagemaker.create_model(
            **create(p.wanted_model.name, EXECUTION_ROLE.replace("execution", "deployer"))
        ),
        "iam:PassRole",
    ),
    "create another promotion's configuration": (
        lambda p, a: a.sagemaker.create_endpoint_config(**create_config(p, another(p.wanted_config.name))),
        "sagemaker:CreateEndpointConfig",
    ),
    "put another promotion's configuration on the endpoint": (
        lambda p, a: a.sagemaker.create_endpoint(
            EndpointName=p.stage.endpoint, EndpointConfigName=another(p.wanted_config.name)
        ),
        "sagemaker:CreateEndpoint",
    ),
    "touch another endpoint": (
        lambda p, a: a.sagemaker.update_endpoint(EndpointName="churn-qa", EndpointConfigName=p.wanted_config.name),
        "sagemaker:UpdateEndpoint",
    ),
    "delete its own model": (
        lambda p, a: a.sagemaker.delete_model(ModelName=p.wanted_model.name),
        "sagemaker:DeleteModel",
    ),
    "see another application's artifacts": (
        lambda p, a: a.s3.get_object(Bucket=p.target.artifact_bucket, Key="artifacts/churn/qa/a/model.tar.gz"),
        "s3:GetObject",
    ),
    "write an artifact": (
        lambda p, a: a.s3.put_object(Bucket=p.target.artifact_bucket, Key=p.artifacts[0].key, IfNoneMatch="*"),
        "s3:PutObject",
    ),
}


@pytest.mark.parametrize("what", NOT_OF_THE_DEPLOYER)
def test_a_deployer_s_session_cannot(promotion: Promotion, act_as: Callable[[Step], None], what: str) -> None:
    act_as(Step.CREATE_MODEL)
    call, action = NOT_OF_THE_DEPLOYER[what]
    with pytest.raises(AccessDenied, match=f"role/promote-qa-deployer may not call .*{action}"):
        call(promotion, duties.as_deployer(promotion))


def test_a_deployer_s_session_can_do_the_same_to_what_is_its_own(
    promotion: Promotion, act_as: Callable[[Step], None]
) -> None:
    act_as(Step.CREATE_MODEL)
    account = duties.as_deployer(promotion)
    with pytest.raises(ClientError, match="Could not find model"):
        account.sagemaker.describe_model(ModelName=promotion.wanted_model.name)
    account.s3.head_object(Bucket=promotion.target.artifact_bucket, Key=promotion.artifacts[0].key)


def test_the_deployer_uses_the_key_through_s3_only(
    world: World, promotion: Promotion, act_as: Callable[[Step], None]
) -> None:
    act_as(Step.VERIFY_ARTIFACTS)
    kms = world.client("kms", "qa")
    secret = kms.encrypt(KeyId="alias/promote-qa", Plaintext=b"a data key")["CiphertextBlob"]
    own = duties.as_deployer(promotion)._credentials
    decrypt = world.sandbox.client("kms", "qa", dict(own)).decrypt

    with pytest.raises(ClientError, match="kms:Decrypt"):
        decrypt(CiphertextBlob=secret)
    with with_changed(world, "qa", "promote-qa-deployer", "ReadChecksums", lambda one: one.pop("Condition")):
        assert decrypt(CiphertextBlob=secret)["Plaintext"] == b"a data key"


def test_the_execution_role_is_passed_to_sagemaker_only(world: World) -> None:
    def to_another_service(statement: dict[str, Any]) -> None:
        statement["Condition"] = {"StringEquals": {"iam:PassedToService": "lambda.amazonaws.com"}}

    subject = new_model(world, QA)
    with with_changed(world, "qa", "promote-qa-deployer", "PassTheExecutionRole", to_another_service):
        ended = promote(world, QA, subject)
    assert ended.error == "AccessDenied"
    assert "iam:PassRole" in ended.cause


# The copier's session


NOT_OF_THE_COPIERS_SESSION: dict[str, tuple[Call, str]] = {
    "put another key": (
        lambda p, a: a.s3.put_object(
            Bucket=p.target.artifact_bucket, Key=f"{p.artifacts[0].key}.other", Body=b"", IfNoneMatch="*"
        ),
        "s3:PutObject",
    ),
    "read another object of the source": (
        lambda p, a: a.s3.get_object(Bucket=p.artifacts[0].source.bucket, Key="another/model.tar.gz"),
        "s3:GetObject",
    ),
    "copy another object to its key": (
        lambda p, a: a.s3.copy_object(
            CopySource={"Bucket": p.artifacts[0].source.bucket, "Key": "another/model.tar.gz"},
            Bucket=p.artifacts[0].bucket,
            Key=p.artifacts[0].key,
            IfNoneMatch="*",
        ),
        "s3:GetObject",
    ),
}


@pytest.mark.parametrize("what", NOT_OF_THE_COPIERS_SESSION)
def test_a_copier_s_session_cannot(
    world: World, promotion: Promotion, act_as: Callable[[Step], None], what: str
) -> None:
    """The other objects are there, and the role may do to them what the session may not."""
    act_as(Step.COPY_ARTIFACT)
    bucket = promotion.artifacts[0].source.bucket
    world.client("s3", "dev").put_object(Bucket=bucket, Key="another/model.tar.gz", Body=b"x")
    call, action = NOT_OF_THE_COPIERS_SESSION[what]
    with pytest.raises(AccessDenied, match=f"role/promote-dev-copier may not call .*{action}"):
        call(promotion, duties.as_copier(promotion, promotion.artifacts[0]))


def test_a_copier_s_session_can_copy_its_artifact(promotion: Promotion, act_as: Callable[[Step], None]) -> None:
    act_as(Step.COPY_ARTIFACT)
    (artifact,) = promotion.artifacts
    s3 = duties.as_copier(promotion, artifact).s3
    owners = {"source_owner": promotion.source.account, "target_owner": promotion.target.account}
    assert artifacts.copy(artifact, s3=s3, **owners) is False  # it was there already
