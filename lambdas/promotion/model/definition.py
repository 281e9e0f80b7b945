"""What a model consists of: read from SageMaker's responses, adapted to a stage, requested in the target.

Pure: no AWS calls. supported_fields.py lists the supported fields; any other field with a value is rejected by name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from lambdas.promotion.aws import unknown_fields
from lambdas.promotion.contract import sagemaker_limits
from lambdas.promotion.contract.digests import hex_digest
from lambdas.promotion.contract.errors import UnsupportedModel
from lambdas.promotion.contract.settings import Environment, Stage
from lambdas.promotion.contract.text import Missing, in_lines
from lambdas.promotion.images import references
from lambdas.promotion.model import adaptation, data_sources, jumpstart, package_containers, s3_uris, supported_fields
from lambdas.promotion.model.s3_uris import S3Reference

# A failure's cause has 32,768 characters (API: Step Functions, SensitiveCause), and some of them are used otherwise.
_MOST_CHARACTERS = 20_000


@dataclass(frozen=True, kw_only=True)
class Definition:
    """A model that Promote supports.

    `containers` are CreateModel's ContainerDefinitions, still with the source's S3 URIs; `in_list` is whether they are
    Containers or the PrimaryContainer. `s3_references` are what must be copied, each once. URIs in AWS's own buckets
    are not among them (jumpstart.py). `untouched` are the variables that are kept unchanged.
    """

    containers: tuple[dict[str, Any], ...]
    in_list: bool
    execution_config: dict[str, Any] | None
    vpc: dict[str, Any] | None
    network_isolation: bool
    s3_references: tuple[S3Reference, ...]
    untouched: frozenset[str] = frozenset()

    @property
    def images(self) -> tuple[str, ...]:
        """The images that come from Amazon ECR. No other registry can be queried for the digest of a tag."""
        from_ecr = (container for container in self.containers if not references.is_in_vpc_registry(container))
        return tuple(dict.fromkeys(container["Image"] for container in from_ecr))

    def path(self, index: int) -> str:
        """Return a container's location in the model, with a dot at its end."""
        return f"Containers[{index}]." if self.in_list else "PrimaryContainer."


def of_model(described: Mapping[str, Any], packages: Mapping[str, Mapping[str, Any]], *, subject: str) -> Definition:
    """Return the definition of a model from DescribeModel's response.

    `packages` are DescribeModelPackage's responses by the names that the containers use. `subject` names the model in
    the error. Raises UnsupportedModel with every field that is not supported, or that the SDK does not know.
    """
    problems = unknown_fields.problems(described)
    problems += supported_fields.unsupported_fields(described, supported_fields.MODEL, "")
    model = supported_fields.without_empty(described)
    in_list = "Containers" in model
    if in_list and "PrimaryContainer" in model:
        problems.append("PrimaryContainer (beside Containers: a model has one of the two)")
    listed = model.get("Containers") or [model.get("PrimaryContainer", {})]
    containers: list[dict[str, Any]] = []
    for index, container in enumerate(listed):
        path = f"Containers[{index}]." if in_list else "PrimaryContainer."
        name = container.get("ModelPackageName")
        if name:
            containers += package_containers.of_model(container, packages[name], path, len(listed), problems)
        else:
            problems += supported_fields.unsupported_fields(container, supported_fields.CONTAINER, path)
            containers.append(container)
    return _checked(containers, in_list=in_list or len(containers) > 1, model=model, problems=problems, subject=subject)


def of_package(version: Mapping[str, Any], *, subject: str) -> Definition:
    """Return the definition of a model package version (DescribeModelPackage's InferenceSpecification)."""
    problems: list[str] = []
    containers = supported_fields.without_empty(package_containers.containers(version, None, problems))
    return _checked(containers, in_list=len(containers) > 1, model={}, problems=problems, subject=subject)


def for_stage(
    definition: Definition,
    *,
    stage: Stage,
    source: Environment,
    target: Environment,
    digests: Mapping[str, str | None],
    subject: str,
) -> Definition:
    """Return the model adapted to the stage's configuration; the S3 URIs are still the source's.

    `digests` are the current digests of the images' tags, by the image. Raises UnsupportedModel with everything that
    is valid in the source only and has no counterpart in the configuration.
    """
    problems: list[str] = []
    containers = [
        adaptation.adapt_container(
            container,
            definition.path(index),
            stage=stage,
            source=source,
            target=target,
            digests=digests,
            problems=problems,
        )
        for index, container in enumerate(definition.containers)
    ]
    isolation = stage.network_isolation
    adapted = replace(
        definition,
        containers=tuple(containers),
        vpc=adaptation.adapt_vpc(definition.vpc, stage, problems),
        network_isolation=definition.network_isolation if isolation is None else isolation,
        untouched=stage.variables.trusted,
    )
    of_model_data = [reference for reference in definition.s3_references if reference.variable is None]
    if problems:
        raise UnsupportedModel(
            in_lines(
                f"{subject} cannot be adapted to stage {stage.name!r}:",
                _reported(problems),
                "Nothing was created. Configure the target's values in promotion.yaml (docs/reference/configuration.md:"
                " a stage's variables, vpc and arns), or register the model without them.",
            )
        )
    return replace(adapted, s3_references=s3_uris.unique([*of_model_data, *_in_variables(adapted)]))


