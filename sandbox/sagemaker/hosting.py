"""What serves: a process per container of each variant, however many instances the configuration asks for."""

import secrets

from sandbox.sagemaker import artifacts, models, roles, runnable, settings, spawning
from sandbox.sagemaker.errors import Invalid
from sandbox.sagemaker.fleet import Container, Fleet, ServedModel
from sandbox.sagemaker.process import Process
from sandbox.sagemaker.roles import Credentials
from sandbox.sagemaker.spawning import HostingFailed, Place
from sandbox.sagemaker.state import Record

__all__ = ["HostingFailed", "launch"]


def launch(endpoint_name: str, config: Record) -> Fleet:
    """Start what a configuration asks for and wait until it is healthy. Raises HostingFailed, and leaves nothing."""
    fleet = Fleet()
    starting: list[tuple[Process, Place]] = []
    try:
        for variant in [*config["ProductionVariants"], *config.get("ShadowProductionVariants", [])]:
            model = _model(variant)
            mode = model.get("InferenceExecutionConfig", {}).get("Mode")
            fleet.variants[variant["VariantName"]] = served = ServedModel(direct=mode == "Direct")
            for place, definition in _places(endpoint_name, variant, model):
                process = spawning.start(place, definition, artifacts.of_container(definition))
                served.containers.append(Container(place.title, process))
                starting.append((process, place))
        for process, place in starting:
            spawning.await_health(process, place)
    except BaseException:
        fleet.stop()
        raise
    return fleet


def _model(variant: Record) -> Record:
    try:
        return models.find(variant["ModelName"])
    except Invalid as error:
        raise HostingFailed(error.message) from error


def _places(endpoint_name: str, variant: Record, model: Record) -> list[tuple[Place, Record]]:
    try:
        definitions, titles = runnable.of_model(model), runnable.titles(model)
    except Invalid as error:
        raise HostingFailed(error.message) from error
    credentials = _credentials(model, titles, definitions)
    instance = f"{variant['VariantName']}/i-{secrets.token_hex(8)}"
    allowed = float(variant.get("ContainerStartupHealthCheckTimeoutInSeconds", float("inf")))
    return [
        (
            Place(
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
    except roles.CannotAssume as error:
        uris = [artifact.uri for artifact in artifacts.of_container(definitions[0])]
        raise spawning.download_failed(titles[0], uris[0] if uris else "") from error
    return credentials
