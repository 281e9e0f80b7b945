"""SageMaker reports ValidationException for nearly everything: the message decides, and a code alone never does."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from botocore.exceptions import ClientError

from lambdas.promotion.aws import sagemaker_errors
from recordings import store

Predicate = Callable[[ClientError], bool]
MISSING, EXISTING = sagemaker_errors.is_missing, sagemaker_errors.is_existing
IN_PROGRESS, NO_DATA, QUOTA = (
    sagemaker_errors.is_in_progress,
    sagemaker_errors.is_no_model_data,
    sagemaker_errors.is_quota,
)
SCALED, IN_USE = sagemaker_errors.is_scaled, sagemaker_errors.is_config_in_use
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


@pytest.mark.parametrize(
    ("config", "expected"), [("reviews-config-old", True), ("Reviews-Config-OLD", True), ("reviews-config", False)]
)
def test_a_missing_configuration_is_known_by_its_whole_name(config: str, expected: bool) -> None:
    error = store.error("sagemaker/UpdateEndpoint/live-configuration-missing")
    assert sagemaker_errors.is_missing_config(error, config) is expected


# The predicates that hold for each recorded error of SageMaker.
RECORDED: dict[str, set[Predicate]] = {
    "sagemaker/CreateEndpoint/already-exists": {EXISTING},
    "sagemaker/CreateEndpoint/quota-held-by-instance-pools": {QUOTA},
    "sagemaker/CreateEndpoint/quota-newer-wording": {QUOTA},
    "sagemaker/CreateEndpoint/quota-of-all-endpoints": {QUOTA},
    "sagemaker/CreateEndpoint/quota-of-instance-type": {QUOTA},
    "sagemaker/CreateEndpointConfig/already-exists": {EXISTING},
    "sagemaker/CreateEndpointConfig/instance-type-not-in-enum": set(),
    "sagemaker/CreateEndpointConfig/managed-instance-scaling-not-supported-here": set(),
    "sagemaker/CreateEndpointConfig/managed-instance-scaling-with-a-model": set(),
    "sagemaker/CreateEndpointConfig/managed-instance-scaling-zero-by-region": set(),
    "sagemaker/CreateEndpointConfig/model-missing": {MISSING},
    "sagemaker/CreateEndpointConfig/serverless-image-of-other-account": set(),
    "sagemaker/CreateEndpointConfig/serverless-with-model-data-source": set(),
    "sagemaker/CreateModel/already-exists": {EXISTING},
    "sagemaker/CreateModel/image-not-found": set(),
    "sagemaker/CreateModel/image-without-tag-2018": set(),
    "sagemaker/CreateModel/model-data-access": {NO_DATA},
    "sagemaker/CreateModel/model-data-missing": {NO_DATA},
    "sagemaker/CreateModel/model-data-prefix-given-as-url": {NO_DATA},
    "sagemaker/CreateModel/multi-model-in-pipeline": set(),
    "sagemaker/CreateModel/non-ecr-image": set(),
    "sagemaker/CreateModel/two-constraints-in-one-message": set(),
    "sagemaker/DeleteEndpoint/in-progress-while-creating": {IN_PROGRESS},
    "sagemaker/DeleteEndpoint/not-found": {MISSING},
    "sagemaker/DeleteEndpoint/scalable-target-without-permission": {SCALED},
    "sagemaker/DeleteEndpointConfig/not-found": {MISSING},
    "sagemaker/DescribeEndpoint/not-found": {MISSING},
    "sagemaker/DescribeEndpointConfig/not-found": {MISSING},
    "sagemaker/DescribeModel/missing-model": {MISSING},
    "sagemaker/DescribeModel/missing-model-under-tag-conditioned-policy": set(),
    "sagemaker/DescribeModelPackage/access-denied-identity": set(),
    "sagemaker/DescribeModelPackage/missing": {MISSING},
    "sagemaker/DescribeModelPackage/name-pattern": set(),
    "sagemaker/DescribeModelPackage/other-region-arn": set(),
    "sagemaker/UpdateEndpoint/async-config-removed": set(),
    "sagemaker/UpdateEndpoint/in-progress": {IN_PROGRESS},
    "sagemaker/UpdateEndpoint/live-configuration-missing": {MISSING},
    "sagemaker/UpdateEndpoint/same-configuration": {IN_USE},
    "sagemaker/UpdateEndpointWeightsAndCapacities/in-progress": {IN_PROGRESS},
}
ERRORS = [entry.key for entry in store.recordings().values() if entry.error and entry.key.startswith("sagemaker/")]


@pytest.mark.parametrize("key", ERRORS)
def test_each_recorded_error_satisfies_only_its_own_predicates(key: str) -> None:
    error = store.error(key)
    held = {
        predicate for predicate in (MISSING, EXISTING, IN_PROGRESS, NO_DATA, QUOTA, SCALED, IN_USE) if predicate(error)
    }
    assert held == RECORDED[key]


def test_every_expected_error_is_recorded() -> None:
    assert set(RECORDED) == set(ERRORS)
