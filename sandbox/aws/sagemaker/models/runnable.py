"""The containers of a model as they run: those that a model package stands for are its containers."""

from typing import Any

from sandbox.aws.sagemaker.api.errors import Invalid
from sandbox.aws.sagemaker.models import registry
from sandbox.aws.sagemaker.state import Record


def of_model(model: Record) -> list[Record]:
    """What the model (or a request for one) runs, in order. Raises what CreateModel answers about its packages."""
    containers: list[Record] = model.get("Containers") or [model["PrimaryContainer"]]
    return [runs for container in containers for runs in _expanded(container)]


def titles(model: Record) -> list[str]:
    """What the containers are called in logs and messages. PrimaryContainer's own host name is ignored (API)."""
    containers = of_model(model)
    if "PrimaryContainer" in model and len(containers) == 1:
        return ["primary"]
    usual = ["primary"] if len(containers) == 1 else [f"container-{number + 1}" for number in range(len(containers))]
    return [container.get("ContainerHostname") or title for container, title in zip(containers, usual, strict=True)]


def _expanded(container: Record) -> list[Record]:
    if "ModelPackageName" not in container:
        return [container]
    packaged = _specification(container)["Containers"]
    return [_overridden(part, container, alone=len(packaged) == 1) for part in packaged]


def _specification(container: Record) -> dict[str, Any]:
    package = registry.deployable(container["ModelPackageName"])
    wanted = container.get("InferenceSpecificationName")
    if wanted is None:
        specification: dict[str, Any] = package["InferenceSpecification"]
        return specification
    for additional in package.get("AdditionalInferenceSpecifications", []):
        if additional["Name"] == wanted:
            return dict(additional)
    raise Invalid(f"Model Package {package['ModelPackageArn']} has no InferenceSpecification named {wanted}.")


def _overridden(packaged: Record, request: Record, *, alone: bool) -> Record:
    environment = {**packaged.get("Environment", {}), **request.get("Environment", {})}
    named = {"ContainerHostname": request["ContainerHostname"]} if alone and "ContainerHostname" in request else {}
    return {**packaged, **named, "Environment": environment}
