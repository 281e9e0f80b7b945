"""The deployed configuration: what promotion.yaml said when the hub was deployed, with every default filled in.

stacks/config/deploy_settings.py makes it, and the hub's stack writes it into the Lambda bundle as settings.json. Only
the first step reads it, and what a promotion needs of it travels in the document from there.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from cattrs.preconf.json import make_converter

from lambdas.promotion.contract import resource_names
from lambdas.promotion.contract.roles import Role
from lambdas.promotion.contract.smoke_test_settings import SmokeTest

# What of a variant can be scaled (API: Application Auto Scaling, ScalableDimension).
INSTANCES = "sagemaker:variant:DesiredInstanceCount"
CONCURRENCY = "sagemaker:variant:DesiredProvisionedConcurrency"

_FILE = Path(__file__).parent / "settings.json"
_converter = make_converter()


class WhenLocked(enum.StrEnum):
    """What a promotion does if another one holds the endpoint's lock.

    NEWEST_WINS: it waits, but gives way to one that waits with a newer model.
    """

    WAIT = "wait"
    REFUSE = "refuse"
    NEWEST_WINS = "newest_wins"


class FirstDeployment(enum.StrEnum):
    """What happens to a new endpoint whose first promotion failed: there is nothing to roll back to."""

    DELETE = "delete"
    KEEP = "keep"


@dataclass(frozen=True, kw_only=True)
class Environment:
    """An account and Region that takes part."""

    name: str
    account: str
    region: str

    def role_arn(self, role: Role) -> str:
        return resource_names.environment_role_arn(self.account, self.name, role)

    def sagemaker_arn(self, kind: str, name: str) -> str:
        """ARN of a SageMaker resource; SageMaker writes names in ARNs in lower case."""
        return f"arn:aws:sagemaker:{self.region}:{self.account}:{kind}/{name.lower()}"

    def endpoint_key(self, endpoint: str) -> str:
        """The key of an endpoint's item in the hub's table."""
        return resource_names.endpoint_key(self.account, self.region, endpoint)

    @property
    def artifact_bucket(self) -> str:
        return resource_names.artifact_bucket(self.name, self.account, self.region)


@dataclass(frozen=True, kw_only=True)
class Hub:
    """The account and Region of the state machine.

    `announce_unchanged`: whether Unchanged is announced. `runbook`: where docs/runbooks is published.
    """

    account: str
    region: str
    announce_unchanged: bool = False
    runbook: str = "docs/runbooks"

    @property
    def bucket(self) -> str:
        return resource_names.hub_bucket(self.account, self.region)


@dataclass(frozen=True, kw_only=True)
class Variables:
    """What a stage changes of the environment variables of a model's containers.

    `set` holds in every container, `replace` where the variable exists; `keep` are carried as they are although they
    look as if they belonged to the source.
    """

    set: dict[str, str] = field(default_factory=dict)
    replace: dict[str, str] = field(default_factory=dict)
    drop: tuple[str, ...] = ()
    keep: tuple[str, ...] = ()

    @property
    def trusted(self) -> frozenset[str]:
        """The variables whose values are not looked at and not changed."""
        return frozenset([*self.set, *self.replace, *self.keep])


@dataclass(frozen=True, kw_only=True)
class Vpc:
    """The VPC in which a model's containers run (API: VpcConfig). Both empty: none, whatever the source has."""

    security_group_ids: tuple[str, ...] = ()
    subnets: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class CapacityRetries:
    """How often an update that found no instances is tried again, and after how long."""

    max_attempts: int
    wait_seconds: int


@dataclass(frozen=True, kw_only=True)
class Scaling:
    """How a variant is to be scaled, in the words of Application Auto Scaling's API (targets.py).

    `capacity` has MinCapacity and MaxCapacity; the others are requests without what names the target.
    """

    variant: str
    dimension: str
    capacity: dict[str, int]
    policies: tuple[dict[str, Any], ...] = ()
    scheduled_actions: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True, kw_only=True)
class Preview:
    """The model is tried on a temporary endpoint before traffic moves: on one instance of each variant, or serverless.

    `serverless` is what every variant has instead of its instances (API: ProductionVariantServerlessConfig).
    """

    serverless: dict[str, Any] | None = None


