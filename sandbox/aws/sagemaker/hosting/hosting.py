"""What serves: a process per container of each variant, however many instances the configuration asks for."""

import secrets
from collections.abc import Callable
from dataclasses import replace

from sandbox.aws.sagemaker.api import roles, settings
from sandbox.aws.sagemaker.api.errors import Invalid
from sandbox.aws.sagemaker.api.roles import Credentials
from sandbox.aws.sagemaker.endpoints.fleet import Container, Fleet, ServedModel
from sandbox.aws.sagemaker.hosting import spawning
from sandbox.aws.sagemaker.hosting.process import Process
from sandbox.aws.sagemaker.hosting.spawning import ContainerContext, HostingFailed
from sandbox.aws.sagemaker.models import artifact_access, artifacts, images, models, network, runnable
from sandbox.aws.sagemaker.models.multi_model import MultiModel
from sandbox.aws.sagemaker.state import Record

__all__ = ["HostingFailed", "TargetModelMissing", "launch"]


class TargetModelMissing(Exception):
    """The model that a request names cannot be fetched; carries its bucket and key."""

    def __init__(self, bucket: str, key: str) -> None:
        super().__init__(f"s3://{bucket}/{key}")
        self.bucket = bucket
        self.key = key


def launch(endpoint_name: str, config: Record) -> Fleet:
    """Start what a configuration asks for and wait until it is healthy. Raises HostingFailed, and leaves nothing."""
    fleet = Fleet()
    starting: list[tuple[Process, ContainerContext]] = []
    try:
        for variant in [*config["ProductionVariants"], *config.get("ShadowProductionVariants", [])]:
            model = _model(variant)
            mode = model.get("InferenceExecutionConfig", {}).get("Mode")
            fleet.variants[variant["VariantName"]] = served = ServedModel(direct=mode == "Direct")
            for context, definition in _contexts(endpoint_name, variant, model):
                server = _server(context, definition)
                served.containers.append(Container(context.title, server))
                if isinstance(server, Process):
                    starting.append((server, context))
        for process, context in starting:
            spawning.await_health(process, context)
    except BaseException:
        fleet.stop()
        raise
    return fleet


def _model(variant: Record) -> Record:
    try:
        return models.find(variant["ModelName"])
    except Invalid as error:
        raise HostingFailed(error.message) from error


def _contexts(endpoint_name: str, variant: Record, model: Record) -> list[tuple[ContainerContext, Record]]:
    try:
        definitions, titles = runnable.of_model(model), runnable.titles(model)
    except Invalid as error:
        raise HostingFailed(error.message) from error
    credentials = _credentials(model, titles, definitions)
    for definition in definitions:
        refusal = images.refusal_to_pull(
            definition, credentials, model["ExecutionRoleArn"], str(variant["VariantName"])
        )
        if refusal:
            raise HostingFailed(refusal)
    instance = f"{variant['VariantName']}/i-{secrets.token_hex(8)}"
    allowed = float(variant.get("ContainerStartupHealthCheckTimeoutInSeconds", float("inf")))
    return [
        (
            ContainerContext(
                endpoint_name=endpoint_name,
                variant=variant["VariantName"],
                title=title,
                log_stream=instance if len(titles) == 1 else f"{instance}/{title}",
                role=model["ExecutionRoleArn"],
                credentials=credentials,
                isolated=bool(model.get("EnableNetworkIsolation")),
                ping_seconds=min(settings.ping_seconds(), allowed),
            ),
            definition,
        )
        for title, definition in zip(titles, definitions, strict=True)
    ]


def _credentials(model: Record, titles: list[str], definitions: list[Record]) -> Credentials:
    role = model["ExecutionRoleArn"]
    try:
        credentials = roles.assume(role, "SageMaker")
        if "VpcConfig" in model:
            network.require_interfaces(model["VpcConfig"], credentials, role)
    except roles.CannotAssume as error:
        uris = [artifact.uri for artifact in artifacts.of_container(definitions[0])]
        raise spawning.download_failed(titles[0], uris[0] if uris else "") from error
    except Invalid as error:
        raise HostingFailed(error.message) from error
    return credentials


def _server(context: ContainerContext, definition: Record) -> Process | MultiModel:
    required = artifacts.of_container(definition)
    if definition.get("Mode") != "MultiModel":
        return spawning.start(context, definition, required)
    try:
        artifact_access.require_readable(required, context.credentials, context.role)
    except Invalid as error:
        raise spawning.download_failed(context.title, required[0].uri) from error
    cached = definition.get("MultiModelConfig", {}).get("ModelCacheSetting") != "Disabled"
    return MultiModel(_loading(context, definition), cached=cached)


def _loading(context: ContainerContext, definition: Record) -> Callable[[str], Process]:
    """How a multi-model container loads one of its models."""
    beside = [artifact for artifact in artifacts.of_container(definition) if artifact.folder != "model"]
    environment = {"SAGEMAKER_MULTI_MODEL": "true", **definition.get("Environment", {})}

    def load(target: str) -> Process:
        wanted = artifacts.target_model(definition, target)
        try:
            # Anew: the endpoint may be older than the credentials that it began with.
            now = replace(context, credentials=roles.assume(context.role, "SageMaker"))
            artifact_access.require_readable([wanted], now.credentials, context.role)
        except (roles.CannotAssume, Invalid) as error:
            raise TargetModelMissing(wanted.bucket, wanted.key) from error
        process = spawning.start(now, {**definition, "Environment": environment}, [wanted, *beside])
        try:
            spawning.await_health(process, now)
        except BaseException:
            process.stop()
            raise
        return process

    return load
