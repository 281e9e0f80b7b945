"""The attributes of a message that a state machine publishes: MiniStack looks for them as a query names them."""

import functools
from collections.abc import Mapping
from typing import Any

from ministack.services import sns


def apply() -> None:
    parse = sns._parse_message_attributes

    @functools.wraps(parse)
    def as_a_task_has_them(params: Mapping[str, Any]) -> Any:
        attributes = params.get("MessageAttributes")
        return dict(attributes) if isinstance(attributes, Mapping) else parse(params)

    sns._parse_message_attributes = as_a_task_has_them
