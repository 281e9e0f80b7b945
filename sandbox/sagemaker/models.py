"""Models: containers and the role that they run as. Immutable once created."""

import datetime
import re

from ministack.core.responses import get_region

from sandbox.sagemaker import arns, artifacts, authorization, events, paging, registry, roles, state, tags
from sandbox.sagemaker.errors import Invalid
from sandbox.sagemaker.state import Record

ECR_IMAGE = re.compile(r"(?P<account>\d{12})\.dkr\.ecr\.(?P<region>[a-z0-9-]+)\.amazonaws\.com(\.cn)?/.+")
ENVIRONMENT_BYTES = 32 * 1024


def create_model(request: Record) -> Record:
    containers = _containers(request)
    role = request.get("ExecutionRoleArn")
    if role is None:
        raise Invalid("ExecutionRoleArn is required to create a model.")
    authorization.require_own_role(request)
    _require_new(request["ModelName"])
    _require_small_environment(containers)
    for container in containers:
        _require_image(container)
    _require_readable(containers, role)
    arn = arns.model(request["ModelName"])
    with state.LOCK:
        _require_new(request["ModelName"])
        tags.put(arn, request.get("Tags", []))
        state.models[request["ModelName"]] = {
            "EnableNetworkIsolation": False,
            **request,
            "ModelArn": arn,
            "CreationTime": datetime.datetime.now(datetime.UTC),
        }
    events.publish("SageMaker Model State Change", arn, _event_detail(state.models[request["ModelName"]]))
    return {"ModelArn": arn}


def describe_model(request: Record) -> Record:
    return find(request["ModelName"])


def list_models(request: Record) -> Record:
    chosen = paging.select(
        state.models.values(),
        request,
        name=lambda model: model["ModelName"],
        sort_keys={"Name": "ModelName", "CreationTime": "CreationTime"},
    )
    return paging.page(chosen, request, "Models")


def delete_model(request: Record) -> Record:
    with state.LOCK:
        model = find(request["ModelName"])
        del state.models[request["ModelName"]]
        tags.drop(model["ModelArn"])
    return {}


def find(name: str) -> Record:
    """The model of that name. Raises what the service answers when there is none."""
    model: Record | None = state.models.get(name)
    if model is None:
        raise Invalid(f'Could not find model "{arns.model(name)}".')
    return model


def resolved_containers(model: Record) -> list[Record]:
    """The model's containers as they run: those given by a model package are its containers."""
    resolved: list[Record] = []
    for container in model.get("Containers") or [model["PrimaryContainer"]]:
        if "ModelPackageName" not in container:
            resolved.append(container)
            continue
        for packaged in registry.deployable(container["ModelPackageName"])["InferenceSpecification"]["Containers"]:
            environment = {**packaged.get("Environment", {}), **container.get("Environment", {})}
            resolved.append({**packaged, "Environment": environment})
    return resolved


def _containers(request: Record) -> list[Record]:
    if ("PrimaryContainer" in request) == bool(request.get("Containers")):
        raise Invalid("Exactly one of PrimaryContainer and Containers must be provided to create a model.")
    containers: list[Record] = request.get("Containers") or [request["PrimaryContainer"]]
    return containers


def _require_new(name: str) -> None:
    if name in state.models:
        raise Invalid(f'Cannot create already existing model "{arns.model(name)}".')


def _require_small_environment(containers: list[Record]) -> None:
    variables = [pair for container in containers for pair in container.get("Environment", {}).items()]
    if sum(len(name.encode()) + len(value.encode()) for name, value in variables) > ENVIRONMENT_BYTES:
        raise Invalid("The total size of the environment variables of all containers must not exceed 32 KB.")


def _require_image(container: Record) -> None:
    if "ModelPackageName" in container:
        if "Image" in container or artifacts.of_container(container):
            raise Invalid("A container given by ModelPackageName must not have an Image or model data.")
        registry.deployable(container["ModelPackageName"])
        return
    image = container.get("Image")
    if image is None:
        raise Invalid("A container needs either an Image or a ModelPackageName.")
    in_vpc = container.get("ImageConfig", {}).get("RepositoryAccessMode") == "Vpc"
    if in_vpc:
        return
    found = ECR_IMAGE.fullmatch(image)
    if not found:
        raise Invalid(f'Using non-ECR image "{image}" without Vpc repository access mode is not supported.')
    # The text: aws/sagemaker-pytorch-inference-toolkit #7.
    if found["region"] != get_region():
        raise Invalid(
            f'Region of "{image}" does not match expected region of {get_region()}. Cross region ECR image pulls are '
            "not allowed."
        )


def _require_readable(containers: list[Record], role: str) -> None:
    # What a package names was looked at when it was registered, with the rights of whoever registered it.
    needed = [container for container in containers if artifacts.of_container(container)]
    if not needed:
        return
    first = artifacts.of_container(needed[0])[0].uri
    try:
        credentials = roles.assume(role, "SageMaker")
    except roles.CannotAssume as error:
        raise artifacts.no_access(first, role, arns.of("", "").split(":")[3]) from error
    for container in needed:
        artifacts.require_readable(container, credentials, role)


def _event_detail(model: Record) -> Record:
    shown = ("ModelName", "ModelArn", "ExecutionRoleArn", "CreationTime", "PrimaryContainer", "Containers")
    return {key: model[key] for key in shown if key in model}
