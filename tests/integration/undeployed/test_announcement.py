"""The state that announces, in an execution: what it publishes arrives, and what it cannot publish hides nothing."""

import json
import subprocess
import sys
import time
from dataclasses import asdict
from typing import Any

import pytest

from lambdas.promotion.contract.document import Failure
from lambdas.promotion.outcome.announcement import announcement
from sandbox.aws.control import Sandbox
from sandbox.aws.layout import PROJECT
from tests.integration.undeployed import announcing
from tests.sandbox.aws import state_machines
from tests.sandbox.aws.builders import HUB, allow, policy
from tests.unit import builders

ANNOUNCEMENT = announcement(
    "Errored",
    builders.EXECUTION,
    promotion=builders.promotion(),
    failure=Failure(error="AccessDenied", family="Errored", cause="Grüße: promote-qa-deployer may not do it."),
)


@pytest.fixture(scope="module")
def states() -> dict[str, Any]:
    """The state as CDK writes it, before an end, and NAME for the topic's name."""
    # In a process that ends: with its Node.js the CDK takes 600 MB, which a worker would keep until the run ends.
    written = subprocess.run(
        [sys.executable, "-m", announcing.__name__, HUB], cwd=PROJECT, stdout=subprocess.PIPE, check=True
    )
    states: dict[str, Any] = json.loads(written.stdout)
    return states


def execution(sandbox: Sandbox, name: str, states: dict[str, Any], *statements: dict[str, Any]) -> Any:
    own = json.loads(json.dumps(states).replace("NAME", name))
    workflow = state_machines.create_workflow(sandbox, name, own, *statements)
    return state_machines.end(sandbox, workflow, {"outcome": "Errored", "announcement": ANNOUNCEMENT.to_json()})


def subscribed_queue(sandbox: Sandbox, name: str, topic: str, wanted: dict[str, Any]) -> str:
    """A queue that gets the topic's messages with these attributes. Returns its URL."""
    sqs = sandbox.client("sqs")
    queue: str = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = f"arn:aws:sqs:us-east-1:{HUB}:{name}"
    sent = {"ArnEquals": {"aws:SourceArn": topic}}
    lets = allow("sqs:SendMessage", arn, Principal={"Service": "sns.amazonaws.com"}, Condition=sent)
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": policy(lets)})
    sandbox.client("sns").subscribe(
        TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes={"FilterPolicy": json.dumps(wanted)}
    )
    return queue


def messages(sandbox: Sandbox, queue: str, *, seconds: float = 2) -> list[Any]:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        received = sandbox.client("sqs").receive_message(QueueUrl=queue).get("Messages", [])
        if received:
            return [json.loads(message["Body"]) for message in received]
        time.sleep(0.05)
    return []


def test_an_announcement_arrives_with_its_words_and_is_filtered_by_its_attributes(
    patched: Sandbox, name: str, states: dict[str, Any]
) -> None:
    topic = patched.client("sns").create_topic(Name=name)["TopicArn"]
    bad = subscribed_queue(patched, f"{name}-bad", topic, {"outcome": ["Errored"], "stage": ["qa"]})
    good = subscribed_queue(patched, f"{name}-good", topic, {"outcome": ["Promoted"]})
    ended = execution(patched, name, states, allow("sns:Publish", topic))

    assert ended["status"] == "SUCCEEDED"
    assert ended["result"] == {"outcome": "Errored", "announcement": ANNOUNCEMENT.to_json()}
    (message,) = messages(patched, bad)
    assert (message["Subject"], message["Message"]) == (ANNOUNCEMENT.subject, ANNOUNCEMENT.message)
    assert {key: attribute["Value"] for key, attribute in message["MessageAttributes"].items()} == asdict(
        ANNOUNCEMENT.attributes
    )
    assert messages(patched, good, seconds=0.2) == []


def test_a_refused_announcement_leaves_the_outcome_unchanged_and_reports_the_reason(
    bare_sandbox: Sandbox, name: str, states: dict[str, Any]
) -> None:
    bare_sandbox.client("sns").create_topic(Name=name)
    ended = execution(bare_sandbox, name, states)

    assert ended["status"] == "SUCCEEDED"
    assert ended["result"]["outcome"] == "Errored"
    assert "sns:Publish" in ended["result"]["not_announced"]["Cause"]
