"""The endpoint's current deployment, before the change: its configuration and its instance counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lambdas.promotion.contract.errors import AccessDenied
from lambdas.promotion.endpoint import client as endpoint_client
from lambdas.promotion.endpoint.state import ObservedEndpoint

if TYPE_CHECKING:
    from mypy_boto3_sagemaker import SageMakerClient

# The fields that DescribeEndpointConfig adds to CreateEndpointConfig's request.
_ADDED = {"EndpointConfigArn", "CreationTime", "ResponseMetadata"}
_DELETED = "It was deleted."


@dataclass(frozen=True, kw_only=True)
class CurrentDeployment:
    """An endpoint that exists, as it was `observed`; a first creation that is in progress has no `config` yet.

    `counts`: the desired number of instances of each variant, a shadow variant included, by its name.

    `request`: its configuration in the shape of CreateEndpointConfig; None if it cannot be read, for `reason`;
    `config_deleted`: it no longer exists.
    """

    observed: ObservedEndpoint
    config: str
    counts: dict[str, int] = field(default_factory=dict)
    request: dict[str, Any] | None = None
    reason: str = ""
    config_deleted: bool = False

    @property
    def variants(self) -> dict[str, Mapping[str, Any]]:
        """The production variants of its configuration by their names."""
        return {variant["VariantName"]: variant for variant in (self.request or {}).get("ProductionVariants", [])}


def read_deployment(endpoint: str, *, sagemaker: SageMakerClient, configs: SageMakerClient) -> CurrentDeployment | None:
    """Return the endpoint's current deployment, or None if it does not exist. `configs` may read its configuration."""
    description = endpoint_client.described(endpoint, sagemaker=sagemaker)
    if description is None:
        return None
    config = description.get("EndpointConfigName", "")
    request, reason = _config(config, sagemaker=configs) if config else (None, "It has never been in service.")
    return CurrentDeployment(
        observed=endpoint_client.observed_in(description),
        config=config,
        counts={
            variant["VariantName"]: variant["DesiredInstanceCount"]
            for variant in [
                *description.get("ProductionVariants", []),
                *description.get("ShadowProductionVariants", []),
            ]
            if variant.get("DesiredInstanceCount") is not None
        },
        request=request,
        reason=reason,
        config_deleted=reason == _DELETED,
    )


def _config(name: str, *, sagemaker: SageMakerClient) -> tuple[dict[str, Any] | None, str]:
    try:
        description = endpoint_client.described_config(name, sagemaker=sagemaker)
    except AccessDenied as error:
        # Another principal created it: the deployer may read the configurations of its own stages only.
        return None, str(error)
    if description is None:
        return None, _DELETED
    return {name: value for name, value in description.items() if name not in _ADDED}, ""
