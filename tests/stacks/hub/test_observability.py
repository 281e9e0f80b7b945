"""What is watched: each alarm acts on a topic, says what to do, and looks at a metric that somebody writes."""

from __future__ import annotations

import contextlib
import io
import json
from typing import Any

import aws_cdk as cdk
import pytest
import yaml
from cdk_nag import AwsSolutionsChecks

import app as promote
from lambdas.promotion.contract import resource_names
from lambdas.promotion.contract.document import Copied, Outcome
from lambdas.promotion.contract.errors import Errored, RolledBack
from lambdas.promotion.contract.resource_names import Metric
from lambdas.promotion.outcome import metrics as measures
from tests import PROJECT
from tests.docs import pages

HUB_TOPIC = "arn:aws:sns:us-east-1:111111111111:promote-outcomes"
Template = dict[str, Any]


def of_kind(template: Template, kind: str) -> dict[str, dict[str, Any]]:
    return {key: one["Properties"] for key, one in template["Resources"].items() if one["Type"] == kind}


def alarms(template: Template) -> dict[str, dict[str, Any]]:
    return {one["AlarmName"]: one for one in of_kind(template, "AWS::CloudWatch::Alarm").values()}


def dashboard(template: Template) -> dict[str, Any]:
    (made,) = of_kind(template, "AWS::CloudWatch::Dashboard").values()
    parts = made["DashboardBody"]["Fn::Join"][1]
    body: dict[str, Any] = json.loads("".join(part if isinstance(part, str) else "…" for part in parts))
    return body


