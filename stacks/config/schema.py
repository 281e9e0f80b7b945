"""promotion.yaml: what a person writes, checked with all mistakes at once, and what the Lambdas get of it.

docs/configuration.md explains every member. A mistake is reported with its path in the file.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import Field, ValidationError, ValidatorFunctionWrapHandler, WrapValidator, model_validator

from lambdas.promotion.contract import sagemaker_limits, settings, time_limits
from stacks.config import autoscaling as autoscaling_config
from stacks.config import constraints
from stacks.config import preview as preview_config
from stacks.config import smoke_test as smoke_test_config
from stacks.config.autoscaling import Autoscaling
from stacks.config.endpoint import EndpointConfiguration
from stacks.config.field_types import (
    EXPLANATIONS,
    Account,
    ApplicationName,
    Arn,
    Bucket,
    Duration,
    EnvironmentName,
    ExternalId,
    ImageName,
    KeyArn,
    OrganizationId,
    PythonVersion,
    Region,
    SageMakerName,
    SecurityGroupId,
    StageName,
    StrictModel,
    SubnetId,
    VariableName,
    VariableValue,
    seconds,
)
from stacks.config.notify import Notify
from stacks.config.preview import PreviewOrNone
from stacks.config.rollout import Update
from stacks.config.smoke_test import SmokeTests

_ECR_REGISTRY = re.compile(r"[0-9]{12}\.dkr\.ecr\.(?P<region>[a-z0-9-]+)\.amazonaws\.com/")
# What IAM's 6,144 characters for a managed policy and EventBridge's 2,048 for a pattern leave room for.
_MAX_STAGES = 30
_MAX_GROUP_CHARACTERS = 1700


class ConfigurationError(Exception):
    """promotion.yaml has mistakes; the message lists all of them with their paths."""


class Hub(StrictModel):
    """The account of the state machine. `python` is the version that everybody who deploys must use."""

    account: Account
    region: Region
    python: PythonVersion | None = None
    external_id: ExternalId | None = None
    organization_id: OrganizationId | None = None
    notify: Notify = Notify()

    def deployed(self) -> settings.Hub:
        hub = settings.Hub(account=self.account, region=self.region, announce_unchanged=self.notify.unchanged)
        return replace(hub, runbook=self.notify.runbook) if self.notify.runbook else hub


class Environment(StrictModel):
    """An account and Region. `buckets` and `kms_keys` are existing ones that hold the models made there."""

    account: Account
    region: Region
    buckets: tuple[Bucket, ...] = ()
    kms_keys: tuple[KeyArn, ...] = ()


class Variables(StrictModel):
    """What becomes of the environment variables of a model's containers."""

    set: dict[VariableName, VariableValue] = Field(default_factory=dict)
    replace: dict[VariableName, VariableValue] = Field(default_factory=dict)
    drop: tuple[VariableName, ...] = ()
    keep: tuple[VariableName, ...] = ()

    @model_validator(mode="after")
    def _require_disjoint_lists(self) -> Variables:
        fates: dict[str, list[str]] = {}
        for fate in type(self).model_fields:
            for name in dict.fromkeys(getattr(self, fate)):
                fates.setdefault(name, []).append(fate)
        problems = [f"{name} stands in {' and in '.join(found)}" for name, found in fates.items() if len(found) > 1]
        if len(self.set) > sagemaker_limits.MOST_VARIABLES:
            problems.append(
                f"set has {len(self.set)}; SageMaker allows {sagemaker_limits.MOST_VARIABLES} in a container"
            )
        size = sum(len(name.encode()) + len(value.encode()) for name, value in self.set.items())
        if size > sagemaker_limits.MOST_BYTES_OF_VARIABLES:
            problems.append(
                f"set has {size} bytes; SageMaker allows {sagemaker_limits.MOST_BYTES_OF_VARIABLES} in a model"
            )
        if problems:
            raise ValueError("; ".join(problems))
        return self


class Vpc(StrictModel):
    """The VPC in which the containers run (API: VpcConfig)."""

    security_group_ids: Annotated[list[SecurityGroupId], Field(min_length=1, max_length=5)]
    subnets: Annotated[list[SubnetId], Field(min_length=1, max_length=16)]

    def deployed(self) -> settings.Vpc:
        return settings.Vpc(security_group_ids=tuple(self.security_group_ids), subnets=tuple(self.subnets))


_NO_VPC = Vpc.model_construct(security_group_ids=[], subnets=[])


