"""The endpoint operations: what may be asked for, and in which state."""

from collections.abc import Iterable
from dataclasses import replace

from ministack.core.responses import get_account_id

from sandbox.aws.faults import fault_queue
from sandbox.aws.faults.faults import OF_DEPLOYMENTS, Fault, Kind, Layer
from sandbox.aws.sagemaker import state
from sandbox.aws.sagemaker.api import arns, paging, tags
from sandbox.aws.sagemaker.api.errors import Invalid
from sandbox.aws.sagemaker.endpoints import alarms, deployment, endpoint_configs, exclusions, quotas, scalable_targets
from sandbox.aws.sagemaker.endpoints.endpoint import Endpoint, Pending, Status, Variant, find, now
from sandbox.aws.sagemaker.models import models
from sandbox.aws.sagemaker.state import Record


def create_endpoint(request: Record) -> Record:
    name = request["EndpointName"]
    config = endpoint_configs.find(request["EndpointConfigName"])
    pending = _pending(config, request.get("DeploymentConfig", {}))
    with state.LOCK:
        if name.lower() in state.endpoints:
            raise Invalid(f'Cannot create already existing endpoint "{arns.endpoint(name)}".')
        quotas.require_room(_instances(pending.variants))
        moment = now()
        endpoint = Endpoint(
            name=name, arn=arns.endpoint(name), config=config, created=moment, modified=moment, pending=pending
        )
        tags.put(endpoint.arn, request.get("Tags", []))
        state.endpoints[name.lower()] = endpoint
        deployment.create(endpoint, _fault("CreateEndpoint", name))
    return {"EndpointArn": endpoint.arn}


def update_endpoint(request: Record) -> Record:
    with state.LOCK:
        endpoint = find(request["EndpointName"])
        _require_idle(endpoint)
        if endpoint.status is Status.FAILED:
            raise Invalid(f'Cannot update endpoint "{endpoint.arn}" in status Failed: it can only be deleted.')
        config = endpoint_configs.find(request["EndpointConfigName"])
        if endpoint.config_name == config["EndpointConfigName"] and endpoint.status is Status.IN_SERVICE:
            raise Invalid(f'Cannot update endpoint "{endpoint.arn}" with the same endpoint configuration.')
        policy = request.get("DeploymentConfig") or {}
        if not policy and request.get("RetainDeploymentConfig"):
            policy = endpoint.last_policy or {}
        pending = _pending(config, policy)
        _require_same_variants(endpoint, pending)
        _require_possible_move(endpoint, pending)
        if request.get("RetainAllVariantProperties"):
            excluded = {item["VariantPropertyType"] for item in request.get("ExcludeRetainedVariantProperties", [])}
            pending.variants = [_retained(variant, endpoint, excluded) for variant in pending.variants]
        scalable_targets.require_no_blocking_targets(endpoint, pending.variants)
        quotas.require_room(_instances(pending.variants))
        deployment.update(endpoint, pending, _fault("UpdateEndpoint", endpoint.name))
    return {"EndpointArn": endpoint.arn}


def update_endpoint_weights_and_capacities(request: Record) -> Record:
    with state.LOCK:
        endpoint = find(request["EndpointName"])
        _require_idle(endpoint)
        if endpoint.status is Status.FAILED:
            raise Invalid(f'Cannot update endpoint "{endpoint.arn}" in status Failed: it can only be deleted.')
        wanted = {desired["VariantName"]: desired for desired in request["DesiredWeightsAndCapacities"]}
        unknown = wanted.keys() - {variant.name for variant in endpoint.variants}
        if unknown:
            raise Invalid(f'Endpoint "{endpoint.arn}" has no variant named {", ".join(sorted(unknown))}.')
        variants = [
            replace(
                variant,
                weight=wanted.get(variant.name, {}).get("DesiredWeight", variant.weight),
                instances=wanted.get(variant.name, {}).get("DesiredInstanceCount", variant.instances),
            )
            for variant in endpoint.variants
        ]
        deployment.rescale(endpoint, variants, _fault("UpdateEndpointWeightsAndCapacities", endpoint.name))
    return {"EndpointArn": endpoint.arn}


