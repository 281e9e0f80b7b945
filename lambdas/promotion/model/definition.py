"""What a model consists of: read from SageMaker's answers, fitted to a stage, asked for in the target.

Pure. supported_fields.py says which members are carried; any other that has a value is refused by name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from lambdas.promotion.contract import sagemaker_limits
from lambdas.promotion.contract.digests import hex_digest
from lambdas.promotion.contract.errors import UnsupportedModel
from lambdas.promotion.contract.settings import Environment, Stage
from lambdas.promotion.model import adaptation, data_sources, jumpstart, package_containers, s3_uris, supported_fields
from lambdas.promotion.model.s3_uris import S3Reference

# A failure's cause has 32,768 characters (API: Step Functions, SensitiveCause), and some of them are others'.
_MOST_CHARACTERS = 20_000


@dataclass(frozen=True, kw_only=True)
class Definition:
    """A model that can be carried.

    `containers` are CreateModel's ContainerDefinitions, still with the source's addresses; `in_list` says whether
    they come as Containers or as the PrimaryContainer. `addresses` are what must be copied, each once. Addresses in
    AWS's own buckets are not among them (jumpstart.py). `untouched` are the variables that are carried as they are.
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
        """The images that come from Amazon ECR. One from a registry in a VPC is carried as it is."""
        return tuple(dict.fromkeys(one["Image"] for one in self.containers if not adaptation.is_in_vpc_registry(one)))

    def path(self, index: int) -> str:
        """Return a container's place in the model, with a dot at its end."""
        return f"Containers[{index}]." if self.in_list else "PrimaryContainer."


