"""Who is told how promotions end, as promotion.yaml says it."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from stacks.config.fields.field_types import StrictModel, text

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
RunbookUrl = Annotated[
    str, text(r"^https://[^\s#]+$", "a page's https:// address, without # and what follows", longest=500)
]


class Notify(StrictModel):
    """Who is told how promotions end, and of alarms. `runbook` is where docs/operations.md can be read."""

    subscribers: tuple[Subscriber, ...] = ()
    unchanged: Annotated[bool, Field(strict=True)] = False
    runbook: RunbookUrl | None = None

    @model_validator(mode="after")
    def _require_unique(self) -> Notify:
        twice = [one for one in dict.fromkeys(self.subscribers) if self.subscribers.count(one) > 1]
        if twice:
            raise ValueError(f"subscribers has {', '.join(twice)} more than once; SNS has one subscription of each")
        return self
