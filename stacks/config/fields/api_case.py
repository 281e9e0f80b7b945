"""What promotion.yaml says in snake_case, in the API's own words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from stacks.config.fields.field_types import StrictModel, seconds

# Where the API does not write a word as a name begins: MemorySizeInMB, VolumeSizeInGB, EnableSSMAccess.
_IRREGULAR_NAMES = {"mb": "MB", "gb": "GB", "ssm": "SSM"}


@dataclass(frozen=True)
class ApiName:
    """The API's name of a member that the file calls otherwise."""

    name: str


@dataclass(frozen=True)
class ApiNameInSeconds(ApiName):
    """The API's name of a duration, which it has in seconds."""


class ApiShape(StrictModel):
    """A part that is a structure of the API: its members are the API's, unless a member says its name."""

    def to_api(self) -> dict[str, Any]:
        """Return the structure with those of its members that are set."""
        found: dict[str, Any] = {}
        for field_name, field in type(self).model_fields.items():
            value = getattr(self, field_name)
            if value is None or value == ():
                continue
            called = next((one for one in field.metadata if isinstance(one, ApiName)), ApiName(_camel(field_name)))
            found[called.name] = seconds(value) if isinstance(called, ApiNameInSeconds) else _to_api_value(value)
        return found


def _to_api_value(value: Any) -> Any:
    if isinstance(value, ApiShape):
        return value.to_api()
    return [_to_api_value(one) for one in value] if isinstance(value, tuple | list) else value


def _camel(field_name: str) -> str:
    return "".join(_IRREGULAR_NAMES.get(word, word.title()) for word in field_name.split("_"))
