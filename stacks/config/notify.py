"""The `notify` of promotion.yaml: who is notified of the outcomes of promotions and of alarms."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from stacks.config.fields.field_types import Flag, StrictModel, text
from stacks.config.fields.option import option

# What SNS takes as an Endpoint, of the protocols email, https, sqs and lambda (API: Subscribe).
Subscriber = Annotated[
    str,
    text(
        r"^([^@\s]+@[^@\s.]+(\.[^@\s.]+)+|https://[^\s/]+[^\s]*|arn:aws:sqs:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]+"
        r"|arn:aws:lambda:[a-z0-9-]+:[0-9]{12}:function:[A-Za-z0-9_:-]+)$",
        "an e-mail address, an https:// address, or the ARN of an SQS queue (not FIFO) or of a Lambda function",
        longest=2048,
    ),
]
# Each is a resource of the hub's stack and of each source environment's in another Region, which has 500 at the most
# (AWS: CloudFormation quotas).
MOST_SUBSCRIBERS = 100
RunbookUrl = Annotated[
    str,
    text(r"^https://[^\s#]*[^\s#/]$", "a folder's https:// address, without / at its end and without #", longest=500),
]


class Notify(StrictModel, title="The hub's notify"):
    """Who is notified of the outcomes of promotions and of alarms. The topic `promote-outcomes` exists in any case."""

    subscribers: Annotated[
        tuple[Subscriber, ...],
        Field(max_length=MOST_SUBSCRIBERS),
        option(
            "Each gets every message: of outcomes and of alarms. An e-mail address and an `https://` URL must confirm "
            "the subscription, which SNS asks for at the deployment. A queue's policy must let `sns.amazonaws.com` "
            "send, a function's let it invoke, with the topic's ARN as `aws:SourceArn`; a queue with a key of its own "
            "also needs `kms:Decrypt` and `kms:GenerateDataKey` in the key's policy (AWS: SNS, Fanout to SQS queues). "
            "At most 100. For some messages only, subscribe to the topic by hand with a filter policy.",
            example=["ml-team@example.com", "arn:aws:sqs:us-east-1:111111111111:promotions"],
            effect="Deploy the hub, and each source environment in another Region than the hub's. A removed subscriber "
            "gets no further messages.",
        ),
    ] = ()
    unchanged: Annotated[
        Flag,
        option(
            "Whether a promotion that ended Unchanged is announced. A promotion that every run of a pipeline starts "
            "usually ends so.",
            example=True,
            effect="Deploy the hub: promotions that start afterwards use it.",
        ),
    ] = False
    runbook: Annotated[
        RunbookUrl | None,
        option(
            "The URL of the folder in which your copy of docs/runbooks is published, without a slash at its end: "
            "messages and alarms link to its pages. Without it, they name the files in this repository.",
            example="https://git.example.com/promote/docs/runbooks",
            effect="Deploy the hub and the source environments: messages of later promotions and the descriptions of "
            "alarms use it.",
        ),
    ] = None

    @model_validator(mode="after")
    def _require_unique(self) -> Notify:
        twice = [name for name in dict.fromkeys(self.subscribers) if self.subscribers.count(name) > 1]
        if twice:
            raise ValueError(f"subscribers has {', '.join(twice)} more than once; SNS has one subscription of each")
        return self
