"""What the hub costs in a month without a promotion, by its synthesised template."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path
from typing import Any

from benchmarks.promotion.published import MonthlyPrices, Prices
from benchmarks.stored import PROJECT

Resources = dict[str, dict[str, Any]]

# What costs nothing while nothing happens: IAM, functions, rules, queues, topics; storage of next to nothing.
_FREE = {
    "AWS::CDK::Metadata",
    "AWS::DynamoDB::Table",
    "AWS::Events::EventBus",
    "AWS::Events::EventBusPolicy",
    "AWS::IAM::Policy",
    "AWS::IAM::Role",
    "AWS::KMS::Alias",
    "AWS::Lambda::Function",
    "AWS::Lambda::Permission",
    "AWS::Lambda::Version",
    "AWS::Logs::LogGroup",
    "AWS::S3::Bucket",
    "AWS::S3::BucketPolicy",
    "AWS::SNS::Subscription",
    "AWS::SNS::Topic",
    "AWS::SNS::TopicPolicy",
    "AWS::SQS::Queue",
    "AWS::SQS::QueuePolicy",
    "AWS::StepFunctions::StateMachine",
    "AWS::StepFunctions::StateMachineAlias",
    "AWS::StepFunctions::StateMachineVersion",
}
# How long a run of a scheduled job takes. ASSUMED.
JOB_SECONDS = 0.5
_RATE = re.compile(r"rate\((\d+) (minute|hour|day)s?\)")
_MINUTES = {"minute": 1, "hour": 60, "day": 24 * 60}
_METRICS = PROJECT / "lambdas" / "promotion" / "outcome" / "metrics.py"


class Unpriced(Exception):
    """The template has a resource whose price is not known."""


def bill(resources: Resources, monthly: MonthlyPrices, prices: Prices) -> dict[str, float]:
    """Return the dollars of a month by what costs them. Raises Unpriced."""
    dollars: defaultdict[str, float] = defaultdict(float)
    for name, resource in resources.items():
        properties = resource.get("Properties", {})
        match resource["Type"]:
            case "AWS::KMS::Key":
                dollars["keys"] += monthly.kms_key
            case "AWS::CloudWatch::Alarm":
                dollars["alarms"] += monthly.alarm_metric * _watched(properties)
            case "AWS::CloudWatch::CompositeAlarm":
                dollars["alarms"] += monthly.composite_alarm
            case "AWS::CloudWatch::Dashboard":
                dollars["dashboards"] += monthly.dashboard
            case "AWS::SecretsManager::Secret":
                dollars["secrets"] += monthly.secret
            case "AWS::Events::Rule":
                dollars["scheduled jobs"] += _jobs(properties, resources, monthly, prices)
            case other if other not in _FREE:
                raise Unpriced(f"{name} is a {other}. Add its price to {__name__}, or that it has none.")
    dollars["metrics of the jobs"] = monthly.custom_metric * _reported_metrics()
    return dict(dollars)


def _watched(alarm: dict[str, Any]) -> int:
    """Return how many metrics an alarm watches: an expression is billed for each that it has."""
    return sum("MetricStat" in metric for metric in alarm.get("Metrics", [])) or 1


def _jobs(rule: dict[str, Any], resources: Resources, monthly: MonthlyPrices, prices: Prices) -> float:
    if "ScheduleExpression" not in rule:
        return 0.0
    rate = _RATE.fullmatch(rule["ScheduleExpression"])
    if rate is None:
        raise Unpriced(f"How often is {rule['ScheduleExpression']}? Add it to {__name__}.")
    times = monthly.hours * 60 / (int(rate[1]) * _MINUTES[rate[2]])
    memory = [resources[target["Arn"]["Fn::GetAtt"][0]]["Properties"]["MemorySize"] for target in rule["Targets"]]
    each: float = sum(
        prices.lambda_invocation + prices.trace + prices.lambda_gb_second * JOB_SECONDS * megabytes / 1024
        for megabytes in memory
    )
    return times * each


def _reported_metrics(source: Path = _METRICS) -> int:
    """Return how many metrics are written without a promotion: each has a function of its own."""
    return len(re.findall(r"^def report_", source.read_text(), re.MULTILINE))
