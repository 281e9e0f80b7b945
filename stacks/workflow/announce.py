"""The state that tells how a promotion has ended. It never decides how it ends."""

from __future__ import annotations

from aws_cdk import Duration, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks
from constructs import Construct

from stacks.baseline.iam_conditions import via_service

_ANNOUNCEMENT = "$states.input.announcement"
_ATTRIBUTES = ("outcome", "application", "stage", "error")


def announce_outcome(
    scope: Construct, topic: sns.ITopic, then: sfn.IChainable, *, title: str = "Announce the outcome"
) -> sfn.TaskStateBase:
    """Return the state that publishes `announcement` of its input (an Announcement as JSON), and goes on to `then`.

    `then` gets this state's input, whether SNS took the message or not; if it did not, with the reason as
    `not_announced`, which the execution's history shows. The state machine's role gets the right to publish with the
    state, and that on the topic's key by allow_announcement.
    """
    state = tasks.SnsPublish.jsonata(
        scope,
        title,
        topic=topic,
        subject=f"{{% {_ANNOUNCEMENT}.subject %}}",
        message=sfn.TaskInput.from_text(f"{{% {_ANNOUNCEMENT}.message %}}"),
        message_attributes={
            name: tasks.MessageAttribute(value=f"{{% {_ANNOUNCEMENT}.attributes.{name} %}}") for name in _ATTRIBUTES
        },
        outputs="{% $states.input %}",
        task_timeout=sfn.Timeout.duration(Duration.seconds(20)),
    )
    # The names of SNS's errors in Step Functions are not documented; a try in vain costs half a minute at the end.
    state.add_retry(errors=["States.ALL"], interval=Duration.seconds(2), backoff_rate=2, max_attempts=4)
    state.add_catch(
        then, errors=["States.ALL"], outputs="{% $merge([$states.input, {'not_announced': $states.errorOutput}]) %}"
    )
    state.next(then)
    return state


def allow_announcement(role: iam.IRole, key: kms.IKey) -> None:
    """Allow who publishes to use the topic's key, through SNS only (AWS: SNS, Key management)."""
    role.add_to_principal_policy(
        iam.PolicyStatement(
            sid="AnnounceKey",
            actions=["kms:Decrypt", "kms:GenerateDataKey"],
            resources=[key.key_arn],
            conditions=via_service("sns", Stack.of(role).region),
        )
    )
