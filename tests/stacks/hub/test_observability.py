"""The monitoring: each alarm notifies a topic, states what to do, and reads a metric that something writes."""

from __future__ import annotations

import contextlib
import io
import json
from typing import Any

import pytest
import yaml

from lambdas.promotion.contract import resource_names
from lambdas.promotion.contract.document import Copied, Outcome
from lambdas.promotion.contract.errors import Errored, RolledBack
from lambdas.promotion.contract.resource_names import Metric
from lambdas.promotion.contract.steps import Job
from lambdas.promotion.outcome import metrics as outcome_metrics
from tests import PROJECT
from tests.docs import pages
from tests.stacks.synthesis import Template, app_templates

HUB_TOPIC = "arn:aws:sns:us-east-1:111111111111:promote-outcomes"


def of_kind(template: Template, kind: str) -> dict[str, dict[str, Any]]:
    return {
        logical_id: resource["Properties"]
        for logical_id, resource in template["Resources"].items()
        if resource["Type"] == kind
    }


def alarms(template: Template) -> dict[str, dict[str, Any]]:
    return {alarm["AlarmName"]: alarm for alarm in of_kind(template, "AWS::CloudWatch::Alarm").values()}


def dashboard(template: Template) -> dict[str, Any]:
    (resource,) = of_kind(template, "AWS::CloudWatch::Dashboard").values()
    parts = resource["DashboardBody"]["Fn::Join"][1]
    body: dict[str, Any] = json.loads("".join(part if isinstance(part, str) else "…" for part in parts))
    return body


def written_dimensions() -> dict[str, set[frozenset[str]]]:
    """The sets of dimensions with which the product writes each of its metrics."""
    stdout = io.StringIO()
    with contextlib.redirect_stdout(stdout):
        outcome_metrics.count_outcome("Errored", error="NameTaken", seconds=1, application="app", stage="qa")
        outcome_metrics.count_copied(Copied(objects=1, bytes=1), application="app", stage="qa")
        outcome_metrics.report_oldest_lock(1)
        outcome_metrics.report_changed_artifacts(1)
    dimensions: dict[str, set[frozenset[str]]] = {}
    for line in stdout.getvalue().splitlines():
        (metrics,) = json.loads(line)["_aws"]["CloudWatchMetrics"]
        dimensions[metrics["Metrics"][0]["Name"]] = {frozenset(names) for names in metrics["Dimensions"]}
    return dimensions


@pytest.fixture(scope="module")
def hub(templates: dict[str, Template]) -> Template:
    return templates[resource_names.hub_stack()]


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Template]:
    """The templates where the model registry is in another Region than the hub, with subscribers of each kind."""
    config = yaml.safe_load((PROJECT / "promotion.yaml").read_text())
    config["environments"]["dev"]["region"] = "eu-west-1"
    config["hub"]["notify"] = {
        "subscribers": [
            *("ann@example.com", "arn:aws:sqs:us-east-1:111111111111:promotions"),
            *("https://example.com/hook/a/b", "https://example.com/hook/a-b", "https://example.com/hook%2Fa-b"),
            "arn:aws:lambda:us-east-1:111111111111:function:subscriber",
        ],
        "runbook": "https://example.com/runbooks",
    }
    return app_templates(tmp_path_factory.mktemp("cdk.out"), config)


def test_every_alarm_notifies_a_topic_and_links_to_its_runbook(templates: dict[str, Template]) -> None:
    all_alarms = [alarm for template in templates.values() for alarm in alarms(template).values()]
    assert len(all_alarms) > 10
    for alarm in all_alarms:
        meaning, _, link = alarm["AlarmDescription"].rpartition(" docs/runbooks/")
        page, _, anchor = link.partition("#")
        assert not anchor or anchor in pages.anchors(pages.text_of(f"runbooks/{page}")), alarm["AlarmName"]
        assert (pages.DOCS / "runbooks" / page).is_file(), alarm["AlarmName"]
        assert len(meaning.split()) > 10
        assert len(alarm["AlarmDescription"]) <= 1024
        assert len(alarm["AlarmActions"]) == 1


