"""An endpoint's change reaches the functions that the synthesised rules name."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.promotion.interpreter.errors import Unsupported
from benchmarks.promotion.services.events import DETAIL_TYPE, endpoint_event, matches, subscriptions

DESCRIBED = {
    "EndpointName": "Reviews",
    "EndpointArn": "arn:aws:sagemaker:us-east-1:333333333333:endpoint/Reviews",
    "EndpointStatus": "InService",
    "CreationTime": 0.0,
    "LastModifiedTime": 0.0,
}
EVENT = endpoint_event(DESCRIBED, account="333333333333", region="us-east-1", now=0.0)
FUNCTION = {"Type": "AWS::Lambda::Function", "Properties": {"FunctionName": "promote-notice-endpoint"}}


def rule(arn: Any, **detail: list[str]) -> dict[str, Any]:
    pattern = {"source": ["aws.sagemaker"], "detail-type": [DETAIL_TYPE], **({"detail": detail} if detail else {})}
    return {"Type": "AWS::Events::Rule", "Properties": {"EventPattern": pattern, "Targets": [{"Arn": arn}]}}


def test_a_function_hears_of_what_both_rules_let_through() -> None:
    target = {"Forward": rule("arn:aws:events:us-east-1:111111111111:event-bus/promote")}
    hub = {"Notice": rule({"Fn::GetAtt": ["F", "Arn"]}, EndpointStatus=["IN_SERVICE", "FAILED"]), "F": FUNCTION}
    (subscription,) = subscriptions(target, hub)
    assert (subscription.function, subscription.buses) == ("promote-notice-endpoint", 2)
    assert subscription.hears(EVENT)
    creating = endpoint_event({**DESCRIBED, "EndpointStatus": "Creating"}, account="", region="", now=0.0)
    assert not subscription.hears(creating)


def test_a_target_that_is_not_simulated_is_refused() -> None:
    target = {"Forward": rule("arn:aws:events:us-east-1:111111111111:event-bus/promote")}
    with pytest.raises(Unsupported):
        subscriptions(target, {"Start": rule({"Ref": "StateMachine"})})


@pytest.mark.parametrize(
    ("pattern", "matched"),
    [
        ({"detail": {"EndpointName": ["Reviews", "Other"]}}, True),
        ({"detail": {"EndpointName": ["Other"]}}, False),
        ({"detail": {"EndpointName": [{"prefix": "Rev"}]}}, True),
        ({"detail": {"EndpointName": [{"prefix": "rev"}]}}, False),
        ({"account": ["222222222222"]}, False),
    ],
)
def test_a_pattern_is_matched_by_all_of_its_fields(pattern: dict[str, Any], matched: bool) -> None:
    assert matches(pattern, EVENT) is matched
