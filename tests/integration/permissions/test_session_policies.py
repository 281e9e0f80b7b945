"""A session is narrowed to one promotion: what it may not do though its role may. The real functions are asked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from botocore.exceptions import ClientError

from lambdas.promotion.artifacts import incoming, s3_copy
from lambdas.promotion.artifacts.access import copier_session
from lambdas.promotion.aws.sessions import RoleSession
from lambdas.promotion.contract.document import Artifact, Promotion
from lambdas.promotion.contract.errors import AccessDenied
from lambdas.promotion.contract.steps import Step
from lambdas.promotion.endpoint.access import deployer_session
from sandbox.aws.faults.faults import Kind
from tests.integration.role_policies import with_changed_statement
from tests.integration.scenarios import QA, Scenario, new_model, prefix, promote
from tests.integration.world import IMAGE, World, input_of, transfers_of


@dataclass(frozen=True)
class Promoted:
    """A promotion to qa and what it copied."""

    promotion: Promotion
    artifacts: list[Artifact]

    @property
    def bucket(self) -> str:
        return self.promotion.target.artifact_bucket

    @property
    def incoming_keys(self) -> list[str]:
        return [incoming.brought(artifact, self.promotion).key for artifact in self.artifacts]


Call = Callable[[Promoted, RoleSession], object]


@pytest.fixture(scope="module")
def world(module_world: World) -> World:
    return module_world


@pytest.fixture(scope="module")
def promoted(world: World) -> Promoted:
    """A promotion of one object, which was copied; there is no model yet."""
    return copied(world, new_model)


@pytest.fixture(scope="module")
def several(world: World) -> Promoted:
    """The same with a prefix."""
    return copied(world, prefix)


def copied(world: World, scenario: Scenario) -> Promoted:
    subject = scenario(world, QA)
    world.sagemaker_faults.inject(
        "CreateModel", Kind.ERROR, account="333333333333", code="ValidationException", status=400
    )
    ended = promote(world, QA, subject)
    promotion = input_of(world, ended.arn, "Verify the artifacts")
    return Promoted(promotion, [transfer.artifact for transfer in transfers_of(world, promotion)])


# The deployer's session


def another(name: str) -> str:
    """A name that the deployer's role may use, but is not of this promotion."""
    return f"{name[:-12]}000000000000"


def create(name: str, role: str) -> dict[str, Any]:
    return {"ModelName": name, "ExecutionRoleArn": role, "PrimaryContainer": {"Image": IMAGE}}


def create_config(promotion: Promotion, name: str) -> dict[str, Any]:
    variant = {**promotion.desired_config.request["ProductionVariants"][0], "ModelName": promotion.desired_model.name}
    return {"EndpointConfigName": name, "ProductionVariants": [variant]}


EXECUTION_ROLE = "arn:aws:iam::333333333333:role/promote-qa-execution"
NOT_OF_THE_DEPLOYER: dict[str, tuple[Call, str]] = {
    "see another promotion's model": (
        lambda p, a: a.sagemaker.describe_model(ModelName=another(p.promotion.desired_model.name)),
        "sagemaker:DescribeModel",
    ),
    "see another application's model": (
        lambda p, a: a.sagemaker.describe_model(ModelName="churn-qa-20260101000000-000000000000"),
        "sagemaker:DescribeModel",
    ),
    "create another promotion's model": (
        lambda p, a: a.sagemaker.create_model(**create(another(p.promotion.desired_model.name), EXECUTION_ROLE)),
        "sagemaker:CreateModel",
    ),
    "create another application's model": (
        lambda p, a: a.sagemaker.create_model(**create("churn-qa-20260101000000-000000000000", EXECUTION_ROLE)),
        "sagemaker:CreateModel",
    ),
    "pass another role": (
        lambda p, a: a.sagemaker.create_model(
            **create(p.promotion.desired_model.name, EXECUTION_ROLE.replace("execution", "deployer"))
        ),
        "iam:PassRole",
    ),
    "create another promotion's configuration": (
        lambda p, a: a.sagemaker.create_endpoint_config(
            **create_config(p.promotion, another(p.promotion.desired_config.name))
        ),
        "sagemaker:CreateEndpointConfig",
    ),
    "put another promotion's configuration on the endpoint": (
        lambda p, a: a.sagemaker.create_endpoint(
            EndpointName=p.promotion.stage.endpoint, EndpointConfigName=another(p.promotion.desired_config.name)
        ),
        "sagemaker:CreateEndpoint",
    ),
    "touch another endpoint": (
        lambda p, a: a.sagemaker.update_endpoint(
            EndpointName="churn-qa", EndpointConfigName=p.promotion.desired_config.name
        ),
        "sagemaker:UpdateEndpoint",
    ),
    "delete its own model": (
        lambda p, a: a.sagemaker.delete_model(ModelName=p.promotion.desired_model.name),
        "sagemaker:DeleteModel",
    ),
    "see another application's artifacts": (
        lambda p, a: a.s3.get_object(Bucket=p.bucket, Key="artifacts/churn/qa/a/model.tar.gz"),
        "s3:GetObject",
    ),
    "write an artifact": (
        lambda p, a: a.s3.put_object(Bucket=p.bucket, Key=p.artifacts[0].key, IfNoneMatch="*"),
        "s3:PutObject",
    ),
    "delete an artifact": (
        lambda p, a: a.s3.delete_object(Bucket=p.bucket, Key=p.artifacts[0].key),
        "s3:DeleteObject",
    ),
    "end another application's upload": (
        lambda p, a: a.s3.abort_multipart_upload(Bucket=p.bucket, Key="artifacts/churn/qa/a/weights", UploadId="u"),
        "s3:AbortMultipartUpload",
    ),
    "see the uploads to another bucket": (
        lambda p, a: a.s3.list_multipart_uploads(Bucket=p.artifacts[0].source.bucket),
        "s3:ListBucketMultipartUploads",
    ),
}


