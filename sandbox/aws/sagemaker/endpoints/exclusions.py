"""What SageMaker does not combine: in one endpoint configuration, and in one deployment.

The rules are the API's and the developer guide's (serverless exclusions, deployment guardrails, shadow variants). The
texts that are not recorded are from memory, and so is what is counted when a size is a number of instances.
"""

from collections.abc import Iterator

from recordings import store
from sandbox.aws.sagemaker.api.errors import Invalid
from sandbox.aws.sagemaker.state import Record

# AWS's own example has a KmsKeyId (recordings/sagemaker/CreateEndpointConfig.yaml: serverless-with-a-key).
NOT_SERVERLESS: tuple[str, ...] = ("DataCaptureConfig", "AsyncInferenceConfig", "CrossRegionTrafficConfig")
# API: TrafficRoutingConfig, RollingUpdatePolicy.
MAX_PERCENT = 50
MIN_PERCENT = {"CanarySize": 1, "LinearStepSize": 10, "MaximumBatchSize": 5}


def require_possible_config(request: Record) -> None:
    """Raise what CreateEndpointConfig answers to members that exclude each other."""
    variants, shadows = request["ProductionVariants"], request.get("ShadowProductionVariants", [])
    if shadows and (len(variants), len(shadows)) != (1, 1):
        raise Invalid("Only one production variant and one shadow production variant can be specified together.")
    if shadows:
        _require_possible_shadow(request, [*variants, *shadows])
    if "AsyncInferenceConfig" in request and "CrossRegionTrafficConfig" in request:
        raise Invalid("Asynchronous endpoints do not support CrossRegionTrafficConfig.")
    if any("ServerlessConfig" in variant for variant in [*variants, *shadows]):
        excluded = [name for name in NOT_SERVERLESS if name in request]
        if len(variants) + len(shadows) > 1:
            excluded.append("multiple variants")
        if excluded:
            raise Invalid(f"Serverless endpoints do not support {', '.join(excluded)}.")
    for variant in [*variants, *shadows]:
        _require_possible_variant(variant)


def require_possible_policy(policy: Record, config: Record) -> None:
    """Raise what CreateEndpoint and UpdateEndpoint answer to a deployment policy that a configuration excludes."""
    if "BlueGreenUpdatePolicy" in policy and "RollingUpdatePolicy" in policy:
        raise Invalid("Only one of BlueGreenUpdatePolicy and RollingUpdatePolicy can be specified.")
    variants = config["ProductionVariants"]
    if "RollingUpdatePolicy" in policy:
        if any("ServerlessConfig" in variant for variant in variants):
            raise Invalid("RollingUpdatePolicy is not supported for serverless endpoints.")
        if len(variants) + len(config.get("ShadowProductionVariants", [])) > 1:
            raise Invalid("RollingUpdatePolicy is not supported for endpoints with multiple variants.")
    instances = sum(variant.get("InitialInstanceCount", 0) for variant in variants)
    for field, size in _sizes(policy):
        percent = size["Value"] if size["Type"] == "CAPACITY_PERCENT" else 100 * size["Value"] / max(1, instances)
        if not MIN_PERCENT[field] <= percent <= MAX_PERCENT:
            raise Invalid(f"{field} must be between {MIN_PERCENT[field]}% and {MAX_PERCENT}% of the capacity.")


def _require_possible_shadow(request: Record, variants: list[Record]) -> None:
    hosts = [host for variant in variants for host in (variant, *variant.get("InstancePools", []))]
    if "AsyncInferenceConfig" in request:
        raise Invalid("Shadow production variants do not support AsyncInferenceConfig.")
    if any(host.get("InstanceType", "").startswith("ml.inf1.") for host in hosts):
        raise Invalid("Shadow production variants do not support Inf1 instances.")


def _require_possible_variant(variant: Record) -> None:
    name, serverless = variant["VariantName"], variant.get("ServerlessConfig", {})
    if "ManagedInstanceScaling" in variant:
        refusal = store.recording("sagemaker/CreateEndpointConfig/managed-instance-scaling-with-a-model")
        raise Invalid(refusal.error["message"])
    if serverless.get("ProvisionedConcurrency", 0) > serverless.get("MaxConcurrency", 0):
        raise Invalid(f"ProvisionedConcurrency must not exceed MaxConcurrency for production variant {name}.")
    if "InstanceType" in variant and "InstancePools" in variant:
        raise Invalid(f"Production variant {name} must have one of InstanceType and InstancePools.")
    routing = variant.get("RoutingConfig", {})
    if "PrefixAwareRoutingConfig" in routing and routing["RoutingStrategy"] != "PREFIX_AWARE":
        raise Invalid(f"PrefixAwareRoutingConfig needs the strategy PREFIX_AWARE for production variant {name}.")


def _sizes(policy: Record) -> Iterator[tuple[str, Record]]:
    routing = policy.get("BlueGreenUpdatePolicy", {}).get("TrafficRoutingConfiguration", {})
    for field, part in (
        ("CanarySize", routing),
        ("LinearStepSize", routing),
        ("MaximumBatchSize", policy.get("RollingUpdatePolicy", {})),
    ):
        if field in part:
            yield field, part[field]
