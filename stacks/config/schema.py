"""The parts of promotion.yaml: the hub, environments, applications and their stages. Each option is described here."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, ValidatorFunctionWrapHandler, WrapValidator, model_validator

from lambdas.promotion.contract import sagemaker_limits, settings
from stacks.config.fields.field_types import (
    Account,
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
from stacks.config.stage.autoscaling import Autoscaling
from stacks.config.stage.endpoint import EndpointConfiguration
from stacks.config.stage.preview import PreviewOrNone
from stacks.config.stage.rollout import Update
from stacks.config.stage.smoke_test import SmokeTests


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
        runbook = {"runbook": self.notify.runbook} if self.notify.runbook else {}
        return settings.Hub(
            account=self.account, region=self.region, announce_unchanged=self.notify.unchanged, **runbook
        )


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
        problems = [f"{name} stands in {' and in '.join(lists)}" for name, lists in fates.items() if len(lists) > 1]
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

    def deployed(self) -> settings.Variables:
        return settings.Variables(**self.model_dump())


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

    def environment_name(self, stage_name: str) -> str:
        """Return the environment in which the stage of this name deploys."""
        return self.environment or stage_name

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

    @property
    def registry(self) -> str:
        """The environment whose registry holds the model package group: where the first stage takes models from."""
        return next(iter(self.stages.values())).source