@pytest.mark.parametrize("what", NOT_OF_THE_DEPLOYER)
def test_a_deployer_s_session_cannot(promoted: Promoted, act_as_step: Callable[[Step], None], what: str) -> None:
    act_as_step(Step.CREATE_MODEL)
    call, action = NOT_OF_THE_DEPLOYER[what]
    with pytest.raises(AccessDenied, match=f"role/promote-qa-deployer is not permitted to call .*{action}"):
        call(promoted, deployer_session(promoted.promotion))


def test_a_deployer_s_session_can_do_the_same_to_what_is_its_own(
    world: World, promoted: Promoted, act_as_step: Callable[[Step], None]
) -> None:
    act_as_step(Step.VERIFY_ARTIFACTS)
    account, key = deployer_session(promoted.promotion), promoted.artifacts[0].key
    with pytest.raises(ClientError, match="Could not find model"):
        account.sagemaker.describe_model(ModelName=promoted.promotion.desired_model.name)
    account.s3.head_object(Bucket=promoted.bucket, Key=key)
    upload = world.client("s3", "qa").create_multipart_upload(Bucket=promoted.bucket, Key=f"{key}.part")["UploadId"]
    assert account.s3.list_multipart_uploads(Bucket=promoted.bucket, Prefix=key)["Uploads"][0]["UploadId"] == upload
    account.s3.abort_multipart_upload(Bucket=promoted.bucket, Key=f"{key}.part", UploadId=upload)


def test_the_deployer_uses_the_key_through_s3_only(
    world: World, promoted: Promoted, act_as_step: Callable[[Step], None]
) -> None:
    act_as_step(Step.VERIFY_ARTIFACTS)
    kms = world.client("kms", "qa")
    secret = kms.encrypt(KeyId="alias/promote-qa", Plaintext=b"a data key")["CiphertextBlob"]
    s3: Any = deployer_session(promoted.promotion).s3
    session = s3._request_signer._credentials.get_frozen_credentials()
    own = {"AccessKeyId": session.access_key, "SecretAccessKey": session.secret_key, "SessionToken": session.token}
    decrypt = world.sandbox.client("kms", "qa", own).decrypt

    with pytest.raises(ClientError, match="kms:Decrypt"):
        decrypt(CiphertextBlob=secret)
    with with_changed_statement(
        world, "qa", "promote-qa-deployer", "ReadChecksums", lambda statement: statement.pop("Condition")
    ):
        assert decrypt(CiphertextBlob=secret)["Plaintext"] == b"a data key"


def test_the_execution_role_is_passed_to_sagemaker_only(world: World) -> None:
    def to_another_service(statement: dict[str, Any]) -> None:
        statement["Condition"] = {"StringEquals": {"iam:PassedToService": "lambda.amazonaws.com"}}

    subject = new_model(world, QA)
    with with_changed_statement(world, "qa", "promote-qa-deployer", "PassExecutionRole", to_another_service):
        ended = promote(world, QA, subject)
    assert ended.error == "PreflightFailed"
    assert "iam:PassRole" in ended.cause


# The copier's session. The other objects are there, and the role may do to them what the session may not.