def _vpc_or_none(value: object, handler: ValidatorFunctionWrapHandler) -> object:
    return _NO_VPC if value == "none" else handler(value)


class Stage(EndpointConfiguration, Update):
    """An application in an environment. The stage is called like its environment unless `environment` says another."""

    source: Annotated[EnvironmentName, Field(alias="from")]
    environment: EnvironmentName | None = None
    endpoint: SageMakerName
    images: dict[ImageName, ImageName] = Field(default_factory=dict)
    deadline: Duration = "1h"
    variables: Variables = Variables()
    vpc: Annotated[Vpc | None, WrapValidator(_vpc_or_none)] = None
    network_isolation: Annotated[bool, Field(strict=True)] | None = None
    when_locked: settings.WhenLocked = settings.WhenLocked.WAIT
    failed_first_deployment: settings.FirstDeployment = settings.FirstDeployment.DELETE
    arns: dict[Arn, Arn] = Field(default_factory=dict)
    smoke_test: SmokeTests = ()
    autoscaling: Autoscaling = Field(default_factory=dict)
    preview: PreviewOrNone = None

    def variants_by_name(self) -> dict[str, dict[str, Any]]:
        """Return the variants in CreateEndpointConfig's words."""
        return {variant.name: variant.to_api() for variant in self.variants}

    @property
    def deadline_seconds(self) -> int:
        return seconds(self.deadline)


class Application(StrictModel):
    """One model lineage. Approving a version of the group starts the first stage.

    `copy_tags`, `copy_annotations`: the artifacts' tags and annotations are copied with them.
    """

    model_package_group: SageMakerName
    copy_tags: Annotated[bool, Field(strict=True)] = False
    copy_annotations: Annotated[bool, Field(strict=True)] = False
    copy_images: Annotated[bool, Field(strict=True)] = False
    stages: Annotated[dict[StageName, Stage], Field(min_length=1)]


class Configuration(StrictModel):
    """The whole file."""

    hub: Hub
    environments: Annotated[dict[EnvironmentName, Environment], Field(min_length=2)]
    applications: dict[ApplicationName, Application]

    def environment_of(self, stage_name: str, stage: Stage) -> str:
        return stage.environment or stage_name

    def sources(self) -> dict[str, set[str]]:
        """Return, for each target environment, the environments that it takes models from."""
        found: dict[str, set[str]] = {}
        for application in self.applications.values():
            for name, stage in application.stages.items():
                found.setdefault(self.environment_of(name, stage), set()).add(stage.source)
        return found

    def image_copies(self) -> set[tuple[str, str]]:
        """Return the environments between which images are copied, each as from where and to where."""
        return {
            (stage.source, self.environment_of(name, stage))
            for application in self.applications.values()
            if application.copy_images
            for name, stage in application.stages.items()
        }

    def environments_with_smoke_tests(self) -> set[str]:
        """Return the environments with a stage that has a smoke test."""
        return {stage.environment for stage in self._deployed_stages() if stage.smoke_tests}

    def environments_with_preview(self) -> set[str]:
        """Return the environments with a stage that has a trial."""
        return {stage.environment for stage in self._deployed_stages() if stage.preview}

    def payload_sources(self) -> set[str]:
        """Return the environments from which some smoke test's payload is read while they are a stage's source."""
        return {
            stage.source
            for stage in self._deployed_stages()
            if any(test.payload.read_in_source for test in stage.smoke_tests)
        }

    def _deployed_stages(self) -> list[settings.Stage]:
        return [stage for application in self.deployed().applications.values() for stage in application.stages.values()]

    def used_environments(self) -> set[str]:
        """Return the environments that some stage names; the others have nothing to deploy."""
        sources = self.sources()
        return set(sources).union(*sources.values())

    def copied_metadata(self, source: str, target: str) -> tuple[bool, bool]:
        """Say whether some application copies tags, and annotations, between these two environments."""
        applications = [
            application
            for application in self.applications.values()
            for name, stage in application.stages.items()
            if (stage.source, self.environment_of(name, stage)) == (source, target)
        ]
        return any(one.copy_tags for one in applications), any(one.copy_annotations for one in applications)

    def registry_environment(self, application: Application) -> str:
        """Return the environment whose registry holds the application's group: where its first stage takes from."""
        return next(iter(application.stages.values())).source

    def deployment_order(self) -> list[str]:
        """Return the environments so that each comes after those it takes from.

        A bucket policy may only name roles that exist (AWS: "Invalid principal in policy"), so the copier's
        environment is deployed first.
        """
        order: list[str] = []
        sources = self.sources()
        waiting = {
            name: sources.get(name, set()) - {name} for name in self.environments if name in self.used_environments()
        }
        while waiting:
            ready = [name for name, sources in waiting.items() if sources <= set(order)]
            if not ready:
                raise ConfigurationError(
                    f"environments: {', '.join(sorted(waiting))} take models from each other in a circle. None of "
                    "them can be deployed first; let models flow one way."
                )
            order += ready
            waiting = {name: sources for name, sources in waiting.items() if name not in ready}
        return order

    def deployed(self) -> settings.Settings:
        """Return what the Lambdas need to know."""
        return settings.Settings(
            hub=self.hub.deployed(),
            external_id=self.hub.external_id,
            environments={
                name: settings.Environment(name=name, account=environment.account, region=environment.region)
                for name, environment in self.environments.items()
            },
            applications={
                name: settings.Application(
                    name=name,
                    model_package_group=application.model_package_group,
                    registry=self.registry_environment(application),
                    stages={
                        stage_name: settings.Stage(
                            name=stage_name,
                            environment=self.environment_of(stage_name, stage),
                            source=stage.source,
                            endpoint=stage.endpoint,
                            endpoint_config=stage.endpoint_config(),
                            deployment_config=stage.rollout.deployment_config() if stage.rollout else None,
                            retain_variant_properties=stage.retain_all_variant_properties,
                            exclude_retained=stage.exclude_retained_variant_properties,
                            capacity_retries=stage.capacity_retries.deployed() if stage.capacity_retries else None,
                            deadline_seconds=stage.deadline_seconds,
                            copy_tags=application.copy_tags,
                            copy_annotations=application.copy_annotations,
                            variables=settings.Variables(**stage.variables.model_dump()),
                            vpc=stage.vpc.deployed() if stage.vpc else None,
                            network_isolation=stage.network_isolation,
                            arns=stage.arns,
                            images=dict(stage.images),
                            copy_images=application.copy_images,
                            when_locked=stage.when_locked,
                            failed_first_deployment=stage.failed_first_deployment,
                            smoke_tests=tuple(
                                test.deployed(self.environments[stage.source].buckets) for test in stage.smoke_test
                            ),
                            autoscaling=autoscaling_config.deployed(stage.autoscaling, stage.variants_by_name()),
                            preview=preview_config.deployed(stage.preview),
                        )
                        for stage_name, stage in application.stages.items()
                    },
                )
                for name, application in self.applications.items()
            },
        )


