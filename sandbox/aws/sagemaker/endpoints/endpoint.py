"""What an endpoint is: a name, the configuration that it serves, and how it is doing."""

import contextlib
import datetime
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from sandbox.aws.sagemaker import state
from sandbox.aws.sagemaker.api import arns, events
from sandbox.aws.sagemaker.api.errors import Invalid
from sandbox.aws.sagemaker.endpoints.fleet import Fleet
from sandbox.aws.sagemaker.models import images, models, runnable
from sandbox.aws.sagemaker.state import Record


class Status(StrEnum):
    """EndpointStatus, as the API spells it."""

    CREATING = "Creating"
    UPDATING = "Updating"
    SYSTEM_UPDATING = "SystemUpdating"
    ROLLING_BACK = "RollingBack"
    IN_SERVICE = "InService"
    DELETING = "Deleting"
    FAILED = "Failed"
    UPDATE_ROLLBACK_FAILED = "UpdateRollbackFailed"

    @property
    def in_progress(self) -> bool:
        return self in {
            Status.CREATING,
            Status.UPDATING,
            Status.SYSTEM_UPDATING,
            Status.ROLLING_BACK,
            Status.DELETING,
        }


@dataclass
class Variant:
    """A production variant as it stands: its share of the requests and how many instances it has."""

    name: str
    specification: Record
    images: list[tuple[str, str]]  # as specified, and by digest as far as known
    weight: float
    instances: int | None

    @classmethod
    def initial(cls, specification: Record) -> "Variant":
        """As the configuration says."""
        containers = runnable.of_model(models.find(specification["ModelName"]))
        return cls(
            name=specification["VariantName"],
            specification=specification,
            images=[(container["Image"], images.resolved(container)) for container in containers],
            weight=float(specification.get("InitialVariantWeight", 1.0)),
            instances=specification.get("InitialInstanceCount"),
        )

    def described(self, moment: datetime.datetime) -> Record:
        shown: Record = {
            "VariantName": self.name,
            "DeployedImages": [
                {"SpecifiedImage": specified, "ResolvedImage": resolved, "ResolutionTime": moment}
                for specified, resolved in self.images
            ],
            "CurrentWeight": self.weight,
            "DesiredWeight": self.weight,
        }
        if serverless := self.specification.get("ServerlessConfig"):
            shown |= {"CurrentInstanceCount": 0, "CurrentServerlessConfig": serverless}
        else:
            shown |= {"CurrentInstanceCount": self.instances, "DesiredInstanceCount": self.instances}
        if "InstancePools" in self.specification:
            # Assumed: the pool of the first priority has room for all.
            pools = sorted(self.specification["InstancePools"], key=lambda pool: int(pool["Priority"]))
            shown["InstancePools"] = [
                {"InstanceType": pool["InstanceType"], "CurrentInstanceCount": 0 if number else self.instances}
                for number, pool in enumerate(pools)
            ]
        if "RoutingConfig" in self.specification:
            shown["RoutingConfig"] = self.specification["RoutingConfig"]
        return shown


@dataclass
class Pending:
    """The configuration that is being deployed."""

    config: Record
    variants: list[Variant]
    policy: Record
    started: datetime.datetime
    shadows: list[Variant] = field(default_factory=list)
    stage: str = "Creating"

    def described(self) -> Record:
        return {
            "EndpointConfigName": self.config["EndpointConfigName"],
            "StartTime": self.started,
            "ProductionVariants": [self._summary(variant) for variant in self.variants],
            "ShadowProductionVariants": [self._summary(variant) for variant in self.shadows] or None,
        }

    def _summary(self, variant: Variant) -> Record:
        summary = variant.described(self.started)
        summary["InstanceType"] = variant.specification.get("InstanceType")
        summary["VariantStatus"] = [{"Status": self.stage, "StartTime": self.started}]
        if variant.instances is not None and self.stage == "Creating":
            summary["CurrentInstanceCount"] = 0
        return summary