def sets_written() -> dict[str, set[frozenset[str]]]:
    """The sets of dimensions by which the product writes each of its metrics."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        measures.count_outcome("Errored", error="NameTaken", seconds=1, application="app", stage="qa")
        measures.count_copied(Copied(objects=1, bytes=1), application="app", stage="qa")
        measures.report_oldest_lock(1)
    found: dict[str, set[frozenset[str]]] = {}
    for line in said.getvalue().splitlines():
        (metrics,) = json.loads(line)["_aws"]["CloudWatchMetrics"]
        found[metrics["Metrics"][0]["Name"]] = {frozenset(one) for one in metrics["Dimensions"]}
    return found


@pytest.fixture(scope="module")
def hub(templates: dict[str, Template]) -> Template:
    return templates[resource_names.hub_stack()]


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Template]:
    """The templates where the registry lies in another Region than the hub, with subscribers of each kind."""
    out = tmp_path_factory.mktemp("cdk.out")
    config = yaml.safe_load((PROJECT / "promotion.yaml").read_text())
    config["environments"]["dev"]["region"] = "eu-west-1"
    config["hub"]["notify"] = {
        "subscribers": [
            *("ann@example.com", "https://example.com/hook", "arn:aws:sqs:us-east-1:111111111111:promotions"),
            "arn:aws:lambda:us-east-1:111111111111:function:told",
        ],
        "runbook": "https://example.com/runbooks",
    }
    file = out / "promotion.yaml"
    file.write_text(yaml.safe_dump(config, sort_keys=False))
    app = cdk.App(outdir=str(out), context=json.loads((PROJECT / "cdk.json").read_text())["context"])
    cdk.Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    promote.build(app, file)
    app.synth()
    return {file.name.split(".")[0]: json.loads(file.read_text()) for file in out.glob("*.template.json")}


def test_every_alarm_notifies_a_topic_and_links_to_its_runbook(templates: dict[str, Template]) -> None:
    found = [alarm for template in templates.values() for alarm in alarms(template).values()]
    assert len(found) > 10
    for alarm in found:
        meaning, _, link = alarm["AlarmDescription"].rpartition(" docs/runbooks/")
        page, _, anchor = link.partition("#")
        assert not anchor or anchor in pages.anchors(pages.text_of(f"runbooks/{page}")), alarm["AlarmName"]
        assert (pages.DOCS / "runbooks" / page).is_file(), alarm["AlarmName"]
        assert len(meaning.split()) > 10
        assert len(alarm["AlarmDescription"]) <= 1024
        assert len(alarm["AlarmActions"]) == 1


def test_there_is_an_alarm_for_what_ended_badly_but_not_for_a_refusal(hub: Template) -> None:
    outcomes = {
        one["Dimensions"][0]["Value"]
        for one in alarms(hub).values()
        if one.get("MetricName") == Metric.PROMOTION_OUTCOME and len(one["Dimensions"]) == 1
    }
    assert outcomes == {RolledBack.__name__, Errored.__name__}
    assert "ExecutionsFailed" not in str(alarms(hub))  # it counts refusals


def test_every_observed_metric_of_ours_is_written_with_exactly_these_dimensions(hub: Template) -> None:
    """CloudWatch matches dimensions exactly: one more or less, and an alarm never goes off."""
    written = sets_written()
    assert set(written) == set(Metric)
    for alarm in alarms(hub).values():
        if alarm.get("Namespace") == resource_names.NAMESPACE:
            used = frozenset(one["Name"] for one in alarm.get("Dimensions", []))
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


def test_a_missing_measurement_is_an_alarm_and_a_missing_failure_is_none(hub: Template) -> None:
    missing = {name: one["TreatMissingData"] for name, one in alarms(hub).items()}
    assert missing.pop("promote-lock-held-too-long") == "breaching"
    assert set(missing.values()) == {"notBreaching"}


def test_a_lock_is_held_too_long_when_its_execution_cannot_run_any_more(hub: Template) -> None:
    (machine,) = of_kind(hub, "AWS::StepFunctions::StateMachine").values()
    text = "".join(part for part in machine["DefinitionString"]["Fn::Join"][1] if isinstance(part, str))
    assert f'"TimeoutSeconds":{alarms(hub)["promote-lock-held-too-long"]["Threshold"]}' in text


def test_every_dead_letter_queue_has_an_alarm_in_its_own_stack(templates: dict[str, Template]) -> None:
    for template in templates.values():
        queues = of_kind(template, "AWS::SQS::Queue")
        watched = str([one["Dimensions"] for one in alarms(template).values() if one.get("Namespace") == "AWS/SQS"])
        assert all(queue in watched for queue in queues)


def test_every_rule_has_an_alarm_but_the_lock_age_schedule_whose_own_alarm_covers_it(
    templates: dict[str, Template],
) -> None:
    for template in templates.values():
        rules = {one["Name"] for one in of_kind(template, "AWS::Events::Rule").values()}
        watched = [
            {one["Name"]: one["Value"] for one in alarm["Dimensions"]}
            for alarm in alarms(template).values()
            if alarm.get("MetricName") == "FailedInvocations"
        ]
        assert {one["RuleName"] for one in watched} == rules - {"promote-report-lock-age"}
        for one in watched:
            # A rule of a bus of our own is counted by both (AWS: Monitoring EventBridge).
            assert ("EventBusName" in one) == one["RuleName"].startswith("promote-approved-")


def test_an_environment_in_the_hubs_region_alarms_on_the_hubs_topic_which_lets_it(
    templates: dict[str, Template],
) -> None:
    dev, hub = templates[resource_names.environment_stack("dev")], templates[resource_names.hub_stack()]
    assert {alarm["AlarmActions"][0] for alarm in alarms(dev).values()} == {HUB_TOPIC}
    (policy,) = of_kind(hub, "AWS::SNS::TopicPolicy").values()
    (lets,) = [one for one in policy["PolicyDocument"]["Statement"] if one["Effect"] == "Allow"]
    assert lets["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    assert lets["Condition"]["StringEquals"] == {"aws:SourceAccount": ["111111111111", "222222222222"]}
    assert lets["Condition"]["ArnLike"]["aws:SourceArn"] == [
        "arn:aws:cloudwatch:us-east-1:111111111111:alarm:promote-*",
        "arn:aws:cloudwatch:us-east-1:222222222222:alarm:promote-*",
    ]


def test_the_hubs_topic_is_encrypted_with_a_key_that_alarms_may_use_and_takes_tls_only(hub: Template) -> None:
    (made,) = of_kind(hub, "AWS::SNS::Topic").values()
    (key,) = of_kind(hub, "AWS::KMS::Key").values()
    (lets,) = [one for one in key["KeyPolicy"]["Statement"] if one.get("Sid") == "AlarmsPublish"]
    (policy,) = of_kind(hub, "AWS::SNS::TopicPolicy").values()
    assert made["TopicName"] == resource_names.TOPIC
    assert "KmsMasterKeyId" in made
    assert lets["Action"] == ["kms:Decrypt", "kms:GenerateDataKey*"]
    assert "aws:SourceAccount" in lets["Condition"]["StringEquals"]
    assert any(
        one["Effect"] == "Deny" and "aws:SecureTransport" in str(one) for one in policy["PolicyDocument"]["Statement"]
    )


def test_an_environment_in_another_region_has_a_topic_of_its_own_with_the_same_subscribers(
    elsewhere: dict[str, Template],
) -> None:
    dev, hub = elsewhere[resource_names.environment_stack("dev")], elsewhere[resource_names.hub_stack()]
    ((own, made),) = of_kind(dev, "AWS::SNS::Topic").items()
    message = [
        {(one["Protocol"], one["Endpoint"]) for one in of_kind(stack, "AWS::SNS::Subscription").values()}
        for stack in (dev, hub)
    ]
    assert made["TopicName"] == "promote-dev-alarms"
    assert {alarm["AlarmActions"][0]["Ref"] for alarm in alarms(dev).values()} == {own}
    assert message[0] == message[1]
    assert {protocol for protocol, _ in message[0]} == {"email", "https", "sqs", "lambda"}


def test_alarms_lead_to_where_the_team_reads_the_page(elsewhere: dict[str, Template]) -> None:
    for alarm in alarms(elsewhere[resource_names.hub_stack()]).values():
        assert " https://example.com/runbooks/" in alarm["AlarmDescription"]


def test_the_dashboard_shows_every_outcome_and_every_alarm(hub: Template) -> None:
    body = json.dumps(dashboard(hub))
    for outcome in set(Outcome) - {Outcome.PLANNED}:
        assert f'"outcome", "{outcome}"' in body
    (widget,) = [one for one in dashboard(hub)["widgets"] if one["type"] == "alarm"]
    assert len(widget["properties"]["alarms"]) == len(alarms(hub))
