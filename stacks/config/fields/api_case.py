"""From the snake_case of promotion.yaml to the names of AWS's API."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from stacks.config.fields.field_types import StrictModel, seconds

# Where the API does not write a word as a name begins: MemorySizeInMB, VolumeSizeInGB, EnableSSMAccess.
_IRREGULAR_NAMES = {"mb": "MB", "gb": "GB", "ssm": "SSM"}


@dataclass(frozen=True)
class ApiName:
    """The API's name of a field that has another name in the file."""

    name: str


@dataclass(frozen=True)
class ApiNameInSeconds(ApiName):
    """The API's name of a duration, which the API has in seconds."""


class ApiShape(StrictModel):
    """A part that is a structure of the API: its fields have the API's names, unless a field has an ApiName."""

    def to_api(self) -> dict[str, Any]:
        """Return the structure with those of its fields that are set."""
        request: dict[str, Any] = {}
        for field_name, field in type(self).model_fields.items():
            value = getattr(self, field_name)
            if value is None or value == ():
                continue
            api_name = next((name for name in field.metadata if isinstance(name, ApiName)), ApiName(_camel(field_name)))
            request[api_name.name] = seconds(value) if isinstance(api_name, ApiNameInSeconds) else _to_api_value(value)
        return request


def _to_api_value(value: Any) -> Any:
    if isinstance(value, ApiShape):
        return value.to_api()
    return [_to_api_value(item) for item in value] if isinstance(value, tuple | list) else value


def _camel(field_name: str) -> str:
    return "".join(_IRREGULAR_NAMES.get(word, word.title()) for word in field_name.split("_"))


def move_into(request: dict[str, Any], **structures: tuple[str, ...]) -> dict[str, Any]:
    """Return the fields with some of them moved into structures, which the API has and the file has not."""
    for structure, names in structures.items():
        fields = {name: request.pop(name) for name in names if name in request}
        if fields or structure in request:
            request[structure] = fields
    return request
