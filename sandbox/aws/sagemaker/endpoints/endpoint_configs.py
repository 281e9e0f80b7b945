"""Endpoint configurations: which models an endpoint serves, on what. Immutable once created."""

import datetime

from ministack.core.responses import get_account_id

from sandbox.aws.sagemaker import state
from sandbox.aws.sagemaker.api import arns, authorization, events, paging, tags
from sandbox.aws.sagemaker.api.errors import Invalid
from sandbox.aws.sagemaker.endpoints import exclusions
from sandbox.aws.sagemaker.models import images, models, runnable
from sandbox.aws.sagemaker.state import Record


def create_endpoint_config(request: Record) -> Record:
    name = request["EndpointConfigName"]
    authorization.require_own_role(request)
    variants = [*request["ProductionVariants"], *request.get("ShadowProductionVariants", [])]
    _require_variants(variants)
    exclusions.require_possible_config(request)
    for variant in variants:
        _require_servable(variant, models.find(variant["ModelName"]))
        if "ShadowProductionVariants" in request:
            _require_mirrored(variant, models.find(variant["ModelName"]))
    # What SageMaker adds to the request, to a serverless variant as well (recordings/sagemaker/
    # DescribeEndpointConfig.yaml: …-filled-in). The volume depends on the instance type: 4 is that of ml.t2.medium.
    completed: Record = {
        kind: [{"InitialVariantWeight": 1.0, "VolumeSizeInGB": 4, **variant} for variant in request[kind]]
        for kind in ("ProductionVariants", "ShadowProductionVariants")
        if kind in request
    }
    arn = arns.endpoint_config(name)
    with state.LOCK:
        if name in state.endpoint_configs:
            raise Invalid(f'Cannot create already existing endpoint configuration "{arn}".')
        tags.put(arn, request.get("Tags", []))
        state.endpoint_configs[name] = {
            "EnableNetworkIsolation": False,
            **request,
            **completed,
            "EndpointConfigArn": arn,
            "CreationTime": datetime.datetime.now(datetime.UTC),
        }
    detail = {key: value for key, value in state.endpoint_configs[name].items() if key != "Tags"}
    events.publish("SageMaker Endpoint Config State Change", arn, detail)
    return {"EndpointConfigArn": arn}


def describe_endpoint_config(request: Record) -> Record:
    return find(request["EndpointConfigName"])


def list_endpoint_configs(request: Record) -> Record:
    chosen = paging.select(
        state.endpoint_configs.values(),
        request,
        name=lambda config: config["EndpointConfigName"],
        sort_keys={"Name": "EndpointConfigName", "CreationTime": "CreationTime"},
    )
    return paging.page(chosen, request, "EndpointConfigs")


def delete_endpoint_config(request: Record) -> Record:
    with state.LOCK:
        config = find(request["EndpointConfigName"])
        del state.endpoint_configs[request["EndpointConfigName"]]
        tags.drop(config["EndpointConfigArn"])
    return {}


def find(name: str) -> Record:
    """The configuration of that name. Raises what the service answers when there is none."""
    config: Record | None = state.endpoint_configs.get(name)
    if config is None:
        raise Invalid(f'Could not find endpoint configuration "{arns.endpoint_config(name)}".')
    return config


def _require_servable(variant: Record, model: Record) -> None:
    if "ServerlessConfig" not in variant:
        return
    containers = runnable.of_model(model)
    for container in containers:
        if not images.is_own_or_prebuilt(container["Image"], get_account_id()):
            raise Invalid(
                "The container image URI is not a prebuilt SageMaker algorithm or deep learning image, or the "
                "bring-your-own container image URI does not reside in an Amazon ECR repository within the same AWS "
                "account creating the endpoint."
            )
    if excluded := [what for what, present in _not_serverless(model, containers).items() if present]:
        raise Invalid(f"Serverless production variant {variant['VariantName']} does not support {', '.join(excluded)}.")


def _require_mirrored(variant: Record, model: Record) -> None:
    """What excludes shadow variants (AWS: Shadow tests, exclusions)."""
    containers = runnable.of_model(model)
    if len(containers) > 1 or any(container.get("Mode") == "MultiModel" for container in containers):
        raise Invalid(f"Production variant {variant['VariantName']} has a model that cannot be tested with a shadow.")


def _not_serverless(model: Record, containers: list[Record]) -> dict[str, bool]:
    """What serverless endpoints exclude (AWS: Serverless Inference, feature exclusions; API: ModelDataSource)."""
    return {
        "several containers": len(containers) > 1,
        "VpcConfig": "VpcConfig" in model,
        "network isolation": bool(model.get("EnableNetworkIsolation")),
        "multi-model containers": any(container.get("Mode") == "MultiModel" for container in containers),
        "ModelDataSource": any("ModelDataSource" in container for container in containers),
    }


def _require_variants(variants: list[Record]) -> None:
    names = [variant["VariantName"] for variant in variants]
    if len(set(names)) < len(names):
        raise Invalid("Each production variant must have a unique name.")
    for variant in variants:
        name = variant["VariantName"]
        if "ModelName" not in variant:
            # Endpoints without a model host inference components, which are not served here.
            raise Invalid(f"ModelName is required for production variant {name}.")
        serverless = "ServerlessConfig" in variant
        if serverless and ("InstanceType" in variant or "InitialInstanceCount" in variant):
            raise Invalid(f"Production variant {name} has a ServerlessConfig and must not have instances.")
        if not serverless and "InstancePools" not in variant:
            for field in ("InstanceType", "InitialInstanceCount"):
                if field not in variant:
                    raise Invalid(f"{field} is required for production variant {name}.")