def describe_endpoint(request: Record) -> Record:
    endpoint = find(request["EndpointName"])
    with state.LOCK:
        if endpoint.status is Status.IN_SERVICE and (fault := _fault("DescribeEndpoint", endpoint.name)):
            deployment.maintain(endpoint, fault.seconds)
    return endpoint.described()


def list_endpoints(request: Record) -> Record:
    summaries = [endpoint.summary() for endpoint in state.endpoints.values()]
    wanted = request.get("StatusEquals")
    chosen = paging.select(
        [summary for summary in summaries if wanted in (None, summary["EndpointStatus"])],
        request,
        name=lambda summary: summary["EndpointName"],
        sort_keys={"Name": "EndpointName", "CreationTime": "CreationTime", "Status": "EndpointStatus"},
    )
    return paging.page(chosen, request, "Endpoints")


def delete_endpoint(request: Record) -> Record:
    with state.LOCK:
        endpoint = find(request["EndpointName"])
        _require_idle(endpoint)
        scalable_targets.forget_endpoint(endpoint.name)
        deployment.delete(endpoint)
    return {}


def _pending(config: Record, policy: Record) -> Pending:
    exclusions.require_possible_policy(policy, config)
    _require_possible(policy)
    alarms.require_existing(policy)
    variants, shadows = (config.get(kind, []) for kind in ("ProductionVariants", "ShadowProductionVariants"))
    for variant in [*variants, *shadows]:
        models.find(variant["ModelName"])
    return Pending(
        config=config,
        variants=[Variant.initial(variant) for variant in variants],
        shadows=[Variant.initial(variant) for variant in shadows],
        policy=policy,
        started=now(),
    )


def _instances(variants: Iterable[Variant]) -> dict[str, int]:
    """How many instances of each type the variants need."""
    required: dict[str, int] = {}
    for variant in variants:
        if instance_type := variant.specification.get("InstanceType"):
            required[instance_type] = required.get(instance_type, 0) + (variant.instances or 0)
    return required


def _require_idle(endpoint: Endpoint) -> None:
    if endpoint.status.in_progress:
        raise Invalid(f'Cannot update in-progress endpoint "{endpoint.arn}".')


def _require_possible(policy: Record) -> None:
    blue_green = policy.get("BlueGreenUpdatePolicy", {})
    routing = blue_green.get("TrafficRoutingConfiguration", {})
    required = {"CANARY": "CanarySize", "LINEAR": "LinearStepSize"}.get(routing.get("Type", ""))
    if required and required not in routing:
        raise Invalid(f"{required} is required when the traffic routing type is {routing['Type']}.")
    waits = routing.get("WaitIntervalInSeconds", 0) + blue_green.get("TerminationWaitInSeconds", 0)
    if waits >= blue_green.get("MaximumExecutionTimeoutInSeconds", float("inf")):
        raise Invalid("MaximumExecutionTimeoutInSeconds must be greater than the sum of the wait intervals.")


def _require_same_variants(endpoint: Endpoint, pending: Pending) -> None:
    if pending.policy and {variant.name for variant in endpoint.variants} != {
        variant.name for variant in pending.variants
    }:
        raise Invalid("A deployment with a DeploymentConfig must keep the names of the production variants.")


def _require_possible_move(endpoint: Endpoint, pending: Pending) -> None:
    on_instances = any("ServerlessConfig" not in variant.specification for variant in endpoint.variants)
    if on_instances and any("ServerlessConfig" in variant.specification for variant in pending.variants):
        raise Invalid(f'Cannot update endpoint "{endpoint.arn}" from instances to a serverless configuration.')


def _retained(variant: Variant, endpoint: Endpoint, excluded: set[str]) -> Variant:
    current = {held.name: held for held in endpoint.variants}.get(variant.name)
    if current is None:
        return variant
    return replace(
        variant,
        weight=variant.weight if "DesiredWeight" in excluded else current.weight,
        instances=variant.instances if "DesiredInstanceCount" in excluded else current.instances,
    )


def _fault(operation: str, name: str) -> Fault | None:
    kinds = {Kind.SYSTEM_UPDATING} if operation == "DescribeEndpoint" else OF_DEPLOYMENTS
    return fault_queue.take(Layer.SAGEMAKER, kinds, operation, account=get_account_id(), resource=name)