def test_a_failed_outcome_has_an_alarm_and_a_refusal_has_none(hub: Template) -> None:
    outcomes = {
        alarm["Dimensions"][0]["Value"]
        for alarm in alarms(hub).values()
        if alarm.get("MetricName") == Metric.PROMOTION_OUTCOME and len(alarm["Dimensions"]) == 1
    }
    assert outcomes == {RolledBack.__name__, Errored.__name__}
    assert "ExecutionsFailed" not in str(alarms(hub))  # it counts refusals


def test_every_observed_metric_of_ours_is_written_with_exactly_these_dimensions(hub: Template) -> None:
    """CloudWatch matches dimensions exactly: with one more or less an alarm is never raised."""
    written = written_dimensions()
    assert set(written) == set(Metric)
    for alarm in alarms(hub).values():
        if alarm.get("Namespace") == resource_names.NAMESPACE:
            used = frozenset(dimension["Name"] for dimension in alarm.get("Dimensions", []))
            assert used in written[alarm["MetricName"]], alarm["AlarmName"]
    for widget in dashboard(hub)["widgets"]:
        for metric in widget["properties"].get("metrics", []):
            if metric[0] == resource_names.NAMESPACE:
                _, name, *rest = (part for part in metric if isinstance(part, str))
                assert frozenset(rest[::2]) in written[name]
            elif isinstance(metric[0], dict):
                schema, _, name = metric[0]["expression"].removeprefix("SEARCH('{").partition("} MetricName=")
                namespace, *dimensions = schema.split(",")
                assert namespace == resource_names.NAMESPACE
                assert frozenset(dimensions) in written[name.split('"')[1]]


def test_a_missing_scheduled_job_raises_an_alarm_and_a_missing_failure_does_not(hub: Template) -> None:
    missing = {name: alarm["TreatMissingData"] for name, alarm in alarms(hub).items()}
    assert missing.pop("promote-lock-held-too-long") == "breaching"
    assert missing.pop("promote-reconcile-executions-failed") == "breaching"
    assert missing.pop("promote-audit-artifacts-failed") == "breaching"
    assert set(missing.values()) == {"notBreaching"}


def test_a_lock_is_held_too_long_when_its_execution_cannot_run_any_more(hub: Template) -> None:
    (machine,) = of_kind(hub, "AWS::StepFunctions::StateMachine").values()
    text = "".join(part for part in machine["DefinitionString"]["Fn::Join"][1] if isinstance(part, str))
    assert f'"TimeoutSeconds":{alarms(hub)["promote-lock-held-too-long"]["Threshold"]}' in text


def test_every_dead_letter_queue_has_an_alarm_in_its_own_stack(templates: dict[str, Template]) -> None:
    for template in templates.values():
        queues = of_kind(template, "AWS::SQS::Queue")
        monitored = str(
            [alarm["Dimensions"] for alarm in alarms(template).values() if alarm.get("Namespace") == "AWS/SQS"]
        )
        assert all(queue in monitored for queue in queues)


def test_every_rule_has_an_alarm_but_a_schedule_whose_jobs_own_alarm_covers_it_and_what_only_shortens_a_wait(
    templates: dict[str, Template],
) -> None:
    for template in templates.values():
        rules = {rule["Name"] for rule in of_kind(template, "AWS::Events::Rule").values()}
        monitored = [
            {dimension["Name"]: dimension["Value"] for dimension in alarm["Dimensions"]}
            for alarm in alarms(template).values()
            if alarm.get("MetricName") == "FailedInvocations"
        ]
        hints = {rule for rule in rules if "-endpoint-states" in rule}
        assert {dimensions["RuleName"] for dimensions in monitored} == rules - hints - {
            resource_names.function(job) for job in Job
        }
        for dimensions in monitored:
            # A rule of a custom bus is counted by both (AWS: Monitoring EventBridge).
            assert ("EventBusName" in dimensions) == dimensions["RuleName"].startswith("promote-approved-")


