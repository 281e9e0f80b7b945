"""The well-formed parts of a file with mistakes: constraint violations between them are reported in the same run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from stacks.config.schema import Application, Environment, Hub, Stage
from stacks.config.topology import Configuration

_Part = TypeVar("_Part", bound=BaseModel)
# What replaces a malformed field, so that the others can be read; and what it counts as, which violates no constraint.
_PLACEHOLDERS: dict[str, Any] = {
    "from": "nowhere",
    "endpoint": "nowhere",
    "variants": [{"name": "none"}],
    "deadline": "8h",
    "account": "000000000000",
    "region": "us-east-1",
}
_UNKNOWN: dict[str, Any] = {"from": "", "endpoint": "", "variants": [], "region": "", "buckets": ("",)}


def configuration_of(raw: object) -> Configuration:
    """Return what is well-formed; a malformed field is empty, and violates no constraint."""
    file = raw if isinstance(raw, dict) else {}
    applications = {}
    for name, application in _mapping(file, "applications").items():
        stages = {str(key): _part(Stage, stage) for key, stage in _mapping(application, "stages").items()}
        if stages:
            fields = application if isinstance(application, dict) else {}
            group = fields.get("model_package_group")
            flags = {
                flag: fields[flag]
                for flag in ("copy_tags", "copy_annotations", "copy_images")
                if isinstance(fields.get(flag), bool)
            }
            # A malformed group counts as one that no other application has.
            group_name = group if isinstance(group, str) else f"{name}\n"
            applications[name] = Application.model_construct(model_package_group=group_name, stages=stages, **flags)
    environments = {}
    for name, value in _mapping(file, "environments").items():
        environment = _part(Environment, value)
        is_known = isinstance(value, dict) and value.get("account") == environment.account
        # A malformed account is that of no other environment.
        environments[name] = environment if is_known else environment.model_copy(update={"account": f"{name}\n"})
    return Configuration.model_construct(
        hub=_part(Hub, file.get("hub")), environments=environments, applications=applications
    )


def _part(kind: type[_Part], raw: object) -> _Part:
    fields: Mapping[str, Any] = raw if isinstance(raw, dict) else {}
    try:
        return kind.model_validate(fields)
    except ValidationError as error:
        # A mistake of the whole part is one of all its fields.
        malformed = {mistake["loc"][0] if mistake["loc"] else "" for mistake in error.errors()}
    names = {field.alias or name: name for name, field in kind.model_fields.items()}
    good = {name: value for name, value in fields.items() if name in names and name not in malformed}
    stand_ins = {name: value for name, value in _PLACEHOLDERS.items() if name in malformed and name in names}
    unknown = {names[name]: value for name, value in _UNKNOWN.items() if name in malformed and name in names}
    return kind.model_validate({**stand_ins, **good}).model_copy(update=unknown)


def _mapping(raw: object, field_name: str) -> dict[str, object]:
    value = raw.get(field_name) if isinstance(raw, dict) else None
    return value if isinstance(value, dict) else {}
