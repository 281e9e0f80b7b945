"""What CreateModel asks of the containers of a model, beyond what the service's model says of each member."""

from collections.abc import Iterator

from sandbox.aws.sagemaker.api.errors import Invalid
from sandbox.aws.sagemaker.models import artifacts
from sandbox.aws.sagemaker.state import Record

ENVIRONMENT_BYTES = 32 * 1024
VARIABLE_BYTES = 1024
# A container that a package stands for says nothing else of its own.
BESIDE_A_PACKAGE = {"ModelPackageName", "InferenceSpecificationName", "Environment", "ContainerHostname"}


def require_one_form(request: Record) -> None:
    """PrimaryContainer or Containers, never both."""
    if ("PrimaryContainer" in request) == bool(request.get("Containers")):
        raise Invalid("Exactly one of PrimaryContainer and Containers must be provided to create a model.")


def require_consistent(request: Record) -> None:
    """The containers as they are given."""
    containers: list[Record] = request.get("Containers") or [request["PrimaryContainer"]]
    _require_small_environment(containers)
    for container in containers:
        if "ModelPackageName" in container:
            _require_package_alone(container)
        elif "Image" not in container:
            raise Invalid("A container needs either an Image or a ModelPackageName.")
    named = [container for container in containers if "ContainerHostname" in container]
    if "Containers" in request and 0 < len(named) < len(containers):
        raise Invalid("ContainerHostname must be specified for all containers of the model or for none of them.")


def require_callable(containers: list[Record], mode: str) -> None:
    """The containers as they run, together: whether requests find their way."""
    names = [container["ContainerHostname"] for container in containers if "ContainerHostname" in container]
    if len(containers) > 1 and len(set(names)) < len(names):
        raise Invalid("The ContainerHostname of each container of the model must be unique.")
    if mode == "Direct" and (len(containers) < 2 or len(names) < len(containers)):
        raise Invalid(
            "A model with InferenceExecutionConfig mode Direct needs more than one container, "
            "each with a ContainerHostname."
        )
    for container in containers:
        _require_model_data(container)


def _require_package_alone(container: Record) -> None:
    further = sorted(container.keys() - BESIDE_A_PACKAGE)
    if further:
        raise Invalid(f"A container given by ModelPackageName must not have {', '.join(further)}.")


def _require_model_data(container: Record) -> None:
    if container.get("Mode") == "MultiModel":
        if "ModelDataSource" in container:
            raise Invalid("ModelDataSource is not supported for a container in MultiModel mode.")
        if "ModelDataUrl" not in container:
            raise Invalid("ModelDataUrl is required for a container in MultiModel mode: the prefix of its models.")
    elif "ModelDataSource" in container and "ModelDataUrl" in container:
        raise Invalid("A container takes either ModelDataUrl or ModelDataSource, not both.")
    channels = [additional["ChannelName"] for additional in container.get("AdditionalModelDataSources", [])]
    if len(set(channels)) < len(channels) or {".", ".."} & set(channels):
        raise Invalid(f"AdditionalModelDataSources need different ChannelNames, which name directories: {channels}")
    artifacts.of_container(container)


def _require_small_environment(containers: list[Record]) -> None:
    for text in _texts(containers):
        if len(text.encode()) > VARIABLE_BYTES:
            raise Invalid(f"An environment variable is longer than {VARIABLE_BYTES} bytes: {text[:60]!r}…")
    if sum(len(text.encode()) for text in _texts(containers)) > ENVIRONMENT_BYTES:
        raise Invalid("The total size of the environment variables of all containers must not exceed 32 KB.")


def _texts(containers: list[Record]) -> Iterator[str]:
    for container in containers:
        for pair in container.get("Environment", {}).items():
            yield from pair
