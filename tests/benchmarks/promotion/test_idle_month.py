"""The price of a month without a promotion is that of the template's resources."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.promotion import idle_month
from benchmarks.promotion.published import MonthlyPrices, Prices


def bill(*resources: dict[str, Any]) -> dict[str, float]:
    return idle_month.bill({f"R{number}": each for number, each in enumerate(resources)}, MonthlyPrices(), Prices())


def alarm(**properties: Any) -> dict[str, Any]:
    return {"Type": "AWS::CloudWatch::Alarm", "Properties": properties}


def test_an_alarm_costs_for_each_metric_that_it_watches() -> None:
    metrics = [{"Id": "sum", "Expression": "a + b"}, {"Id": "a", "MetricStat": {}}, {"Id": "b", "MetricStat": {}}]
    assert bill(alarm(MetricName="Errors"), alarm(Metrics=metrics))["alarms"] == pytest.approx(0.30)


def test_a_resource_without_a_known_price_is_refused() -> None:
    with pytest.raises(idle_month.Unpriced, match="AWS::EC2::NatGateway"):
        bill({"Type": "AWS::EC2::NatGateway"})


def test_a_job_costs_for_each_of_its_runs() -> None:
    function = {"Type": "AWS::Lambda::Function", "Properties": {"MemorySize": 1024}}
    rule = {
        "Type": "AWS::Events::Rule",
        "Properties": {"ScheduleExpression": "rate(5 minutes)", "Targets": [{"Arn": {"Fn::GetAtt": ["R0", "Arn"]}}]},
    }
    each = 0.0000133334 * idle_month.JOB_SECONDS + 0.20 / 1e6 + 5 / 1e6
    assert bill(function, rule)["scheduled jobs"] == pytest.approx(730 * 12 * each)
