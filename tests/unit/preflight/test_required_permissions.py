"""The permissions that IAM simulates are those that the deployed roles have and the steps use."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest

from lambdas.promotion.contract.document import Change, DesiredResource, ImageCopy, Progress, Promotion, Transfer
from lambdas.promotion.contract.settings import Preview
from lambdas.promotion.contract.smoke_test_settings import Payload, SmokeTest
from lambdas.promotion.preflight import iam_simulation
from lambdas.promotion.preflight.check import Check, applicable, required_permissions
from lambdas.promotion.preflight.checks import CHECKS, copies, endpoint, images, preview, smoke_tests
from lambdas.promotion.preflight.context import ArtifactKey, Context
from lambdas.promotion.preflight.iam_simulation import RequiredPermission
from lambdas.promotion.preview import state as preview_state
from tests.unit.builders import STAGE, artifact, promotion

ONE = promotion()
TEST = SmokeTest(payload=Payload(text="a fine film"), content_type="text/csv")
KEY = "arn:aws:kms:us-east-1:333333333333:key/k"
SMALL, LARGE = artifact("small"), artifact("large", size=260 * 1024**2)
PUSHED = f"333333333333.dkr.ecr.us-east-1.amazonaws.com/promote/a@sha256:{'1' * 64}"
RESTORE = "sagemaker:UpdateEndpointWeightsAndCapacities"
SAGEMAKER = "arn:aws:sagemaker:us-east-1:333333333333"


def by_resource(permissions: Iterable[RequiredPermission]) -> dict[str, set[str]]:
    """The actions by resource."""
    actions: dict[str, set[str]] = {}
    for permission in permissions:
        actions.setdefault(permission.resource, set()).update(permission.actions)
    return actions


def permissions_of(checks: Iterable[Check], promotion: Promotion) -> list[RequiredPermission]:
    return required_permissions(applicable(checks, promotion), Context(promotion=promotion))


@pytest.mark.parametrize(
    ("exists", "on_endpoint"),
    [(False, {"sagemaker:CreateEndpoint", "sagemaker:AddTags"}), (True, {"sagemaker:UpdateEndpoint", RESTORE})],
    ids=["create", "update"],
)
def test_an_existing_endpoint_is_updated_and_a_missing_one_is_created(exists: bool, on_endpoint: set[str]) -> None:
    actions = by_resource(endpoint.permissions_to_deploy(ONE, endpoint_exists=exists))
    assert actions[f"{SAGEMAKER}:endpoint/reviews-qa"] == on_endpoint
    changing = on_endpoint - {"sagemaker:AddTags", RESTORE}
    config = actions[f"{SAGEMAKER}:endpoint-config/{ONE.desired_config.name}"]
    assert config == {"sagemaker:CreateEndpointConfig", "sagemaker:AddTags", *changing}


def test_a_rollback_to_names_of_another_stage_creates_nothing() -> None:
    renamed = replace(ONE, request=replace(ONE.request, roll_back=True), stage=replace(STAGE, name="staging"))
    assert renamed.restores_foreign_names
    actions = by_resource(endpoint.permissions_to_deploy(renamed, endpoint_exists=True))
    assert actions[f"{SAGEMAKER}:endpoint-config/{ONE.desired_config.name}"] == {"sagemaker:UpdateEndpoint"}
    assert f"{SAGEMAKER}:model/{ONE.desired_model.name}" not in actions
    for other in (replace(renamed, stage=STAGE), replace(renamed, request=ONE.request)):
        assert not other.restores_foreign_names


def test_the_execution_role_is_passed_to_sagemaker() -> None:
    (passed,) = [
        permission
        for permission in endpoint.permissions_to_deploy(ONE, endpoint_exists=True)
        if permission.actions == ("iam:PassRole",)
    ]
    assert passed.resource == "arn:aws:iam::333333333333:role/promote-qa-execution"
    assert passed.context == {"iam:PassedToService": "sagemaker.amazonaws.com", "aws:RequestedRegion": "us-east-1"}


def test_keys_are_used_through_s3() -> None:
    context = Context(promotion=ONE, transfers=[Transfer(artifact=SMALL)], key=ArtifactKey(arn=KEY, state="Enabled"))
    on_key = [permission for permission in required_permissions(CHECKS, context) if permission.resource == KEY]
    assert {permission.role.rpartition("-")[2] for permission in on_key} == {
        "deployer",
        "execution",
        "copier",
        "receiver",
    }
    assert len(on_key) == 4
    assert {permission.context["kms:ViaService"] for permission in on_key} == {"s3.us-east-1.amazonaws.com"}


def test_only_what_is_copied_by_parts_is_read_again_by_the_copier() -> None:
    def actions(*missing: Any) -> set[str]:
        return by_resource(copies.permissions_to_encrypt(ONE.route, missing, key=KEY)).get(KEY, set())

    assert actions() == set()
    assert actions(SMALL) == {"kms:GenerateDataKey"}
    assert actions(SMALL, LARGE) == {"kms:GenerateDataKey", "kms:Decrypt"}


def test_without_artifacts_no_read_permission_is_simulated() -> None:
    context = Context(promotion=ONE, key=ArtifactKey(arn=KEY, state="Enabled"))
    actions = {action for permission in required_permissions(CHECKS, context) for action in permission.actions}
    assert not actions & {"s3:GetObject", "kms:Decrypt"}


def test_the_execution_role_lists_only_objects_below_a_prefix() -> None:
    def lists(request: dict[str, Any]) -> list[RequiredPermission]:
        model = replace(ONE, desired_model=DesiredResource(name="m", request=request))
        permissions = copies.permissions_to_load(model, [SMALL], key=KEY)
        return [permission for permission in permissions if "s3:ListBucket" in permission.actions]

    assert lists({"PrimaryContainer": {"ModelDataUrl": "s3://b/k"}}) == []
    prefix = {"ModelDataSource": {"S3DataSource": {"S3DataType": "S3Prefix"}}}
    (listing,) = lists({"PrimaryContainer": prefix})
    assert listing.context["s3:prefix"] == "artifacts/reviews/qa/"


def test_each_ecr_image_is_pulled_and_no_other() -> None:
    ecr, other = "763104351884.dkr.ecr.us-east-1.amazonaws.com/sklearn:1", "registry.example.com/a:1"
    request = {"Containers": [{"Image": ecr}, {"Image": ecr}, {"Image": other}]}
    actions = by_resource(images.permissions_to_pull(ONE.target, request))
    assert set(actions) == {"arn:aws:ecr:us-east-1:763104351884:repository/sklearn", "*"}
    assert actions["*"] == {"ecr:GetAuthorizationToken"}


def test_an_image_is_pushed_by_its_repository() -> None:
    image = ImageCopy(
        source="2.dkr.ecr.us-east-1.amazonaws.com/a@sha256:1",
        target=f"333333333333.dkr.ecr.us-east-1.amazonaws.com/promote/a@sha256:{'1' * 64}",
    )
    (push,) = images.permissions_to_push(ONE.target, [image])
    assert push.role == "arn:aws:iam::333333333333:role/promote-qa-pusher"
    assert push.resource == "arn:aws:ecr:us-east-1:333333333333:repository/promote/a"
    assert {"ecr:CreateRepository", "ecr:PutImage"} <= set(push.actions)


def test_no_object_key_is_part_of_an_arn_that_iam_simulates() -> None:
    odd = artifact("mödel *?.tar.gz")
    context = Context(promotion=ONE, transfers=[Transfer(artifact=odd)], key=ArtifactKey(arn=KEY, state="Enabled"))
    resources = [permission.resource for permission in required_permissions(CHECKS, context)]
    assert any(resource.endswith("/artifacts/reviews/qa/model") for resource in resources)
    assert "mödel" not in json.dumps(resources, ensure_ascii=False)


def test_a_preview_is_created_and_deleted_by_the_deployer_and_invoked_by_the_invoker() -> None:
    previewed = replace(ONE, stage=replace(STAGE, smoke_tests=(TEST,), preview=Preview()))
    begun = preview_state.begin(previewed)
    actions = by_resource(permissions_of(preview.CHECKS, previewed))
    assert set(actions) == {f"{SAGEMAKER}:endpoint/{begun.endpoint}", f"{SAGEMAKER}:endpoint-config/{begun.config}"}
    assert "sagemaker:DeleteEndpoint" in actions[f"{SAGEMAKER}:endpoint/{begun.endpoint}"]
    assert set(by_resource(permissions_of(smoke_tests.CHECKS, previewed))) == {
        f"{SAGEMAKER}:endpoint/reviews-qa",
        f"{SAGEMAKER}:endpoint/{begun.endpoint}",
    }
    adopted = replace(previewed, change=Change(progress=Progress.CHANGE_REQUIRED, adopted=True))
    assert permissions_of(preview.CHECKS, adopted) == []


def test_a_role_that_invokes_an_asynchronous_endpoint_reads_its_responses() -> None:
    output = {"S3OutputPath": "s3://answers/reviews/", "S3FailurePath": "s3://failures"}
    stage = replace(STAGE, smoke_tests=(TEST,), endpoint_config={"AsyncInferenceConfig": {"OutputConfig": output}})
    assert by_resource(permissions_of(smoke_tests.CHECKS, replace(ONE, stage=stage))) == {
        f"{SAGEMAKER}:endpoint/reviews-qa": {"sagemaker:InvokeEndpointAsync"},
        "arn:aws:s3:::answers/reviews/answer": {"s3:GetObject"},
        "arn:aws:s3:::answers": {"s3:ListBucket"},
        "arn:aws:s3:::failures/answer": {"s3:GetObject"},
        "arn:aws:s3:::failures": {"s3:ListBucket"},
    }


def test_without_a_smoke_test_no_invoker_permission_is_simulated() -> None:
    assert permissions_of(smoke_tests.CHECKS, ONE) == []


def test_each_simulated_call_has_its_region() -> None:
    """A boundary that is limited to Regions decides by it."""
    previewed = replace(ONE, stage=replace(STAGE, smoke_tests=(TEST,), preview=Preview()))
    context = Context(
        promotion=previewed,
        transfers=[Transfer(artifact=SMALL)],
        key=ArtifactKey(arn=KEY, state="Enabled"),
        missing_images=(ImageCopy(source="2.dkr.ecr.us-east-1.amazonaws.com/a@sha256:1", target=PUSHED),),
    )
    permissions = required_permissions(CHECKS, context)
    assert {iam_simulation.entries([each]).get("aws:RequestedRegion") for each in permissions} == {"us-east-1"}