def create_model_request(
    definition: Definition, target_uris: Mapping[str, str], *, name: str, execution_role_arn: str
) -> dict[str, Any]:
    """Return the CreateModel request with every S3 URI replaced by that of its copy, also inside variables.

    Raises UnsupportedModel if a value is then longer than SageMaker allows.
    """
    containers = _with_uris(definition, target_uris)
    problems = adaptation.too_long(containers, definition.path)
    if problems:
        raise UnsupportedModel(
            in_lines(
                f"The model {name} would have values that are too long with the S3 URIs of the copies:",
                _reported(problems),
                "Nothing was created. Register the model with shorter ones.",
            )
        )
    form = {"Containers": containers} if definition.in_list else {"PrimaryContainer": containers[0]}
    optional = {"InferenceExecutionConfig": definition.execution_config, "VpcConfig": definition.vpc}
    return {
        "ModelName": name,
        **form,
        **{field: value for field, value in optional.items() if value},
        "ExecutionRoleArn": execution_role_arn,
        "EnableNetworkIsolation": definition.network_isolation,
    }


def digest(definition: Definition, contents: Mapping[str, str], *, execution_role_arn: str) -> str:
    """Return a hex digest of what the model is: containers, VPC, isolation, role and the content of its artifacts.

    `contents` has a digest of the content at each S3 URI: it replaces the URI, so the digest does not depend on where
    the artifacts are stored.
    """
    parts = [
        _with_uris(definition, contents),
        definition.in_list,
        definition.execution_config,
        definition.vpc,
        definition.network_isolation,
        execution_role_arn,
    ]
    return hex_digest(parts)


def _checked(
    containers: list[dict[str, Any]], *, in_list: bool, model: Mapping[str, Any], problems: list[str], subject: str
) -> Definition:
    definition = Definition(
        containers=tuple(containers),
        in_list=in_list,
        execution_config=model.get("InferenceExecutionConfig"),
        vpc=model.get("VpcConfig"),
        network_isolation=bool(model.get("EnableNetworkIsolation", False)),
        s3_references=(),
    )
    references: list[S3Reference] = []
    for index, container in enumerate(containers):
        path = definition.path(index)
        problems += _problems_of(container, path)
        references += data_sources.read(container, path, problems)
    if len(containers) > sagemaker_limits.MOST_CONTAINERS:
        problems.append(f"Containers ({len(containers)}; SageMaker allows {sagemaker_limits.MOST_CONTAINERS})")
    try:
        definition = replace(definition, s3_references=s3_uris.unique([*references, *_in_variables(definition)]))
    except ValueError as error:
        problems.append(str(error))
    _refuse(problems, subject)
    return definition


def _problems_of(container: Mapping[str, Any], path: str) -> Iterable[str]:
    if not container:
        yield Missing(f"{path.rstrip('.')} (the model has no container)")
    elif not container.get("Image"):
        yield Missing(f"{path}Image (the container has no image)")
    if container.get("Mode", "SingleModel") not in ("SingleModel", "MultiModel"):
        yield f"{path}Mode {container['Mode']}"
    if container.get("ImageConfig", {}).get("RepositoryAccessMode", "Platform") not in ("Platform", "Vpc"):
        yield f"{path}ImageConfig.RepositoryAccessMode {container['ImageConfig']['RepositoryAccessMode']}"


def _in_variables(definition: Definition) -> list[S3Reference]:
    """Return the S3 URIs in the variables that must be copied."""
    return [
        reference
        for index, container in enumerate(definition.containers)
        for reference in s3_uris.in_variables(
            container.get("Environment", {}), definition.path(index), untouched=definition.untouched
        )
        if not jumpstart.is_cache(reference.uri)
    ]


def _with_uris(definition: Definition, new: Mapping[str, str]) -> list[dict[str, Any]]:
    def replacement(uri: str) -> str:
        return uri if jumpstart.is_cache(uri) else new[uri]

    result = []
    for container in definition.containers:
        rewritten = data_sources.rewrite(container, replacement)
        if "Environment" in rewritten:
            rewritten["Environment"] = {
                name: value if name in definition.untouched else s3_uris.replaced(value, replacement)
                for name, value in rewritten["Environment"].items()
            }
        result.append(rewritten)
    return result


def _reported(problems: list[str]) -> list[str]:
    """Return as many problems as fit into a failure's cause, and how many there are more."""
    reported: list[str] = []
    characters_left = _MOST_CHARACTERS
    for problem in problems:
        characters_left -= len(problem)
        if characters_left < 0 and reported:
            return [*reported, f"and {len(problems) - len(reported)} more"]
        reported.append(problem)
    return reported


def _refuse(problems: list[str], subject: str) -> None:
    """Raise UnsupportedModel with each problem once: two containers may name one package."""
    unique = [*dict.fromkeys(problems)]
    missing: list[str] = [problem for problem in unique if isinstance(problem, Missing)]
    surplus = [problem for problem in unique if problem not in missing]
    if surplus:
        also = " and with what is missing" if missing else ""
        raise UnsupportedModel(
            in_lines(
                f"{subject} has fields that Promote does not support:",
                _reported([*surplus, *missing]),
                f"Nothing was created. Register the model without them{also}.",
            )
        )
    if missing:
        raise UnsupportedModel(
            in_lines(
                f"{subject} lacks what an endpoint needs:",
                _reported(missing),
                "Nothing was created. Register the model, or a version, with its image and model data.",
            )
        )
