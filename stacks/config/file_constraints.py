"""What is well-formed in promotion.yaml and cannot be deployed: names that exist nowhere or twice, limits of AWS."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping

from lambdas.promotion.contract import time_limits
from lambdas.promotion.images import ecr_hosts
from stacks.config import autoscaling_constraints, constraints, s3_constraints
from stacks.config.file.suggestions import near
from stacks.config.schema import Environment, Stage
from stacks.config.stage import smoke_test
from stacks.config.topology import Configuration

# What IAM's 6,144 characters for a managed policy and EventBridge's 2,048 for a pattern leave room for.
_MAX_STAGES = 30
_MAX_GROUP_CHARACTERS = 1700
# AWS: Step Functions quotas, aliases of a state machine.
_MAX_ALIASES = 100
# In a message: of more environments, it suggests the nearest.
_MOST_LISTED = 20


def reference_violations(configuration: Configuration, named: Mapping[str, object]) -> Iterator[str]:
    """Yield what is well-formed but cannot be.

    `named` are the environments that the file names, well-formed or not; if it names none, that alone is the mistake.
    """
    if "hub" in named:
        yield "environments.hub: 'hub' is the name of the hub's own stack; call the environment something else"
    spelled: dict[str, str] = {}
    for name in map(str, named):
        # Statement ids have no hyphens (AWS: IAM policy elements, Sid).
        other = spelled.setdefault(name.replace("-", ""), name)
        if other != name:
            yield (
                f"environments.{name}: differs from {other!r} only by hyphens; their permissions could not be told "
                "apart. Call one of them something else"
            )
    endpoints: dict[tuple[object, str], str] = {}
    groups: dict[tuple[object, str], str] = {}
    source_buckets = {bucket for environment in configuration.environments.values() for bucket in environment.buckets}
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
            yield from _image_region_violations(path, stage, configuration.environments.get(target))
            yield from s3_constraints.constraint_violations(path, stage, source_buckets)
            yield from smoke_test.constraint_violations(
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


def python_violations(configuration: Configuration) -> Iterator[str]:
    required, running = configuration.hub.python, f"{sys.version_info.major}.{sys.version_info.minor}"
    if required not in {None, running}:
        yield f"hub.python: the Lambdas are to run on Python {required}, and this is {running}. Deploy with {required}"


def limit_violations(configuration: Configuration) -> Iterator[str]:
    """Yield what a policy or a pattern has no room for, and sources in which nothing could be read."""
    targets = configuration.sources()
    environments_of_stages = [
        configuration.environment_of(name, stage)
        for application in configuration.applications.values()
        for name, stage in application.stages.items()
    ]
    for name, environment in configuration.environments.items():
        stages = environments_of_stages.count(name)
        if stages > _MAX_STAGES:
            yield (
                f"environments.{name}: it has {stages} stages; the deployer's policy has room for {_MAX_STAGES}. "
                "Give some to another environment, which may be the same account under another name"
            )
        # A stage whose environment is misspelled may be the one that targets this.
        is_certain = targets.keys() <= configuration.environments.keys()
        if (
            is_certain
            and name not in targets
            and not environment.buckets
            and any(name in sources for sources in targets.values())
        ):
            yield f"environments.{name}.buckets: stages take models from it, so list the buckets that hold the models"
    aliases = configuration.start_aliases()
    if len(aliases) > _MAX_ALIASES:
        yield (
            f"applications: the stages are started by {len(aliases)} aliases of the state machine, which can have "
            f"{_MAX_ALIASES} (AWS: Step Functions quotas). Give stages that the same principals may start the same "
            "start_alias"
        )
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
    names = [str(name) for name in named]
    existing = f"(there are: {', '.join(names[:_MOST_LISTED])}{', …' if len(names) > _MOST_LISTED else ''})"
    if named and stage.source and stage.source not in named:
        yield f"{path}.from: there is no environment {stage.source!r} {existing}{near(stage.source, names)}"
    if named and target not in named:
        hint = (
            near(target, names)
            if stage.environment
            else "; without this field, the stage's name is that of its environment"
        )
        yield f"{path}.environment: there is no environment {target!r} {existing}{hint}"
    if target == stage.source:
        yield f"{path}.from: a stage cannot take its models from its own environment {target!r}"
    if stage.variants:
        yield from autoscaling_constraints.constraint_violations(path, stage)
    if stage.deadline_seconds > time_limits.LONGEST_DEPLOYMENT.seconds:
        longest = time_limits.LONGEST_DEPLOYMENT.seconds // 3600
        yield f"{path}.deadline: {stage.deadline} is longer than the {longest}h that SageMaker gives a deployment"


def _image_region_violations(path: str, stage: Stage, target: Environment | None) -> Iterator[str]:
    """Yield the images that SageMaker could not pull: it does so from the endpoint's own Region only."""
    for image, mapped in stage.images.items():
        location = ecr_hosts.location_of(mapped.partition("/")[0])
        if target and target.region and location and location[1] != target.region:
            yield f"{path}.images.{image}: {mapped!r} is in {location[1]}, the stage in {target.region}"


def _account_and_region(environment: str, configuration: Configuration) -> object:
    """Two environments may be one account and Region under two names."""
    scope = configuration.environments.get(environment)
    return (scope.account, scope.region) if scope else environment