@dataclass(frozen=True, kw_only=True)
class Stage:
    """An application in an environment.

    `endpoint_config` is CreateEndpointConfig in the API's own words, without the name, the tags and the variants'
    ModelName. `deployment_config` is UpdateEndpoint's DeploymentConfig; `retain_variant_properties` and
    `exclude_retained` (API: VariantPropertyType) say what an update keeps of the live endpoint. `deadline_seconds`
    counts from the start of the execution. `copy_tags`, `copy_annotations`: whether those of the artifacts are copied
    with them.

    `approved_only`: it takes only versions of the application's model package group that are approved.
    `start_alias`: the alias of the state machine by which a principal that may not start every stage starts this one;
    None for that of the environment's name.

    `variables`, `vpc`, `network_isolation` and `arns` say what is different in the target's model; a `vpc` or
    `network_isolation` of None says nothing. `arns` are exact ARNs of the source with those that take their places.
    `when_locked` and `failed_first_deployment` say what happens when two promotions meet, and when the first one fails.
    `images` maps images to a registry and repository of the target; `copy_images` lets the target have copies of the
    source account's own images. `smoke_tests`: what is sent to the endpoint once it serves; with a `preview`, first to
    a temporary one.
    """

    name: str
    environment: str
    source: str
    endpoint: str
    endpoint_config: dict[str, Any]
    deadline_seconds: int
    approved_only: bool = False
    start_alias: str | None = None
    deployment_config: dict[str, Any] | None = None
    retain_variant_properties: bool = True
    exclude_retained: tuple[str, ...] = ()
    capacity_retries: CapacityRetries | None = None
    copy_tags: bool = False
    copy_annotations: bool = False
    variables: Variables = field(default_factory=Variables)
    vpc: Vpc | None = None
    network_isolation: bool | None = None
    arns: dict[str, str] = field(default_factory=dict)
    images: dict[str, str] = field(default_factory=dict)
    copy_images: bool = False
    when_locked: WhenLocked = WhenLocked.WAIT
    failed_first_deployment: FirstDeployment = FirstDeployment.DELETE
    smoke_tests: tuple[SmokeTest, ...] = ()
    autoscaling: tuple[Scaling, ...] = ()
    preview: Preview | None = None

    @property
    def started_by(self) -> str:
        """The alias of the state machine that starts this stage."""
        return self.start_alias or self.environment

    @property
    def not_retained(self) -> frozenset[str]:
        """The properties of live variants that an update does not retain (API: VariantPropertyType)."""
        if self.retain_variant_properties:
            return frozenset(self.exclude_retained)
        return frozenset({"DesiredInstanceCount", "DesiredWeight", "DataCaptureConfig"})

    @property
    def retains_instances(self) -> bool:
        """Whether an update keeps the live variants' numbers of instances."""
        return "DesiredInstanceCount" not in self.not_retained

    @property
    def response_uris(self) -> tuple[str, ...]:
        """The S3 addresses below which an asynchronous endpoint puts its answers and failures; none if it is none."""
        asynchronous = self.endpoint_config.get("AsyncInferenceConfig", {})
        output = asynchronous.get("OutputConfig", {})
        return tuple(output[member] for member in ("S3OutputPath", "S3FailurePath") if member in output)

    @property
    def response_locations(self) -> tuple[str, ...]:
        """The same addresses as an ARN has them: the bucket, and perhaps a slash and a folder without one."""
        return tuple(uri.removeprefix("s3://").rstrip("/") for uri in self.response_uris)


@dataclass(frozen=True, kw_only=True)
class Application:
    """One model lineage. `registry` is the environment in which its model package group lives."""

    name: str
    model_package_group: str
    registry: str
    stages: dict[str, Stage]

    @property
    def traces_versions(self) -> bool:
        """Whether a model's version is looked up in the records: some stage takes only approved versions."""
        return any(stage.approved_only for stage in self.stages.values())


@dataclass(frozen=True, kw_only=True)
class Settings:
    """All of it. `external_id` is sent with every AssumeRole if set."""

    hub: Hub
    environments: dict[str, Environment]
    applications: dict[str, Application]
    external_id: str | None = None

    def to_json(self) -> str:
        return _converter.dumps(self, indent=1)

    @staticmethod
    def from_json(text: str) -> Settings:
        return _converter.loads(text, Settings)


@cache
def deployed() -> Settings:
    """Return the settings in this bundle."""
    return Settings.from_json(_FILE.read_text())