ANOTHER = "another/model.tar.gz"
OUTSIDE = "incoming/dev/churn/qa/a/model.tar.gz"


def copy_over(p: Promoted, a: RoleSession, source: str, key: str) -> object:
    location = {"Bucket": p.artifacts[0].source.bucket, "Key": source}
    return a.s3.copy_object(CopySource=location, Bucket=p.bucket, Key=key, IfNoneMatch="*")  # type: ignore[arg-type]


NOT_OF_A_COPIER: dict[str, tuple[Call, str]] = {
    "put another key": (
        lambda p, a: a.s3.put_object(Bucket=p.bucket, Key=OUTSIDE, Body=b"", IfNoneMatch="*"),
        "s3:PutObject",
    ),
    "begin an upload to another key": (
        lambda p, a: a.s3.create_multipart_upload(Bucket=p.bucket, Key=OUTSIDE),
        "s3:PutObject",
    ),
    "see the parts of another upload": (
        lambda p, a: a.s3.list_parts(Bucket=p.bucket, Key=OUTSIDE, UploadId="u"),
        "s3:ListMultipartUploadParts",
    ),
    "read another object of the source": (
        lambda p, a: a.s3.get_object(Bucket=p.artifacts[0].source.bucket, Key=ANOTHER),
        "s3:GetObject",
    ),
    "look at another object of the source": (
        lambda p, a: a.s3.head_object(Bucket=p.artifacts[0].source.bucket, Key=ANOTHER),
        "s3:GetObject",
    ),
    "copy another object to its key": (
        lambda p, a: copy_over(p, a, ANOTHER, p.incoming_keys[0]),
        "s3:GetObject",
    ),
    "copy its object to another key": (
        lambda p, a: copy_over(p, a, p.artifacts[0].source.key, OUTSIDE),
        "s3:PutObject",
    ),
}
# Only a session for one object ends at that object's very key.
NOT_OF_ONE_OBJECT: dict[str, tuple[Call, str]] = {
    "put a key that begins as its own": (
        lambda p, a: a.s3.put_object(Bucket=p.bucket, Key=f"{p.incoming_keys[0]}.b", Body=b"", IfNoneMatch="*"),
        "s3:PutObject",
    ),
    "read an object whose key begins as its own": (
        lambda p, a: a.s3.get_object(Bucket=p.artifacts[0].source.bucket, Key=f"{p.artifacts[0].source.key}.b"),
        "s3:GetObject",
    ),
}


@pytest.mark.parametrize("what", [*NOT_OF_A_COPIER, *NOT_OF_ONE_OBJECT])
def test_a_copier_s_session_for_one_object_cannot(
    world: World, promoted: Promoted, act_as_step: Callable[[Step], None], what: str
) -> None:
    act_as_step(Step.COPY_UNIT)
    refuse_copier(world, promoted, {**NOT_OF_A_COPIER, **NOT_OF_ONE_OBJECT}[what])


@pytest.mark.parametrize("what", NOT_OF_A_COPIER)
def test_a_copier_s_session_for_several_objects_cannot(
    world: World, several: Promoted, act_as_step: Callable[[Step], None], what: str
) -> None:
    act_as_step(Step.COPY_UNIT)
    refuse_copier(world, several, NOT_OF_A_COPIER[what])


def refuse_copier(world: World, promoted: Promoted, what: tuple[Call, str]) -> None:
    first = promoted.artifacts[0].source
    for key in (ANOTHER, f"{first.key}.b"):
        world.client("s3", "dev").put_object(Bucket=first.bucket, Key=key, Body=b"x")
    call, action = what
    with pytest.raises(AccessDenied, match=f"role/promote-dev-copier is not permitted to call .*{action}"):
        call(promoted, copier_session(promoted.promotion, promoted.artifacts))


@pytest.mark.parametrize("how_many", ["promoted", "several"])
def test_a_copier_s_session_can_copy_what_it_is_for(
    request: pytest.FixtureRequest, act_as_step: Callable[[Step], None], how_many: str
) -> None:
    promoted: Promoted = request.getfixturevalue(how_many)
    act_as_step(Step.COPY_UNIT)
    s3 = copier_session(promoted.promotion, promoted.artifacts).s3
    brought = [incoming.brought(artifact, promoted.promotion) for artifact in promoted.artifacts]
    copied = [s3_copy.copy_whole(artifact, promoted.promotion.route, s3=s3) for artifact in brought]
    assert copied == [False] * {"promoted": 1, "several": 2}[how_many]  # nothing was copied: it was there already
