"""SageMaker's endpoint in memory: what DescribeEndpoint says after each sequence of calls and events.

Texts and shapes are those of recordings/sagemaker. Time passes only when a history lets it pass.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from lambdas.promotion.contract.errors import Throttled
from recordings import store

PREFIX = "arn:aws:sagemaker:us-east-1:333333333333"
IN_PROGRESS = {"Creating", "Updating", "RollingBack", "Deleting"}
UPDATABLE = {"InService", "OutOfService", "UpdateRollbackFailed"}


@dataclass(frozen=True)
class Endpoint:
    """An endpoint as SageMaker knows it. `goal`: the configuration of the change in progress."""

    status: str
    config: str
    modified: datetime
    instances: int = 1
    settled: bool = True
    goal: str | None = None
    reason: str | None = None


@dataclass
class FakeSageMaker:
    """The client of one account with one endpoint. `fault` is asked before each call and may raise.

    `repairs`: whether an endpoint that is not InService can be updated to the configuration that it has. The refusal is
    recorded, and not for which statuses.
    """

    now: datetime
    configs: dict[str, int]  # the initial instance count by name
    endpoint: Endpoint | None = None
    fault: Callable[[str, bool], None] = lambda call, after: None
    stale: Endpoint | None = None
    is_stale: bool = False
    answered_stale: bool = False
    calls: list[str] = field(default_factory=list)
    repairs: bool = False

    # What the product calls

    def describe_endpoint(self, *, EndpointName: str) -> dict[str, Any]:  # noqa: N803 - the API's spelling
        self.fault("describe_endpoint", False)
        endpoint = self.stale if self.is_stale else self.endpoint
        self.answered_stale, self.is_stale = self.is_stale, False
        if endpoint is None:
            raise store.error("sagemaker/DescribeEndpoint/not-found")
        fields: dict[str, Any] = {
            "EndpointName": EndpointName,
            "EndpointStatus": endpoint.status,
            "EndpointConfigName": endpoint.config,
            "LastModifiedTime": endpoint.modified,
            "CreationTime": endpoint.modified,
        }
        if endpoint.reason:
            fields["FailureReason"] = endpoint.reason
        if endpoint.status not in {"Creating", "Failed"}:
            count = endpoint.instances
            fields["ProductionVariants"] = [
                {
                    "VariantName": "All",
                    "CurrentInstanceCount": count if endpoint.settled else count - 1,
                    "DesiredInstanceCount": count,
                    "CurrentWeight": 1.0,
                    "DesiredWeight": 1.0,
                }
            ]
        return fields

    def describe_endpoint_config(self, *, EndpointConfigName: str) -> dict[str, Any]:  # noqa: N803
        self.fault("describe_endpoint_config", False)
        if EndpointConfigName not in self.configs:
            raise store.error("sagemaker/DescribeEndpointConfig/not-found")
        return {"EndpointConfigName": EndpointConfigName, "ProductionVariants": []}

    def create_endpoint(self, *, EndpointName: str, EndpointConfigName: str, **_: Any) -> dict[str, Any]:  # noqa: N803
        self.fault("create_endpoint", False)
        if self.endpoint is not None:
            raise store.error("sagemaker/CreateEndpoint/already-exists")
        self._require_config(EndpointConfigName)
        self._remember()
        self.endpoint = Endpoint("Creating", EndpointConfigName, self._tick(), self.configs[EndpointConfigName])
        self._done("create_endpoint")
        return {"EndpointArn": f"{PREFIX}:endpoint/{EndpointName}"}

    def update_endpoint(
        self,
        *,
        EndpointName: str,  # noqa: N803
        EndpointConfigName: str,  # noqa: N803
        RetainAllVariantProperties: bool = False,  # noqa: N803
        **_: Any,
    ) -> dict[str, Any]:
        self.fault("update_endpoint", False)
        endpoint = self._updatable()
        self._require_config(endpoint.config)
        self._require_config(EndpointConfigName)
        if endpoint.config == EndpointConfigName and not (self.repairs and endpoint.status != "InService"):
            raise store.error("sagemaker/UpdateEndpoint/same-configuration")
        count = endpoint.instances if RetainAllVariantProperties else self.configs[EndpointConfigName]
        self._remember()
        self.endpoint = replace(
            endpoint, status="Updating", goal=EndpointConfigName, modified=self._tick(), reason=None, instances=count
        )
        self._done("update_endpoint")
        return {"EndpointArn": f"{PREFIX}:endpoint/{EndpointName}"}

    def update_endpoint_weights_and_capacities(
        self,
        *,
        EndpointName: str,  # noqa: N803
        DesiredWeightsAndCapacities: list[dict[str, Any]],  # noqa: N803
    ) -> dict[str, Any]:
        self.fault("update_endpoint_weights_and_capacities", False)
        endpoint = self._updatable()
        self._remember()
        (desired,) = DesiredWeightsAndCapacities
        self.endpoint = replace(
            endpoint, status="Updating", modified=self._tick(), instances=desired["DesiredInstanceCount"]
        )
        self._done("update_endpoint_weights_and_capacities")
        return {"EndpointArn": f"{PREFIX}:endpoint/{EndpointName}"}

    def delete_endpoint(self, *, EndpointName: str) -> None:  # noqa: N803
        self.fault("delete_endpoint", False)
        if self.endpoint is None:
            raise store.error("sagemaker/DeleteEndpoint/not-found")
        if self.endpoint.status in IN_PROGRESS:
            raise store.error("sagemaker/DeleteEndpoint/in-progress-while-creating")
        self._remember()
        self.endpoint = replace(self.endpoint, status="Deleting", modified=self._tick())
        self._done("delete_endpoint")

    # What happens by itself, or by others

    def finish(self, outcome: str, reason: str | None) -> None:
        """End the change in progress: success, rolled_back, failed, rollback_failed or out_of_service."""
        endpoint = self.endpoint
        if endpoint is None or endpoint.status not in IN_PROGRESS:
            return
        self._remember()
        if endpoint.status == "Deleting":
            self.endpoint = None
            return
        if endpoint.status == "Creating":
            outcome = outcome if outcome in {"success", "failed"} else "failed"
        scaling = endpoint.goal is None and endpoint.status == "Updating"
        ended = replace(endpoint, goal=None, modified=self._tick(), reason=None, settled=True)
        if outcome == "success" or scaling:
            self.endpoint = replace(ended, status="InService", config=endpoint.goal or endpoint.config)
        elif outcome == "rolled_back":
            self.endpoint = replace(ended, status="InService", reason=reason)
        elif outcome == "failed":
            self.endpoint = replace(ended, status="Failed", config=endpoint.goal or endpoint.config, reason=reason)
        elif outcome == "rollback_failed":
            self.endpoint = replace(ended, status="UpdateRollbackFailed", reason=reason)
        else:
            self.endpoint = replace(
                ended, status="OutOfService", config=endpoint.goal or endpoint.config, reason=reason
            )

    def update_by_another(self, config: str) -> None:
        if self.endpoint is not None and self.endpoint.status in UPDATABLE:
            self.configs.setdefault(config, 1)
            self._remember()
            self.endpoint = replace(self.endpoint, status="Updating", goal=config, modified=self._tick(), reason=None)

    def delete_by_another(self) -> None:
        if self.endpoint is not None and self.endpoint.status not in IN_PROGRESS:
            self._remember()
            self.endpoint = None

    def scale_by_another(self, instances: int) -> None:
        if self.endpoint is not None and self.endpoint.status == "InService":
            self.endpoint = replace(self.endpoint, instances=instances, settled=False)

    def settle(self) -> None:
        if self.endpoint is not None:
            self.endpoint = replace(self.endpoint, settled=True)

    def _updatable(self) -> Endpoint:
        if self.endpoint is None:
            raise store.error("sagemaker/DescribeEndpoint/not-found")
        if self.endpoint.status in IN_PROGRESS:
            raise store.error("sagemaker/UpdateEndpoint/in-progress")
        if self.endpoint.status not in UPDATABLE:
            raise ClientError(
                {"Error": {"Code": "ValidationException", "Message": "The endpoint cannot be updated in its status."}},
                "UpdateEndpoint",
            )
        return self.endpoint

    def _require_config(self, name: str) -> None:
        if name not in self.configs:
            message = f'Could not find endpoint configuration "{PREFIX}:endpoint-config/{name}".'
            raise ClientError({"Error": {"Code": "ValidationException", "Message": message}}, "UpdateEndpoint")

    def _done(self, call: str) -> None:
        self.calls.append(call)
        self.fault(call, True)

    def _remember(self) -> None:
        self.stale = self.endpoint

    def _tick(self) -> datetime:
        self.now += timedelta(milliseconds=1)
        return self.now


class Killed(BaseException):
    """The process of a step was killed."""


def throttled(call: str) -> Throttled:
    return Throttled(f"AWS throttled {call}.")
