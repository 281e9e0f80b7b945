"""Models: containers and the role that they run as. Immutable once created."""

import datetime
from functools import cache

from ministack.core.responses import get_region

from recordings import store
from sandbox.aws.sagemaker import state
from sandbox.aws.sagemaker.api import arns, authorization, events, paging, roles, tags
from sandbox.aws.sagemaker.api.errors import Invalid
from sandbox.aws.sagemaker.models import artifact_access, artifacts, container_rules, images, network, runnable
from sandbox.aws.sagemaker.state import Record


def create_model(request: Record) -> Record:
    container_rules.require_one_form(request)
    role = request.get("ExecutionRoleArn")
    if role is None:
        raise Invalid("ExecutionRoleArn is required to create a model.")
    authorization.require_own_role(request)
    _require_new(request["ModelName"])
    container_rules.require_consistent(request)
    containers = runnable.of_model(request)
    container_rules.require_callable(containers, request.get("InferenceExecutionConfig", {}).get("Mode", "Serial"))
    for container in containers:
        images.require_possible(container, str(get_region()), in_vpc="VpcConfig" in request)
    _require_usable(request, containers, role)
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
    return _completed(find(request["ModelName"]))


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


def _completed(model: Record) -> Record:
    """The model with what SageMaker adds to the request (recordings/sagemaker/DescribeModel.yaml)."""
    completed = {**model, "DeploymentRecommendation": {"RecommendationStatus": "NOT_APPLICABLE"}}
    if "PrimaryContainer" in model:
        completed["PrimaryContainer"] = _completed_container(model["PrimaryContainer"])
        completed["DeploymentRecommendation"] = _recommended()
    if "Containers" in model:
        completed["Containers"] = [_completed_container(container) for container in model["Containers"]]
        completed.setdefault("InferenceExecutionConfig", {"Mode": "Serial"})
    return completed


@cache
def _recommended() -> Record:
    """The instances that SageMaker recommends for a model, where it does."""
    recorded = store.response("sagemaker/DescribeModel/model-data-url-is-mirrored-as-model-data-source")
    recommendation: Record = recorded["DeploymentRecommendation"]
    return recommendation


def _completed_container(container: Record) -> Record:
    """A container that names a model package stays as it is: nothing else of it was published."""
    if "Image" not in container:
        return container
    completed = {"Environment": {}, "Mode": "SingleModel", **container}
    if "ModelDataUrl" in container and completed["Mode"] == "SingleModel":
        source = {"S3Uri": container["ModelDataUrl"], "S3DataType": "S3Object", "CompressionType": "Gzip"}
        completed["ModelDataSource"] = {"S3DataSource": source}
    return completed


def _require_new(name: str) -> None:
    if name in state.models:
        raise Invalid(f'Cannot create already existing model "{arns.model(name)}".')


def _require_usable(request: Record, containers: list[Record], role: str) -> None:
    """Look at what the model needs with the permissions of the role that it will run as."""
    required = [artifact for container in containers for artifact in artifacts.of_container(container)]
    vpc = request.get("VpcConfig")
    if not required and vpc is None:
        return
    try:
        credentials = roles.assume(role, "SageMaker")
    except roles.CannotAssume as error:
        raise artifact_access.no_access(required[0].uri if required else "", role, str(get_region())) from error
    if vpc is not None:
        network.require_interfaces(vpc, credentials, role)
    artifact_access.require_readable(required, credentials, role)


def _event_detail(model: Record) -> Record:
    shown = ("ModelName", "ModelArn", "ExecutionRoleArn", "CreationTime", "PrimaryContainer", "Containers")
    return {key: model[key] for key in shown if key in model}