def test_an_environment_in_the_hubs_region_notifies_the_hubs_topic_which_allows_it(
    templates: dict[str, Template],
) -> None:
    dev, hub = templates[resource_names.environment_stack("dev")], templates[resource_names.hub_stack()]
    assert {alarm["AlarmActions"][0] for alarm in alarms(dev).values()} == {HUB_TOPIC}
    (policy,) = of_kind(hub, "AWS::SNS::TopicPolicy").values()
    (allow,) = [statement for statement in policy["PolicyDocument"]["Statement"] if statement["Effect"] == "Allow"]
    assert allow["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    assert allow["Condition"]["StringEquals"] == {"aws:SourceAccount": ["111111111111", "222222222222"]}
    assert allow["Condition"]["ArnLike"]["aws:SourceArn"] == [
        "arn:aws:cloudwatch:us-east-1:111111111111:alarm:promote-*",
        "arn:aws:cloudwatch:us-east-1:222222222222:alarm:promote-*",
    ]


def test_the_hubs_topic_is_encrypted_with_a_key_that_alarms_may_use_and_accepts_tls_only(hub: Template) -> None:
    (topic,) = of_kind(hub, "AWS::SNS::Topic").values()
    (key,) = of_kind(hub, "AWS::KMS::Key").values()
    (allow,) = [statement for statement in key["KeyPolicy"]["Statement"] if statement.get("Sid") == "AlarmsPublish"]
    (policy,) = of_kind(hub, "AWS::SNS::TopicPolicy").values()
    assert topic["TopicName"] == resource_names.TOPIC
    assert "KmsMasterKeyId" in topic
    assert allow["Action"] == ["kms:Decrypt", "kms:GenerateDataKey*"]
    assert "aws:SourceAccount" in allow["Condition"]["StringEquals"]
    assert any(
        statement["Effect"] == "Deny" and "aws:SecureTransport" in str(statement)
        for statement in policy["PolicyDocument"]["Statement"]
    )


def test_an_environment_in_another_region_has_a_topic_of_its_own_with_the_same_subscribers(
    elsewhere: dict[str, Template],
) -> None:
    dev, hub = elsewhere[resource_names.environment_stack("dev")], elsewhere[resource_names.hub_stack()]
    ((own, topic),) = of_kind(dev, "AWS::SNS::Topic").items()
    subscribers = [
        {
            (subscription["Protocol"], subscription["Endpoint"])
            for subscription in of_kind(stack, "AWS::SNS::Subscription").values()
        }
        for stack in (dev, hub)
    ]
    assert topic["TopicName"] == "promote-dev-alarms"
    assert {alarm["AlarmActions"][0]["Ref"] for alarm in alarms(dev).values()} == {own}
    assert subscribers[0] == subscribers[1]
    assert {protocol for protocol, _ in subscribers[0]} == {"email", "https", "sqs", "lambda"}


def test_alarms_link_to_the_configured_runbook(elsewhere: dict[str, Template]) -> None:
    for alarm in alarms(elsewhere[resource_names.hub_stack()]).values():
        assert " https://example.com/runbooks/" in alarm["AlarmDescription"]


def test_the_dashboard_shows_every_outcome_and_every_alarm(hub: Template) -> None:
    body = json.dumps(dashboard(hub))
    for outcome in set(Outcome) - {Outcome.PLANNED}:
        assert f'"outcome", "{outcome}"' in body
    (widget,) = [widget for widget in dashboard(hub)["widgets"] if widget["type"] == "alarm"]
    assert len(widget["properties"]["alarms"]) == len(alarms(hub))
