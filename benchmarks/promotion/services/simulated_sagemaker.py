"""SageMaker's models, configurations and endpoints; an endpoint is in service so many seconds after a change of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from benchmarks.copy.simulation.virtual_time import EPOCH, VirtualTime
from benchmarks.promotion.services.wire import Call, ServiceError

_REGION = "us-east-1"
Fields = dict[str, Any]


@dataclass
class Endpoint:
    """`changed_at`: when the request for its last change was accepted; `ready_at`: when it is in service."""

    config: str
    previous: str | None
    created_at: float
    changed_at: float
    ready_at: float


@dataclass
class SimulatedSageMaker:
    """All accounts' resources, by account and name. `seconds`: what an endpoint's change takes."""

    clock: VirtualTime
    seconds: float
    packages: dict[str, Fields] = field(default_factory=dict)
    models: dict[tuple[str, str], Fields] = field(default_factory=dict)
    configs: dict[tuple[str, str], Fields] = field(default_factory=dict)
    endpoints: dict[tuple[str, str], Endpoint] = field(default_factory=dict)
    # Called with account and name when a change of an endpoint was accepted.
    on_change: Callable[[str, str], None] = lambda account, name: None

    def respond(self, call: Call) -> Any:
        operation = getattr(self, f"_{call.operation}", None)
        if operation is None:
            raise NotImplementedError(f"The simulated SageMaker has no {call.operation}. Add it to {__name__}.")
        return operation(call.account, call.parameters)

    def _DescribeModelPackage(self, account: str, asked: Mapping[str, Any]) -> Fields:  # noqa: N802
        arn = asked["ModelPackageName"]
        if arn not in self.packages:
            raise _missing("ModelPackage", arn)
        return self.packages[arn]

    def _DescribeModel(self, account: str, asked: Mapping[str, Any]) -> Fields:  # noqa: N802
        return self._stored(self.models, account, "model", asked["ModelName"])

    def _DescribeEndpointConfig(self, account: str, asked: Mapping[str, Any]) -> Fields:  # noqa: N802
        return self._stored(self.configs, account, "endpoint-config", asked["EndpointConfigName"])

    def _CreateModel(self, account: str, asked: Mapping[str, Any]) -> Fields:  # noqa: N802
        return self._store(self.models, account, "Model", asked)

    def _CreateEndpointConfig(self, account: str, asked: Mapping[str, Any]) -> Fields:  # noqa: N802
        return self._store(self.configs, account, "EndpointConfig", asked)

    def _CreateEndpoint(self, account: str, asked: Mapping[str, Any]) -> Fields:  # noqa: N802
        name, config = asked["EndpointName"], asked["EndpointConfigName"]
        if (account, name) in self.endpoints:
            raise _refused(f'Cannot create already existing endpoint "{_arn(account, "endpoint", name)}".')
        self._stored(self.configs, account, "endpoint-config", config)
        now = self.clock.now
        self.endpoints[account, name] = Endpoint(config, None, now, now, now + self.seconds)
        self.on_change(account, name)
        return {"EndpointArn": _arn(account, "endpoint", name)}

    def _UpdateEndpoint(self, account: str, asked: Mapping[str, Any]) -> Fields:  # noqa: N802
        name, config = asked["EndpointName"], asked["EndpointConfigName"]
        endpoint, now = self._endpoint(account, name), self.clock.now
        if endpoint.ready_at > now:
            raise _refused(f'Cannot update in-progress endpoint "{_arn(account, "endpoint", name)}".')
        self._stored(self.configs, account, "endpoint-config", config)
        self.endpoints[account, name] = Endpoint(config, endpoint.config, endpoint.created_at, now, now + self.seconds)
        self.on_change(account, name)
        return {"EndpointArn": _arn(account, "endpoint", name)}

    def _DescribeEndpoint(self, account: str, asked: Mapping[str, Any]) -> Fields:  # noqa: N802
        return self.described(account, asked["EndpointName"])

    def described(self, account: str, name: str) -> Fields:
        """Return an endpoint as DescribeEndpoint does."""
        endpoint = self._endpoint(account, name)
        fields = _summary(account, name, endpoint, self.clock.now)
        config = endpoint.config if fields["EndpointStatus"] == "InService" else endpoint.previous
        if config is None:
            return fields
        variants = self._stored(self.configs, account, "endpoint-config", config)["ProductionVariants"]
        fields["EndpointConfigName"] = config
        fields["ProductionVariants"] = [
            {
                "VariantName": variant["VariantName"],
                "CurrentInstanceCount": variant["InitialInstanceCount"],
                "DesiredInstanceCount": variant["InitialInstanceCount"],
                "CurrentWeight": 1.0,
                "DesiredWeight": 1.0,
            }
            for variant in variants
        ]
        return fields

    def _ListEndpoints(self, account: str, asked: Mapping[str, Any]) -> Fields:  # noqa: N802
        return {
            "Endpoints": [
                _summary(owner, name, endpoint, self.clock.now)
                for (owner, name), endpoint in self.endpoints.items()
                if owner == account
            ]
        }

    def _ListTags(self, account: str, asked: Mapping[str, Any]) -> Fields:  # noqa: N802
        return {"Tags": []}

    def _endpoint(self, account: str, name: str) -> Endpoint:
        if (account, name) not in self.endpoints:
            raise _missing("endpoint", _arn(account, "endpoint", name))
        return self.endpoints[account, name]

    def _stored(self, kind: dict[tuple[str, str], Fields], account: str, word: str, name: str) -> Fields:
        if (account, name) not in kind:
            raise _missing(word, _arn(account, word, name))
        return kind[account, name]

    def _store(self, kind: dict[tuple[str, str], Fields], account: str, word: str, asked: Mapping[str, Any]) -> Fields:
        name = asked[f"{word}Name"]
        arn = _arn(account, {"Model": "model", "EndpointConfig": "endpoint-config"}[word], name)
        if (account, name) in kind:
            raise _refused(f'Cannot create already existing {word} "{arn}".')
        described = {field: value for field, value in asked.items() if field != "Tags"}
        kind[account, name] = {**described, f"{word}Arn": arn, "CreationTime": EPOCH + self.clock.now}
        return {f"{word}Arn": arn}


def _summary(account: str, name: str, endpoint: Endpoint, now: float) -> Fields:
    ready = endpoint.ready_at <= now
    return {
        "EndpointName": name,
        "EndpointArn": _arn(account, "endpoint", name),
        "EndpointStatus": "InService" if ready else "Updating" if endpoint.previous else "Creating",
        "CreationTime": EPOCH + endpoint.created_at,
        "LastModifiedTime": EPOCH + (endpoint.ready_at if ready else endpoint.changed_at),
    }


def _missing(word: str, arn: str) -> ServiceError:
    return _refused(f'Could not find {word} "{arn}".')


def _refused(message: str) -> ServiceError:
    return ServiceError("ValidationException", message)


def _arn(account: str, word: str, name: str) -> str:
    return f"arn:aws:sagemaker:{_REGION}:{account}:{word}/{name}"
