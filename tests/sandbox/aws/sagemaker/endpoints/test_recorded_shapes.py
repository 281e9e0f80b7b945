"""The sandbox describes an endpoint with the fields that AWS is recorded to give, no more and no fewer."""

from __future__ import annotations

from typing import Any

import pytest

from recordings import store
from tests.sandbox.aws.sagemaker.builders import SageMakerBuilder

SERVERLESS = {"MemorySizeInMB": 1024, "MaxConcurrency": 1}


def fields(description: dict[str, Any]) -> tuple[set[str], list[set[str]]]:
    """The fields of the endpoint, and those of each variant."""
    return set(description) - {"ResponseMetadata"}, [set(variant) for variant in description["ProductionVariants"]]


@pytest.mark.parametrize("name", ["realtime-in-service", "serverless-in-service-own-image"])
def test_an_endpoint_in_service_has_the_recorded_fields(builder: SageMakerBuilder, name: str) -> None:
    recorded = store.response(f"sagemaker/DescribeEndpoint/{name}")
    config = builder.config()
    if name.startswith("serverless"):
        config = f"{config}-serverless"
        builder.sagemaker.create_endpoint_config(
            EndpointConfigName=config,
            ProductionVariants=[
                {"VariantName": "AllTraffic", "ModelName": builder.model(), "ServerlessConfig": SERVERLESS}
            ],
        )
    assert fields(builder.rest(builder.endpoint(config))) == fields(recorded)
