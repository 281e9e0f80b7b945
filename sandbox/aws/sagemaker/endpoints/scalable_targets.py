"""What Application Auto Scaling has registered for an endpoint's variants, and where it stands in the way."""

from collections.abc import Iterable

from sandbox.aws.sagemaker import state
from sandbox.aws.sagemaker.api.errors import Invalid
from sandbox.aws.sagemaker.endpoints import alarms
from sandbox.aws.sagemaker.endpoints.endpoint import Endpoint, Variant
from sandbox.aws.sagemaker.state import Record


def of_endpoint(name: str) -> list[Record]:
    beginning = f"endpoint/{name}/variant/"
    return [target for target in state.scalable_targets.values() if target["ResourceId"].startswith(beginning)]


def require_no_blocking_targets(endpoint: Endpoint, wanted: Iterable[Variant]) -> None:
    """An update may change a scaled variant's model, but neither its instance type nor whether it exists.

    AWS: SageMaker, "Update endpoints that use auto scaling". The text is from memory; AWS documents none.
    """
    scaled = {target["ResourceId"].rpartition("/")[2] for target in of_endpoint(endpoint.name)}
    changed = {variant.name: _hardware(variant) for variant in wanted}
    blocking_targets = [
        variant.name
        for variant in endpoint.variants
        if variant.name in scaled and changed.get(variant.name) != _hardware(variant)
    ]
    if blocking_targets:
        raise Invalid(
            f'The variant(s) "[{", ".join(blocking_targets)}]" must be deregistered as scalable targets with AWS Auto '
            "Scaling before they can be removed or have their instance type updated."
        )


def forget(key: tuple[str, str]) -> None:
    """Drop a target with its policies and scheduled actions (API: DeregisterScalableTarget)."""
    with state.LOCK:
        state.scalable_targets.pop(key, None)
        for store in (state.scaling_policies, state.scheduled_actions):
            for target_key in [stored for stored in store if stored[:2] == key]:
                dropped = store.pop(target_key, {})
                alarms.stop_calling(dropped.get("PolicyARN", ""))


def forget_endpoint(name: str) -> None:
    """Drop all targets of an endpoint that is deleted (AWS: "Delete endpoints configured for auto scaling")."""
    for target in of_endpoint(name):
        forget((target["ResourceId"], target["ScalableDimension"]))


def _hardware(variant: Variant) -> tuple[str | None, bool]:
    serverless = variant.specification.get("ServerlessConfig", {})
    return variant.specification.get("InstanceType"), "ProvisionedConcurrency" in serverless
