"""The message attributes of a state machine's Publish reach the topic: MiniStack reads them in the form of a query
only.
"""

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
