"""SageMaker reports ValidationException for nearly everything: the message decides, and a code alone never does."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from botocore.exceptions import ClientError

from lambdas.promotion.aws import sagemaker_errors

Predicate = Callable[[ClientError], bool]
MISSING, EXISTING = sagemaker_errors.is_missing, sagemaker_errors.is_existing
IN_PROGRESS, NO_DATA, QUOTA = (
    sagemaker_errors.is_in_progress,
    sagemaker_errors.is_no_model_data,
    sagemaker_errors.is_quota,
)
VALIDATION = "ValidationException"
# SageMaker's messages, and the predicates that hold for them.
MESSAGES: list[tuple[str, str, set[Predicate]]] = [
    (VALIDATION, 'Could not find model "arn:aws:sagemaker:us-east-1:333333333333:model/m".', {MISSING}),
    (VALIDATION, 'Could not find endpoint "arn:aws:sagemaker:us-east-1:333333333333:endpoint/e".', {MISSING}),
    (VALIDATION, 'Could not find endpoint configuration "arn".', {MISSING}),
    (VALIDATION, "ModelPackage arn:aws:sagemaker:us-east-1:2:model-package/g/1 does not exist.", {MISSING}),
    ("ResourceNotFound", "Requested resource not found.", {MISSING}),
    (VALIDATION, 'Cannot create already existing model "arn"', {EXISTING}),
    (VALIDATION, 'Cannot create already existing endpoint configuration "arn"', {EXISTING}),
    (VALIDATION, 'Cannot create already existing endpoint "arn"', {EXISTING}),
    (VALIDATION, 'Cannot update in-progress endpoint "arn"', {IN_PROGRESS}),
    (VALIDATION, 'Could not access model data at s3://b/k. Please ensure that the role "r" exists', {NO_DATA}),
    ("ResourceLimitExceeded", "The account-level service limit 'ml.m5.large for endpoint usage' is 0", {QUOTA}),
    (VALIDATION, "1 validation error detected: Value 'a_b' at 'modelName' failed to satisfy constraint", set()),
    (VALIDATION, "Requested image i not found.", set()),
    ("AccessDeniedException", "Could not find model", set()),
    ("AccessDeniedException", "the role does not exist", set()),
    ("ThrottlingException", "Cannot create already existing model", set()),
    (VALIDATION, "", set()),
]


@pytest.mark.parametrize("predicate", [MISSING, EXISTING, IN_PROGRESS, NO_DATA, QUOTA])
@pytest.mark.parametrize(("code", "message", "expected"), MESSAGES)
def test_each_message_satisfies_only_its_own_predicates(
    code: str, message: str, expected: set[Predicate], predicate: Predicate
) -> None:
    error = ClientError({"Error": {"Code": code, "Message": message}}, "DescribeModel")
    assert predicate(error) is (predicate in expected)


def test_the_missing_model_data_error_means_permissions_or_data() -> None:
    error = ClientError({"Error": {"Code": VALIDATION, "Message": "Could not find model data at s3://b/k"}}, "X")
    assert NO_DATA(error)


def test_missing_model_data_is_no_missing_model() -> None:
    error = ClientError({"Error": {"Code": VALIDATION, "Message": "Could not find model data at s3://b/k"}}, "X")
    assert not MISSING(error)