class _UniqueKeyLoader(yaml.SafeLoader):
    """YAML silently keeps the last of two equal keys; here that is a mistake."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for key in keys:
            if keys.count(key) > 1:
                raise yaml.constructor.ConstructorError(None, None, f"{key!r} stands twice", node.start_mark)
        return super().construct_mapping(node, deep)


def load(path: Path) -> Configuration:
    """Read and check the file. Raises ConfigurationError with every mistake, one a line."""
    try:
        raw = yaml.load(path.read_text(), Loader=_UniqueKeyLoader)  # noqa: S506 - a SafeLoader
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{path} is not UTF-8 text: {error}") from error
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}.") from error
    except yaml.YAMLError as error:
        raise ConfigurationError(f"{path} is not YAML: {error}") from error
    return parse(raw, file=str(path))


def parse(raw: object, *, file: str) -> Configuration:
    """Check what the file says. Raises ConfigurationError."""
    problems: list[str] = []
    try:
        configuration = Configuration.model_validate(raw)
    except ValidationError as error:
        problems = [f"{_path(one['loc'])}: {_sentence(one)}" for one in error.errors(include_url=False)]
        configuration = _well_formed(raw)
    named = raw.get("environments") if isinstance(raw, dict) else None
    problems += _constraint_violations(configuration, named if isinstance(named, dict) else {})
    if not problems:
        problems += [*_wrong_python(configuration), *_limit_violations(configuration)]
        try:
            configuration.deployment_order()
        except ConfigurationError as error:
            problems.append(str(error))
    if problems:
        mistakes = "1 mistake" if len(problems) == 1 else f"{len(problems)} mistakes"
        raise ConfigurationError(f"{file} has {mistakes}:\n" + "\n".join(f"  {problem}" for problem in problems))
    return configuration


def _well_formed(raw: object) -> Configuration:
    """Return the well-formed parts of a file with mistakes, so that contradictions between them are told as well."""
    file = raw if isinstance(raw, dict) else {}
    applications = {}
    for name, application in _mapping(file, "applications").items():
        stages = {key: _well_formed_stage(one) for key, one in _mapping(application, "stages").items()}
        group = application.get("model_package_group") if isinstance(application, dict) else None
        if stages and isinstance(group, str):
            applications[name] = Application.model_construct(model_package_group=group, stages=stages)
    environments = {
        key: environment
        for key, one in _mapping(file, "environments").items()
        if (environment := _read_environment(one))
    }
    return Configuration.model_construct(environments=environments, applications=applications)


# A stage's members as the file calls them, and as we do.
_FIELDS = {field.alias or name: name for name, field in Stage.model_fields.items()}
# What stands in for a malformed member, so that the others can be read; and what it counts as, which contradicts
# nothing.
_PLACEHOLDERS: dict[str, Any] = {
    "from": "nowhere",
    "endpoint": "nowhere",
    "variants": [{"name": "none"}],
    "deadline": "8h",
}
_UNKNOWN: dict[str, Any] = {"from": "", "endpoint": "", "variants": []}


def _well_formed_stage(raw: object) -> Stage:
    """Return the stage with its well-formed members; a malformed one is empty, and nothing contradicts it."""
    members = raw if isinstance(raw, dict) else {}
    try:
        return Stage.model_validate(raw)
    except ValidationError as error:
        malformed = {one["loc"][0] for one in error.errors() if one["loc"]}
    good = {name: value for name, value in members.items() if name in _FIELDS and name not in malformed}
    stand_ins = {name: value for name, value in _PLACEHOLDERS.items() if name in malformed}
    unknown = {_FIELDS[name]: value for name, value in _UNKNOWN.items() if name in malformed}
    return Stage.model_validate({**stand_ins, **good}).model_copy(update=unknown)


def _mapping(raw: object, field_name: str) -> dict[str, object]:
    found = raw.get(field_name) if isinstance(raw, dict) else None
    return found if isinstance(found, dict) else {}


def _read_environment(raw: object) -> Environment | None:
    try:
        return Environment.model_validate(raw)
    except ValidationError:
        return None


def _constraint_violations(configuration: Configuration, named: Mapping[str, object]) -> Iterator[str]:
    """Yield what is well-formed but cannot be. `named` are the environments that the file names, well-formed or not."""
    if "hub" in named:
        yield "environments.hub: 'hub' is the name of the hub's own stack; call the environment something else"
    spelled: dict[str, str] = {}
    for name in map(str, named):
        # Statement ids have no hyphens (AWS: IAM policy elements, Sid).
        other = spelled.setdefault(name.replace("-", ""), name)
        if other != name:
            yield f"environments.{name}: differs from {other!r} only by hyphens; their rights could not be told apart"
    endpoints: dict[tuple[object, str], str] = {}
    groups: dict[tuple[object, str], str] = {}
    for name, application in configuration.applications.items():
        registry = _account_and_region(configuration.registry_environment(application), configuration)
        other = groups.setdefault((registry, application.model_package_group.lower()), name)
        if other != name:
            yield (
                f"applications.{name}.model_package_group: {application.model_package_group!r} is the group of "
                f"{other!r} too; an approval must start one application"
            )
        for stage_name, stage in application.stages.items():
            path = f"applications.{name}.stages.{stage_name}"
            target = configuration.environment_of(stage_name, stage)
            yield from _stage_violations(path, stage, target, named)
            yield from constraints.constraint_violations(path, stage, configuration.environments.get(target))
            yield from preview_config.constraint_violations(path, stage)
            yield from _image_region_violations(path, stage, configuration.environments.get(target))
            yield from smoke_test_config.constraint_violations(
                f"{path}.smoke_test",
                stage.smoke_test,
                source=stage.source,
                registry=configuration.registry_environment(application),
                variants=[variant.name for variant in getattr(stage, "variants", [])],
                asynchronous=stage.async_inference is not None,
            )
            endpoint = (_account_and_region(target, configuration), stage.endpoint.lower())
            owner = endpoints.setdefault(endpoint, path)
            if stage.endpoint and owner != path:
                yield f"{path}.endpoint: {stage.endpoint!r} in {target} is the endpoint of {owner} too"


def _wrong_python(configuration: Configuration) -> Iterator[str]:
    wanted, running = configuration.hub.python, f"{sys.version_info.major}.{sys.version_info.minor}"
    if wanted not in {None, running}:
        yield f"hub.python: the Lambdas are to run on Python {wanted}, and this is {running}. Deploy with {wanted}"


def _limit_violations(configuration: Configuration) -> Iterator[str]:
    """Yield what a policy or a pattern has no room for, and sources in which nothing could be read."""
    targets = configuration.sources()
    here = [
        configuration.environment_of(name, stage)
        for application in configuration.applications.values()
        for name, stage in application.stages.items()
    ]
    for name, environment in configuration.environments.items():
        if here.count(name) > _MAX_STAGES:
            yield (
                f"environments.{name}: {here.count(name)} stages are in it; the deployer's policy has room for "
                f"{_MAX_STAGES}. Give some to another environment, which may be the same account under another name"
            )
        if name not in targets and not environment.buckets and any(name in sources for sources in targets.values()):
            yield f"environments.{name}.buckets: stages take models from it, so say in which buckets the models lie"
    registered: dict[str, int] = {}
    for application in configuration.applications.values():
        registry = configuration.registry_environment(application)
        registered[registry] = registered.get(registry, 0) + len(application.model_package_group) + len('"",')
    for name, characters in registered.items():
        if characters > _MAX_GROUP_CHARACTERS:
            yield (
                f"environments.{name}: the names of its model package groups have {characters} characters in all; the "
                f"rule that forwards approvals has room for {_MAX_GROUP_CHARACTERS}"
            )


def _stage_violations(path: str, stage: Stage, target: str, named: Mapping[str, object]) -> Iterator[str]:
    known = f"(there are: {', '.join(map(str, named))})"
    if stage.source and stage.source not in named:
        yield f"{path}.from: there is no environment {stage.source!r} {known}"
    if target not in named:
        field_name = "environment" if stage.environment else "environment: the stage's name is none, and"
        yield f"{path}.{field_name}: there is no environment {target!r} {known}"
    if target == stage.source:
        yield f"{path}.from: a stage cannot take its models from its own environment {target!r}"
    if stage.variants:
        yield from autoscaling_config.constraint_violations(path, stage.autoscaling, stage.variants_by_name())
    if stage.deadline_seconds > time_limits.LONGEST_DEPLOYMENT.seconds:
        longest = time_limits.LONGEST_DEPLOYMENT.seconds // 3600
        yield f"{path}.deadline: {stage.deadline} is longer than the {longest}h that SageMaker gives a deployment"


def _image_region_violations(path: str, stage: Stage, target: Environment | None) -> Iterator[str]:
    """Yield the images that SageMaker could not pull: it does so from the endpoint's own Region only."""
    for image, mapped in stage.images.items():
        registry = _ECR_REGISTRY.match(mapped)
        if target and registry and registry["region"] != target.region:
            yield f"{path}.images.{image}: {mapped!r} lies in {registry['region']}, the stage in {target.region}"


