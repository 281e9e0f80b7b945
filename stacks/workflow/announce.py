"""The state that announces the outcome of a promotion. It never decides the outcome."""

from __future__ import annotations

from dataclasses import fields

from aws_cdk import Duration, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks
from constructs import Construct

from lambdas.promotion.contract.envelope import AnnouncementAttributes, Envelope
from stacks.baseline.iam_conditions import via_service
from stacks.workflow.document_paths import INPUT, error_output, expression, merge, path


def announce_outcome(
    scope: Construct, topic: sns.ITopic, then: sfn.IChainable, *, title: str = "Announce the outcome"
) -> sfn.TaskStateBase:
    """Return the state that publishes the announcement of the envelope that it gets, and goes on to `then`.

    `then` gets the same envelope, whether SNS took the message or not; if it did not, with the error as
    `not_announced`, which the execution's history shows. CDK gives the state machine's role the permission to publish;
    allow_announcement gives it the permissions on the topic's key.
    """
    announcement = path(Envelope).announcement
    state = tasks.SnsPublish.jsonata(
        scope,
        title,
        topic=topic,
        subject=expression(announcement.subject),
        message=sfn.TaskInput.from_text(expression(announcement.message)),
        message_attributes={
            field.name: tasks.MessageAttribute(value=expression(getattr(announcement.attributes, field.name)))
            for field in fields(AnnouncementAttributes)
        },
        outputs=expression(INPUT),
        task_timeout=sfn.Timeout.duration(Duration.seconds(20)),
    )
    # The names of SNS's errors in Step Functions are not documented; retrying in vain costs half a minute at the end.
    state.add_retry(errors=["States.ALL"], interval=Duration.seconds(2), backoff_rate=2, max_attempts=4)
    state.add_catch(then, errors=["States.ALL"], outputs=expression(merge(Envelope, not_announced=error_output())))
    state.next(then)
    return state


def allow_publishing(role: iam.IRole, topic: sns.ITopic, key: kms.IKey) -> None:
    """Allow a function to announce; CDK allows the state machine to publish by its state."""
    role.add_to_principal_policy(
        iam.PolicyStatement(sid="Announce", actions=["sns:Publish"], resources=[topic.topic_arn])
    )
    allow_announcement(role, key)


def allow_announcement(role: iam.IRole, key: kms.IKey) -> None:
    """Allow the publishing role to use the topic's key, through SNS only (AWS: SNS, Key management)."""
    role.add_to_principal_policy(
        iam.PolicyStatement(
            sid="AnnounceKey",
            actions=["kms:Decrypt", "kms:GenerateDataKey"],
            resources=[key.key_arn],
            conditions=via_service("sns", Stack.of(role).region),
        )
    )
