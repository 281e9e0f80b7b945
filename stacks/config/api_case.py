"""What promotion.yaml says in snake_case, in the API's own words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from stacks.config.field_types import Strict, seconds

# Where the API does not write a word as a name begins: MemorySizeInMB, VolumeSizeInGB, EnableSSMAccess.
_SPELLED = {"mb": "MB", "gb": "GB", "ssm": "SSM"}


@dataclass(frozen=True)
class Called:
    """The API's name of a member that the file calls otherwise."""

    name: str


@dataclass(frozen=True)
class InSeconds(Called):
    """The API's name of a duration, which it has in seconds."""


class ApiPart(Strict):
    """A part that is a structure of the API: its members are the API's, unless a member says its name."""

    def in_api_words(self) -> dict[str, Any]:
        """Return the structure with those of its members that are set."""
        found: dict[str, Any] = {}
        for member, field in type(self).model_fields.items():
            value = getattr(self, member)
            if value is None or value == ():
                continue
            called = next((one for one in field.metadata if isinstance(one, Called)), Called(_camel(member)))
            found[called.name] = seconds(value) if isinstance(called, InSeconds) else _said(value)
        return found


def _said(value: Any) -> Any:
    if isinstance(value, ApiPart):
        return value.in_api_words()
    return [_said(one) for one in value] if isinstance(value, tuple | list) else value


def _camel(member: str) -> str:
    return "".join(_SPELLED.get(word, word.title()) for word in member.split("_"))