def of_model(described: Mapping[str, Any], packages: Mapping[str, Mapping[str, Any]], *, subject: str) -> Definition:
    """Return what DescribeModel's answer consists of.

    `packages` are DescribeModelPackage's answers by the names that the containers use. `where` names the model in
    the refusal. Raises UnsupportedModel with every member that cannot be carried.
    """
    problems = list(supported_fields.unsupported_fields(described, supported_fields.MODEL, ""))
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
    """Return what a model package version consists of (DescribeModelPackage's InferenceSpecification)."""
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
    """Return the model as the stage's configuration wants it in the target; the addresses are still the source's.

    `digests` are what the images' tags stand for now, by the image's name. Raises UnsupportedModel with everything
    that is true in the source only and has no counterpart in the configuration.
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
    fitted = replace(
        definition,
        containers=tuple(containers),
        vpc=adaptation.adapt_vpc(definition.vpc, stage, problems),
        network_isolation=definition.network_isolation if isolation is None else isolation,
        untouched=stage.variables.trusted,
    )
    needed = [one for one in definition.s3_references if one.variable is None] + _in_variables(fitted)
    if problems:
        raise UnsupportedModel(
            f"{subject} cannot go to stage {stage.name!r} as it is: {_joined_problems(problems)}. Nothing was created. "
            "Say in promotion.yaml what the target has in their places (docs/configuration.md: a stage's variables, "
            "vpc and arns), or register the model without them."
        )
    return replace(fitted, s3_references=s3_uris.unique(needed))


def create_model_request(
    definition: Definition, addresses: Mapping[str, str], *, name: str, execution_role_arn: str
) -> dict[str, Any]:
    """Return the CreateModel request with every address replaced by where it was copied to, also inside variables.

    Raises UnsupportedModel if what it says is then longer than SageMaker allows.
    """
    containers = _with_uris(definition, addresses)
    problems = adaptation.too_long(containers, definition.path)
    if problems:
        raise UnsupportedModel(
            f"The model {name} would have parts that are too long with the addresses of the copies: "
            f"{_joined_problems(problems)}. Nothing was created. Register the model with shorter ones."
        )
    form = {"Containers": containers} if definition.in_list else {"PrimaryContainer": containers[0]}
    optional = {"InferenceExecutionConfig": definition.execution_config, "VpcConfig": definition.vpc}
    return {
        "ModelName": name,
        **form,
        **{member: value for member, value in optional.items() if value},
        "ExecutionRoleArn": execution_role_arn,
        "EnableNetworkIsolation": definition.network_isolation,
    }


def digest(definition: Definition, contents: Mapping[str, str], *, execution_role_arn: str) -> str:
    """Return a hex digest of what the model is: containers, VPC, isolation, role and the content of its artifacts.

    `contents` is what lies at each address, as a digest: it takes the address's place, so the digest does not depend
    on where the artifacts lie.
    """
    what = [
        _with_uris(definition, contents),
        definition.in_list,
        definition.execution_config,
        definition.vpc,
        definition.network_isolation,
        execution_role_arn,
    ]
    return hex_digest(what)


def _checked(
    containers: list[dict[str, Any]], *, in_list: bool, model: Mapping[str, Any], problems: list[str], subject: str
) -> Definition:
    defined = Definition(
        containers=tuple(containers),
        in_list=in_list,
        execution_config=model.get("InferenceExecutionConfig"),
        vpc=model.get("VpcConfig"),
        network_isolation=bool(model.get("EnableNetworkIsolation", False)),
        s3_references=(),
    )
    found: list[S3Reference] = []
    for index, container in enumerate(containers):
        path = defined.path(index)
        problems += _odd(container, path)
        found += data_sources.read(container, path, problems)
    if len(containers) > sagemaker_limits.MOST_CONTAINERS:
        problems.append(f"Containers ({len(containers)}; SageMaker allows {sagemaker_limits.MOST_CONTAINERS})")
    try:
        defined = replace(defined, s3_references=s3_uris.unique([*found, *_in_variables(defined)]))
    except ValueError as error:
        problems.append(str(error))
    _refuse(problems, subject)
    return defined


def _odd(container: Mapping[str, Any], path: str) -> Iterable[str]:
    if not container:
        yield f"{path.rstrip('.')} (it is missing: the model has no container)"
    elif not container.get("Image"):
        yield f"{path}Image (it is missing)"
    if container.get("Mode", "SingleModel") not in ("SingleModel", "MultiModel"):
        yield f"{path}Mode {container['Mode']}"
    if container.get("ImageConfig", {}).get("RepositoryAccessMode", "Platform") not in ("Platform", "Vpc"):
        yield f"{path}ImageConfig.RepositoryAccessMode {container['ImageConfig']['RepositoryAccessMode']}"


def _in_variables(definition: Definition) -> list[S3Reference]:
    """Return the addresses in the variables that must be copied."""
    return [
        one
        for index, container in enumerate(definition.containers)
        for one in s3_uris.in_variables(
            container.get("Environment", {}), definition.path(index), untouched=definition.untouched
        )
        if not jumpstart.is_cache(one.uri)
    ]


def _with_uris(definition: Definition, new: Mapping[str, str]) -> list[dict[str, Any]]:
    def address(uri: str) -> str:
        return uri if jumpstart.is_cache(uri) else new[uri]

    result = []
    for container in definition.containers:
        changed = data_sources.rewrite(container, address)
        if "Environment" in changed:
            changed["Environment"] = {
                name: value if name in definition.untouched else s3_uris.replaced(value, address)
                for name, value in changed["Environment"].items()
            }
        result.append(changed)
    return result


def _joined_problems(problems: list[str]) -> str:
    """Return the problems as one text that fits into a failure's cause."""
    told: list[str] = []
    room = _MOST_CHARACTERS
    for problem in problems:
        room -= len(problem)
        if room < 0 and told:
            return f"{'; '.join(told)}; and {len(problems) - len(told)} more"
        told.append(problem)
    return "; ".join(told)


def _refuse(problems: list[str], subject: str) -> None:
    if problems:
        raise UnsupportedModel(
            f"{subject} has parts that Promote cannot carry: {_joined_problems(problems)}. Nothing was created. "
            "Register the model without them."
        )
