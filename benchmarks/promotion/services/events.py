"""EventBridge: which functions of the hub hear of an endpoint's change, by the rules of the templates."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from benchmarks.copy.simulation.virtual_time import EPOCH
from benchmarks.promotion.interpreter.errors import Unsupported

Resources = Mapping[str, Mapping[str, Any]]
DETAIL_TYPE = "SageMaker Endpoint State Change"
_TRANSFORMED = {"Input", "InputPath", "InputTransformer"}


@dataclass(frozen=True)
class Subscription:
    """A function that an event reaches after so many buses, if all patterns on its way match."""

    function: str
    buses: int
    patterns: tuple[dict[str, Any], ...]

    def hears(self, event: Mapping[str, Any]) -> bool:
        return all(matches(pattern, event) for pattern in self.patterns)


def subscriptions(target: Resources, hub: Resources) -> list[Subscription]:
    """Return the subscriptions of the hub's functions to changes of the target's endpoints.

    `target` and `hub`: the resources of their stacks. Raises Unsupported for a target of a rule that is not simulated.
    """
    reached: list[Subscription] = []
    for rule in _rules(target):
        for each in rule["Targets"]:
            if ":event-bus/" not in str(each["Arn"]):
                raise Unsupported(f"A rule for endpoints has the target {each['Arn']}.")
            reached += [_subscription(end, hub, rule, hubs) for hubs in _rules(hub) for end in hubs["Targets"]]
    return reached


def _subscription(
    end: Mapping[str, Any], hub: Resources, rule: Mapping[str, Any], hubs: Mapping[str, Any]
) -> Subscription:
    arn = end["Arn"]
    resource = hub.get(arn["Fn::GetAtt"][0], {}) if isinstance(arn, dict) and "Fn::GetAtt" in arn else {}
    if resource.get("Type") != "AWS::Lambda::Function" or _TRANSFORMED & set(end):
        raise Unsupported(f"A rule for endpoints has the target {end}.")
    patterns = (rule["EventPattern"], hubs["EventPattern"])
    return Subscription(resource["Properties"]["FunctionName"], buses=2, patterns=patterns)


def _rules(resources: Resources) -> Iterator[Mapping[str, Any]]:
    for resource in resources.values():
        if resource["Type"] == "AWS::Events::Rule":
            pattern = resource["Properties"].get("EventPattern", {})
            if DETAIL_TYPE in pattern.get("detail-type", []):
                yield resource["Properties"]


def matches(pattern: Mapping[str, Any], event: Mapping[str, Any]) -> bool:
    """Whether an event matches a pattern of texts (AWS: EventBridge, "Event patterns"). Raises Unsupported."""
    for name, expected in pattern.items():
        actual = event.get(name)
        if isinstance(expected, Mapping):
            if not isinstance(actual, Mapping) or not matches(expected, actual):
                return False
        elif not any(_is(value, actual) for value in expected):
            return False
    return True


def _is(value: Any, actual: Any) -> bool:
    if isinstance(value, str):
        return bool(value == actual)
    if isinstance(value, Mapping) and set(value) == {"prefix"}:
        return isinstance(actual, str) and actual.startswith(value["prefix"])
    raise Unsupported(f"A rule for endpoints has {value} in its pattern.")


def endpoint_event(described: Mapping[str, Any], *, account: str, region: str, now: float) -> dict[str, Any]:
    """Return the event of an endpoint as DescribeEndpoint has it (AWS: SageMaker, EventBridge events)."""
    status = {"InService": "IN_SERVICE"}.get(described["EndpointStatus"], described["EndpointStatus"].upper())
    return {
        "version": "0",
        "id": "00000000-0000-0000-0000-000000000000",
        "detail-type": DETAIL_TYPE,
        "source": "aws.sagemaker",
        "account": account,
        "time": datetime.fromtimestamp(EPOCH + now, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": region,
        "resources": [described["EndpointArn"].lower()],
        "detail": {
            "EndpointName": described["EndpointName"],
            "EndpointArn": described["EndpointArn"],
            "EndpointConfigName": described.get("EndpointConfigName", ""),
            "EndpointStatus": status,
            "CreationTime": int(described["CreationTime"] * 1000),
            "LastModifiedTime": int(described["LastModifiedTime"] * 1000),
            "Tags": {},
        },
    }