@dataclass(eq=False)
class Endpoint:
    """An endpoint of one account and Region. A thread that changes it holds state.LOCK."""

    name: str
    arn: str
    config: Record  # a copy: the configuration may be deleted while the endpoint serves it
    created: datetime.datetime
    modified: datetime.datetime
    status: Status = Status.CREATING
    variants: list[Variant] = field(default_factory=list)
    shadows: list[Variant] = field(default_factory=list)
    traffic: list[tuple[Fleet, float]] = field(default_factory=list)
    pending: Pending | None = None
    failure_reason: str | None = None
    last_policy: Record | None = None
    deployed: datetime.datetime | None = None

    @property
    def config_name(self) -> str:
        return str(self.config["EndpointConfigName"])

    @property
    def exists(self) -> bool:
        """Whether this is still the endpoint of that name."""
        return state.endpoints.get(self.name.lower()) is self

    def become(self, status: Status, *, reason: str | None = None) -> None:
        """Go to a status."""
        with state.LOCK:
            self.status = status
            self.failure_reason = reason
            self.modified = now()

    def turn(self, status: Status, *, reason: str | None = None) -> None:
        """Go to a status, and say so. Not for holders of state.LOCK: a listener may ask back."""
        self.become(status, reason=reason)
        publish_state(self)

    def fleets(self) -> list[Fleet]:
        return [fleet for fleet, _ in self.traffic]

    @contextlib.contextmanager
    def fleet_for_a_request(self) -> Iterator[Fleet | None]:
        """A fleet, by the shares of traffic, that will not be stopped before the request is answered."""
        with state.LOCK:
            shares = [share for _, share in self.traffic]
            fleet = random.choices(self.fleets(), shares)[0] if shares else None  # noqa: S311 - not a secret
            if fleet is not None:
                fleet.enter()
        try:
            yield fleet
        finally:
            if fleet is not None:
                fleet.leave()

    def choose_variant(self) -> str:
        """The production variant for one request, by weight."""
        weights = [variant.weight for variant in self.variants]
        if not any(weights):
            weights = [1.0] * len(weights)
        return random.choices([variant.name for variant in self.variants], weights)[0]  # noqa: S311

    def described(self) -> Record:
        """DescribeEndpoint's answer."""
        with state.LOCK:
            answer = {
                "EndpointName": self.name,
                "EndpointArn": self.arn,
                "EndpointConfigName": self.config_name,
                "EndpointStatus": self.status.value,
                "CreationTime": self.created,
                "LastModifiedTime": self.modified,
                "FailureReason": self.failure_reason,
                "LastDeploymentConfig": self.last_policy,
                "AsyncInferenceConfig": self.config.get("AsyncInferenceConfig"),
                "ExplainerConfig": self.config.get("ExplainerConfig"),
                "MetricsConfig": self.config.get("MetricsConfig"),
                "CrossRegionTrafficConfig": self.config.get("CrossRegionTrafficConfig"),
                "DataCaptureConfig": self._data_capture(),
                "PendingDeploymentSummary": self.pending.described() if self.pending else None,
            }
            if self.variants:
                moment = self.deployed or self.created
                answer["ProductionVariants"] = [variant.described(moment) for variant in self.variants]
                if self.shadows:
                    answer["ShadowProductionVariants"] = [variant.described(moment) for variant in self.shadows]
        return {key: value for key, value in answer.items() if value is not None}

    def summary(self) -> Record:
        """The endpoint in a list."""
        answer = self.described()
        shown = ("EndpointName", "EndpointArn", "CreationTime", "LastModifiedTime", "EndpointStatus")
        return {key: answer[key] for key in shown}

    def _data_capture(self) -> Record | None:
        capture = self.config.get("DataCaptureConfig")
        if capture is None:
            return None
        enabled = capture.get("EnableCapture", True)
        return {
            "EnableCapture": enabled,
            "CaptureStatus": "Started" if enabled else "Stopped",
            "CurrentSamplingPercentage": capture["InitialSamplingPercentage"],
            "DestinationS3Uri": capture["DestinationS3Uri"],
            "KmsKeyId": capture.get("KmsKeyId", ""),
        }


def find(name: str) -> Endpoint:
    """The endpoint of that name. Raises what the service answers when there is none."""
    endpoint: Endpoint | None = state.endpoints.get(name.lower())
    if endpoint is None or endpoint.name != name:
        raise Invalid(f'Could not find endpoint "{arns.endpoint(name)}".')
    return endpoint


def publish_state(endpoint: Endpoint, detail_type: str = "SageMaker Endpoint State Change") -> None:
    """Tell the bus how an endpoint is doing."""
    shown = endpoint.described()
    detail: Record = {
        key: shown[key]
        for key in (
            "EndpointName",
            "EndpointArn",
            "EndpointConfigName",
            "ProductionVariants",
            "CreationTime",
            "LastModifiedTime",
            "FailureReason",
            "PendingDeploymentSummary",
        )
        if key in shown
    }
    detail["EndpointStatus"] = re.sub(r"(?<!^)(?=[A-Z])", "_", endpoint.status.value).upper()
    detail["Tags"] = dict(state.tags.get(endpoint.arn.lower(), {}))
    events.publish(detail_type, endpoint.arn, detail)


def now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)
