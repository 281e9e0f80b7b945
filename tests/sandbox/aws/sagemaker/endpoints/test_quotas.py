"""Quotas: asked of Service Quotas, and what SageMaker does when an endpoint would exceed one."""

from typing import Any

import pytest

from recordings import store
from sandbox.aws.faults.faults import Kind
from tests.sandbox.aws.sagemaker.builders import SageMakerBuilder, refused, unique
from tests.sandbox.aws.sagemaker.server import ACCOUNT, Server

# Types of which no other test has an instance.
SCARCE, OTHER = "ml.c4.large", "ml.c4.xlarge"


@pytest.fixture
def quotas(server: Server) -> Any:
    return server.client("service-quotas")


def endpoint_quotas(quotas: Any) -> dict[str, dict[str, Any]]:
    pages = quotas.get_paginator("list_service_quotas").paginate(ServiceCode="sagemaker")
    return {quota["QuotaName"]: quota for page in pages for quota in page["Quotas"]}


def test_each_instance_type_has_a_quota_for_endpoints(quotas: Any) -> None:
    by_name = endpoint_quotas(quotas)

    assert len(by_name) > 100
    assert by_name["ml.m5.large for endpoint usage"]["Value"] == 1000.0
    code = by_name["ml.m5.large for endpoint usage"]["QuotaCode"]
    answer = quotas.get_service_quota(ServiceCode="sagemaker", QuotaCode=code)
    assert answer["Quota"]["QuotaName"] == "ml.m5.large for endpoint usage"


def test_a_quota_has_the_code_that_was_published(quotas: Any) -> None:
    published = store.response("service-quotas/ListServiceQuotas/endpoint-usage-codes")["Quotas"]
    by_name = endpoint_quotas(quotas)
    assert {quota["QuotaName"]: quota["QuotaCode"] for quota in published}.items() <= {
        name: quota["QuotaCode"] for name, quota in by_name.items()
    }.items()


def test_a_switch_changes_a_quota_until_it_is_cleared(server: Server, quotas: Any) -> None:
    server.faults.inject("*", Kind.QUOTA, resource=SCARCE, account=ACCOUNT, value=3, times=None)

    assert endpoint_quotas(quotas)[f"{SCARCE} for endpoint usage"]["Value"] == 3.0
    server.faults.clear()
    assert endpoint_quotas(quotas)[f"{SCARCE} for endpoint usage"]["Value"] == 1000.0


def test_unknown_quotas_and_services_are_not_found(quotas: Any) -> None:
    with refused("NoSuchResourceException", "quota does not exist"):
        quotas.get_service_quota(ServiceCode="sagemaker", QuotaCode="L-00000000")
    with refused("NoSuchResourceException", "service does not exist"):
        quotas.list_service_quotas(ServiceCode="ec2")


def test_listing_quotas_requires_permission(server: Server, builder: SageMakerBuilder) -> None:
    name = builder.role({"Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}})
    caller = server.client("service-quotas", credentials=server.role_credentials(name))
    with refused("AccessDeniedException", "servicequotas:ListServiceQuotas"):
        caller.list_service_quotas(ServiceCode="sagemaker")


def test_an_endpoint_beyond_the_quota_is_not_created(server: Server, builder: SageMakerBuilder) -> None:
    server.faults.inject("*", Kind.QUOTA, resource=SCARCE, value=1, times=None)
    config = builder.config(InstanceType=SCARCE, InitialInstanceCount=2)
    message = (
        f"The account-level service limit '{SCARCE} for endpoint usage' is 1 Instances, with current utilization of 0"
    )
    with refused("ResourceLimitExceeded", message):
        builder.sagemaker.create_endpoint(EndpointName=unique("endpoint"), EndpointConfigName=config)


def test_an_update_needs_the_quota_for_old_and_new_instances_at_once(server: Server, builder: SageMakerBuilder) -> None:
    server.faults.inject("*", Kind.QUOTA, resource=OTHER, value=3, times=None)
    endpoint = builder.endpoint(builder.config(InstanceType=OTHER, InitialInstanceCount=2))
    with refused("ResourceLimitExceeded", "current utilization of 2 Instances and a request delta of 2 Instances"):
        builder.sagemaker.update_endpoint(
            EndpointName=endpoint, EndpointConfigName=builder.config(InstanceType=OTHER, InitialInstanceCount=2)
        )
    fresh = builder.config(InstanceType=OTHER)

    assert builder.update(endpoint, fresh)["EndpointConfigName"] == fresh
