"""What the endpoint serves before the change: its configuration, and how many instances it has now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lambdas.promotion.contract.errors import AccessDenied
from lambdas.promotion.endpoint import client as endpoint_client
from lambdas.promotion.endpoint.state import ObservedEndpoint

if TYPE_CHECKING:
    from mypy_boto3_sagemaker import SageMakerClient

# What DescribeEndpointConfig adds to what CreateEndpointConfig was sent.
_ADDED = {"EndpointConfigArn", "CreationTime", "ResponseMetadata"}


@dataclass(frozen=True, kw_only=True)
class CurrentDeployment:
    """An endpoint that is there, as it was `seen`; a first creation that is under way has no `config` yet.

    `counts`: the instances that each variant wants now, by its name.

    `request`: what its configuration says, in CreateEndpointConfig's words; None where it cannot be read, for `reason`.
    """

    observed: ObservedEndpoint
    config: str
    counts: dict[str, int] = field(default_factory=dict)
    request: dict[str, Any] | None = None
    reason: str = ""

    @property
    def variants(self) -> dict[str, Mapping[str, Any]]:
        """The production variants of its configuration by their names."""
        return {one["VariantName"]: one for one in (self.request or {}).get("ProductionVariants", [])}


def read_deployment(endpoint: str, *, sagemaker: SageMakerClient, configs: SageMakerClient) -> CurrentDeployment | None:
    """Return what the endpoint serves, or None if there is none. `configs` may look at its configuration."""
    found = endpoint_client.described(endpoint, sagemaker=sagemaker)
    if found is None:
        return None
    config = found.get("EndpointConfigName", "")
    request, reason = _config(config, sagemaker=configs) if config else (None, "It has never been in service.")
    return CurrentDeployment(
        observed=endpoint_client.observed_in(found),
        config=config,
        counts={
            one["VariantName"]: one["DesiredInstanceCount"]
            for one in found.get("ProductionVariants", [])
            if one.get("DesiredInstanceCount") is not None
        },
        request=request,
        reason=reason,
    )


def _config(name: str, *, sagemaker: SageMakerClient) -> tuple[dict[str, Any] | None, str]:
    try:
        found = endpoint_client.described_config(name, sagemaker=sagemaker)
    except AccessDenied as error:
        # Somebody else made it: the deployer sees the configurations of its own stages only.
        return None, str(error)
    if found is None:
        return None, "It was deleted."
    return {member: value for member, value in found.items() if member not in _ADDED}, ""
