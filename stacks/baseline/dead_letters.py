"""The queue for events that EventBridge could not deliver; what to do: docs/runbooks/undelivered-events.md."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import Duration, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sqs as sqs

from stacks.baseline.nag import accept_finding


def dead_letter_queue(stack: Stack, rules: Sequence[str]) -> sqs.IQueue:
    """Return the queue, to which EventBridge may send the events that the rules could not deliver.

    `rules` are names, with the prefix `bus/` on another bus than the default one; they may contain wildcards. Each
    target would add its own statement to the queue's policy, which allows 20 (AWS: SQS quotas): so targets get the
    queue as an imported one, whose policy they do not change.
    """
    queue = sqs.Queue(
        stack,
        "UndeliveredEvents",
        encryption=sqs.QueueEncryption.SQS_MANAGED,
        enforce_ssl=True,
        retention_period=Duration.days(14),
    )
    accept_finding(queue, "AwsSolutions-SQS3", "It is the dead-letter queue itself.")
    queue.add_to_resource_policy(
        iam.PolicyStatement(
            sid="RulesSend",
            principals=[iam.ServicePrincipal("events.amazonaws.com")],
            actions=["sqs:SendMessage"],
            resources=[queue.queue_arn],
            conditions={
                "ArnLike": {
                    "aws:SourceArn": [f"arn:aws:events:{stack.region}:{stack.account}:rule/{rule}" for rule in rules]
                }
            },
        )
    )
    return sqs.Queue.from_queue_arn(stack, "UndeliveredEventsOfRules", queue.queue_arn)