def _account_and_region(environment: str, configuration: Configuration) -> object:
    """Two environments may be one account and Region under two names."""
    found = configuration.environments.get(environment)
    return (found.account, found.region) if found else environment


def _path(location: tuple[int | str, ...]) -> str:
    return ".".join(str(part) for part in location if part != "[key]") or "the file"


# What pydantic finds, in words for a person; {input} and the limits are the error's own.
_SENTENCES = {
    "bool_type": "must be true or false, not {input!r}",
    "dict_type": "must be a mapping, not {input!r}",
    "extra_forbidden": "there is no such member",
    "int_from_float": "must be a whole number, not {input!r}",
    "int_type": "must be a whole number, not {input!r}",
    "list_type": "must be a list, not {input!r}",
    "missing": "is missing",
    "model_type": "must be a mapping, not {input!r}",
    "string_pattern_mismatch": "must be {meaning}, not {input!r}",
    "string_type": "must be text, not {input!r}",
    "too_long": "must have at most {max_length}, not {actual_length}",
    "tuple_type": "must be a list, not {input!r}",
    "too_short": "must have at least {min_length}, not {actual_length}",
    "value_error": "{error}",
}


def _sentence(error: Any) -> str:
    if error["type"] == "string_type" and isinstance(error["input"], bool | int | float):
        kind = "true or false" if isinstance(error["input"], bool) else "a number"
        return f"must be text; put it in quotes, or YAML reads it as {kind}"
    context = error.get("ctx", {})
    message = re.sub(r"^(Input|String|List|Dictionary|Value)", "it", error["msg"]).replace("{", "{{").replace("}", "}}")
    sentence = _SENTENCES.get(error["type"], f"{message}, not {{input!r}}")
    return sentence.format(
        **{"input": error["input"], "meaning": EXPLANATIONS.get(context.get("pattern", "")), **context}
    )
