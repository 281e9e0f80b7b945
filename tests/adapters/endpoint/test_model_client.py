"""The target's model: created if it is missing, accepted only if it is the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from lambdas.promotion.contract.errors import (
    AccessDenied,
    CallRefused,
    ModelDataNotAccessible,
    NameTaken,
    NotYetVisible,
    PromotionError,
    QuotaExceeded,
)
from lambdas.promotion.endpoint import model_client
from tests.adapters.conftest import Stubs
from tests.unit.builders import TRAINED, promotion

if TYPE_CHECKING:
    from mypy_boto3_sagemaker import SageMakerClient

DESIRED = promotion().desired_model
DESCRIPTION: dict[str, Any] = {
    **DESIRED.request,
    "ModelArn": "arn:aws:sagemaker:us-east-1:3:model/m",
    "CreationTime": TRAINED,
}


def ensure(sagemaker: SageMakerClient, *, retry_count: int = 0) -> None:
    model_client.ensure(DESIRED, {"team": "nlp"}, retry_count=retry_count, sagemaker=sagemaker)


def refuse(stubs: Stubs, code: str, message: str) -> None:
    stubs.sagemaker.add_client_error("create_model", code, message, 400)


def exists(stubs: Stubs, **changes: Any) -> None:
    refuse(stubs, "ValidationException", 'Cannot create already existing model "arn"')
    stubs.sagemaker.add_response("describe_model", {**DESCRIPTION, **changes}, {"ModelName": DESIRED.name})


def test_the_model_is_created_as_desired_with_its_tags(sagemaker: SageMakerClient, stubs: Stubs) -> None:
    sent = {**DESIRED.request, "Tags": [{"Key": "team", "Value": "nlp"}]}
    stubs.sagemaker.add_response("create_model", {"ModelArn": DESCRIPTION["ModelArn"]}, sent)
    ensure(sagemaker)


def test_an_existing_identical_model_is_ours(sagemaker: SageMakerClient, stubs: Stubs) -> None:
    exists(stubs)
    ensure(sagemaker)


def test_an_existing_different_model_is_refused(sagemaker: SageMakerClient, stubs: Stubs) -> None:
    exists(stubs, EnableNetworkIsolation=True)
    with pytest.raises(NameTaken, match="EnableNetworkIsolation"):
        ensure(sagemaker)


def test_a_default_that_sagemaker_leaves_out_is_not_a_difference(sagemaker: SageMakerClient, stubs: Stubs) -> None:
    """The API does not promise EnableNetworkIsolation in its response."""
    refuse(stubs, "ValidationException", 'Cannot create already existing model "arn"')
    stubs.sagemaker.add_response(
        "describe_model", {name: value for name, value in DESCRIPTION.items() if name != "EnableNetworkIsolation"}
    )
    ensure(sagemaker)


def test_a_model_that_was_just_created_and_is_not_visible_yet_is_retried(
    sagemaker: SageMakerClient, stubs: Stubs
) -> None:
    refuse(stubs, "ValidationException", 'Cannot create already existing model "arn"')
    stubs.sagemaker.add_client_error("describe_model", "ValidationException", 'Could not find model "arn".')
    with pytest.raises(NotYetVisible):
        ensure(sagemaker)


@pytest.mark.parametrize("message", ["Could not access model data at s3://b/k.", "Could not find model data at s3://b"])
@pytest.mark.parametrize(("retry_count", "name"), [(0, NotYetVisible), (2, NotYetVisible), (3, ModelDataNotAccessible)])
def test_new_permissions_get_time_to_propagate(
    sagemaker: SageMakerClient, stubs: Stubs, message: str, retry_count: int, name: type[PromotionError]
) -> None:
    refuse(stubs, "ValidationException", message)
    with pytest.raises(name, match=message):
        ensure(sagemaker, retry_count=retry_count)


@pytest.mark.parametrize(
    ("code", "message", "name"),
    [
        ("ResourceLimitExceeded", "limit 'models' is 5", QuotaExceeded),
        ("ValidationException", "Requested image i not found.", CallRefused),
        ("ValidationException", "1 validation error detected", CallRefused),
        ("AccessDeniedException", "no identity-based policy allows sagemaker:CreateModel", AccessDenied),
    ],
)
def test_a_refusal_has_a_name_and_quotes_sagemaker(
    sagemaker: SageMakerClient, stubs: Stubs, code: str, message: str, name: type[PromotionError]
) -> None:
    refuse(stubs, code, message)
    with pytest.raises(name, match=message) as refused:
        ensure(sagemaker)
    assert DESIRED.name in str(refused.value)
