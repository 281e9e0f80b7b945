"""The rights that IAM is asked for are those that the deployed roles have and the steps use."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from lambdas.promotion.contract.document import Change, DesiredResource, ImageCopy, Progress
from lambdas.promotion.contract.settings import Preview
from lambdas.promotion.contract.smoke_test_settings import Payload, SmokeTest
from lambdas.promotion.preflight import required_permissions
from lambdas.promotion.preflight.iam_simulation import RequiredPermission
from lambdas.promotion.preview import state as preview_state
from tests.unit.builders import STAGE, artifact, promotion

ONE = promotion()
TEST = SmokeTest(payload=Payload(text="a fine film"), content_type="text/csv")
KEY = "arn:aws:kms:us-east-1:333333333333:key/k"
SMALL, LARGE = artifact("small"), artifact("large", size=260 * 1024**2)
SAGEMAKER = "arn:aws:sagemaker:us-east-1:333333333333"


def asked(found: Any) -> dict[str, set[str]]:
    """The actions by resource."""
    by_resource: dict[str, set[str]] = {}
    for one in found:
        by_resource.setdefault(one.resource, set()).update(one.actions)
    return by_resource


@pytest.mark.parametrize(
    ("there", "on_endpoint"),
    [(False, {"sagemaker:CreateEndpoint", "sagemaker:AddTags"}), (True, {"sagemaker:UpdateEndpoint"})],
    ids=["create", "update"],
)
def test_an_existing_endpoint_is_updated_and_a_missing_one_is_created(there: bool, on_endpoint: set[str]) -> None:
    found = asked(required_permissions.of_deployer(ONE, [SMALL], endpoint_exists=there, key=KEY))
    assert found[f"{SAGEMAKER}:endpoint/reviews-qa"] == on_endpoint
    changing = on_endpoint - {"sagemaker:AddTags"}
    config = found[f"{SAGEMAKER}:endpoint-config/{ONE.desired_config.name}"]
    assert config == {"sagemaker:CreateEndpointConfig", "sagemaker:AddTags", *changing}


def test_the_execution_role_is_passed_to_sagemaker() -> None:
    (one,) = [
        n
        for n in required_permissions.of_deployer(ONE, [], endpoint_exists=True, key=None)
        if n.actions == ("iam:PassRole",)
    ]
    assert one.resource == "arn:aws:iam::333333333333:role/promote-qa-execution"
    assert one.context == {"iam:PassedToService": "sagemaker.amazonaws.com"}


def test_keys_are_used_through_s3() -> None:
    by_kms = [
        one
        for found in (
            required_permissions.of_deployer(ONE, [SMALL], endpoint_exists=True, key=KEY),
            required_permissions.of_execution_role(ONE, [SMALL], key=KEY),
            required_permissions.of_copier(ONE, [SMALL], key=KEY),
        )
        for one in found
        if one.resource == KEY
    ]
    assert len(by_kms) == 3
    assert {one.context["kms:ViaService"] for one in by_kms} == {"s3.us-east-1.amazonaws.com"}


def test_only_what_is_copied_by_parts_is_read_again_by_the_copier() -> None:
    def actions(*missing: Any) -> set[str]:
        return asked(required_permissions.of_copier(ONE, missing, key=KEY)).get(KEY, set())

    assert actions() == set()
    assert actions(SMALL) == {"kms:GenerateDataKey"}
    assert actions(SMALL, LARGE) == {"kms:GenerateDataKey", "kms:Decrypt"}


def test_without_artifacts_no_read_permission_is_simulated() -> None:
    found = [
        *required_permissions.of_deployer(ONE, [], endpoint_exists=True, key=KEY),
        *required_permissions.of_execution_role(ONE, [], key=KEY),
    ]
    assert not [one for one in found if "s3:GetObject" in one.actions or "kms:Decrypt" in one.actions]


def test_the_execution_role_lists_only_objects_below_a_prefix() -> None:
    def lists(request: dict[str, Any]) -> list[RequiredPermission]:
        one = replace(ONE, desired_model=DesiredResource(name="m", request=request))
        return [
            n for n in required_permissions.of_execution_role(one, [SMALL], key=KEY) if "s3:ListBucket" in n.actions
        ]

    assert lists({"PrimaryContainer": {"ModelDataUrl": "s3://b/k"}}) == []
    prefix = {"ModelDataSource": {"S3DataSource": {"S3DataType": "S3Prefix"}}}
    (one,) = lists({"PrimaryContainer": prefix})
    assert one.context["s3:prefix"] == "artifacts/reviews/qa/"


def test_each_ecr_image_is_pulled_and_no_other() -> None:
    ecr, other = "763104351884.dkr.ecr.us-east-1.amazonaws.com/sklearn:1", "registry.example.com/a:1"
    request = {"Containers": [{"Image": ecr}, {"Image": ecr}, {"Image": other}]}
    one = replace(ONE, desired_model=DesiredResource(name="m", request=request))
    found = asked(required_permissions.of_execution_role(one, [], key=None))
    assert set(found) == {"arn:aws:ecr:us-east-1:763104351884:repository/sklearn", "*"}
    assert found["*"] == {"ecr:GetAuthorizationToken"}


def test_an_image_is_pushed_by_its_repository() -> None:
    image = ImageCopy(
        source="2.dkr.ecr.us-east-1.amazonaws.com/a@sha256:1",
        target=f"333333333333.dkr.ecr.us-east-1.amazonaws.com/promote/a@sha256:{'1' * 64}",
    )
    (one,) = required_permissions.of_pusher(ONE, [image])
    assert one.role == "arn:aws:iam::333333333333:role/promote-qa-pusher"
    assert one.resource == "arn:aws:ecr:us-east-1:333333333333:repository/promote/a"
    assert {"ecr:CreateRepository", "ecr:PutImage"} <= set(one.actions)


def test_no_object_key_is_part_of_an_arn_that_iam_simulates() -> None:
    odd = artifact("mödel *?.tar.gz")
    found = [
        *required_permissions.of_deployer(ONE, [odd], endpoint_exists=True, key=KEY),
        *required_permissions.of_execution_role(ONE, [odd], key=KEY),
    ]
    assert "mödel" not in json.dumps([one.resource for one in found], ensure_ascii=False)


def test_a_preview_is_created_and_deleted_by_the_deployer_and_invoked_by_the_invoker() -> None:
    tried = replace(ONE, stage=replace(STAGE, smoke_tests=(TEST,), preview=Preview()))
    preview = preview_state.begin(tried)
    found = asked(required_permissions.of_preview(tried))
    assert set(found) == {f"{SAGEMAKER}:endpoint/{preview.endpoint}", f"{SAGEMAKER}:endpoint-config/{preview.config}"}
    assert "sagemaker:DeleteEndpoint" in found[f"{SAGEMAKER}:endpoint/{preview.endpoint}"]
    assert set(asked(required_permissions.of_invoker(tried))) == {
        f"{SAGEMAKER}:endpoint/reviews-qa",
        f"{SAGEMAKER}:endpoint/{preview.endpoint}",
    }
    serves = replace(tried, change=Change(progress=Progress.CHANGE_REQUIRED, adopted=True))
    assert list(required_permissions.of_preview(serves)) == []


def test_a_role_that_invokes_an_asynchronous_endpoint_reads_its_responses() -> None:
    output = {"S3OutputPath": "s3://answers/reviews/", "S3FailurePath": "s3://failures"}
    stage = replace(STAGE, smoke_tests=(TEST,), endpoint_config={"AsyncInferenceConfig": {"OutputConfig": output}})
    assert asked(required_permissions.of_invoker(replace(ONE, stage=stage))) == {
        f"{SAGEMAKER}:endpoint/reviews-qa": {"sagemaker:InvokeEndpointAsync"},
        "arn:aws:s3:::answers/reviews/answer": {"s3:GetObject"},
        "arn:aws:s3:::answers": {"s3:ListBucket"},
        "arn:aws:s3:::failures/answer": {"s3:GetObject"},
        "arn:aws:s3:::failures": {"s3:ListBucket"},
    }


def test_without_a_smoke_test_no_invoker_permission_is_simulated() -> None:
    assert list(required_permissions.of_invoker(ONE)) == []
