"""The current deployment before the change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from lambdas.promotion.contract.document import VariantCapacity
from lambdas.promotion.endpoint import current_deployment
from lambdas.promotion.endpoint.state import ObservedEndpoint
from tests.adapters.conftest import Stubs
from tests.unit.builders import BEGUN, OLD_CONFIG

if TYPE_CHECKING:
    from mypy_boto3_sagemaker import SageMakerClient

DESCRIPTION: dict[str, Any] = {
    "EndpointName": "reviews-qa",
    "EndpointArn": "arn:aws:sagemaker:us-east-1:333333333333:endpoint/reviews-qa",
    "EndpointConfigName": OLD_CONFIG,
    "EndpointStatus": "InService",
    "CreationTime": BEGUN,
    "LastModifiedTime": BEGUN,
    "ProductionVariants": [{"VariantName": "All", "CurrentInstanceCount": 3, "DesiredInstanceCount": 4}],
}
CONFIG_REQUEST = {
    "EndpointConfigName": OLD_CONFIG,
    "ProductionVariants": [{"VariantName": "All", "InstanceType": "ml.m5.large"}],
}


def read(sagemaker: SageMakerClient) -> current_deployment.CurrentDeployment | None:
    return current_deployment.read_deployment("reviews-qa", sagemaker=sagemaker, configs=sagemaker)


def test_the_configuration_is_reported_as_requested_and_its_counts_as_observed(
    stubs: Stubs, sagemaker: SageMakerClient
) -> None:
    stubs.sagemaker.add_response("describe_endpoint", DESCRIPTION, {"EndpointName": "reviews-qa"})
    stubs.sagemaker.add_response(
        "describe_endpoint_config",
        {**CONFIG_REQUEST, "EndpointConfigArn": "arn:aws:sagemaker:x:3:endpoint-config/c", "CreationTime": BEGUN},
        {"EndpointConfigName": OLD_CONFIG},
    )
    deployment = read(sagemaker)
    assert deployment == current_deployment.CurrentDeployment(
        observed=ObservedEndpoint(
            status="InService",
            config=OLD_CONFIG,
            modified_at=BEGUN,
            counts_settled=False,
            capacities=(VariantCapacity(variant="All", instances=4),),
        ),
        config=OLD_CONFIG,
        counts={"All": 4},
        request=CONFIG_REQUEST,
    )


def test_a_shadow_variant_has_its_count_too(stubs: Stubs, sagemaker: SageMakerClient) -> None:
    shadow = {"VariantName": "Shadow", "DesiredInstanceCount": 2}
    serverless = {"VariantName": "Cheap", "CurrentServerlessConfig": {"MemorySizeInMB": 1024, "MaxConcurrency": 1}}
    variants = [*DESCRIPTION["ProductionVariants"], serverless]
    description = {**DESCRIPTION, "ProductionVariants": variants, "ShadowProductionVariants": [shadow]}
    stubs.sagemaker.add_response("describe_endpoint", description)
    stubs.sagemaker.add_client_error("describe_endpoint_config", "AccessDeniedException", "not authorized")
    deployment = read(sagemaker)
    assert deployment is not None
    assert deployment.counts == {"All": 4, "Shadow": 2}


def test_a_missing_endpoint_has_no_deployment(stubs: Stubs, sagemaker: SageMakerClient) -> None:
    stubs.sagemaker.add_client_error("describe_endpoint", "ValidationException", 'Could not find endpoint "x".')
    assert read(sagemaker) is None


@pytest.mark.parametrize(
    ("code", "message", "reason"),
    [
        ("AccessDeniedException", "not authorized", "is not permitted to call sagemaker:DescribeEndpointConfig"),
        ("ValidationException", 'Could not find endpoint configuration "c".', "It was deleted."),
    ],
)
def test_a_configuration_that_cannot_be_read_has_a_reason(
    stubs: Stubs, sagemaker: SageMakerClient, code: str, message: str, reason: str
) -> None:
    stubs.sagemaker.add_response("describe_endpoint", DESCRIPTION)
    stubs.sagemaker.add_client_error("describe_endpoint_config", code, message)
    deployment = read(sagemaker)
    assert deployment is not None
    assert (deployment.request, deployment.variants) == (None, {})
    assert reason in deployment.reason


def test_an_endpoint_that_was_never_in_service_has_no_configuration(stubs: Stubs, sagemaker: SageMakerClient) -> None:
    new = {
        name: value for name, value in DESCRIPTION.items() if name not in {"EndpointConfigName", "ProductionVariants"}
    }
    stubs.sagemaker.add_response("describe_endpoint", {**new, "EndpointStatus": "Creating"})
    deployment = read(sagemaker)
    assert deployment is not None
    assert (deployment.config, deployment.counts, deployment.request) == ("", {}, None)
