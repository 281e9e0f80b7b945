"""Requests are held against botocore's service model, which real clients do not do and the real service does."""

import datetime
import functools
import logging
import re
from collections.abc import Iterator
from typing import Any

import botocore.session
from botocore.model import ListShape, MapShape, OperationModel, Shape, StringShape, StructureShape

from sandbox.aws.sagemaker.api.errors import Invalid, Refusal

logger = logging.getLogger("sagemaker")

_PYTHON_TYPES: dict[str, tuple[type, ...]] = {
    "structure": (dict,),
    "map": (dict,),
    "list": (list,),
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "long": (int,),
    "float": (int, float),
    "double": (int, float),
    "timestamp": (int, float, str),
    "blob": (str,),
}
# The Unicode classes of the model's Java patterns; Python's re has no name for them.
_UNICODE_CLASSES = {r"\p{L}": r"\w", r"\p{N}": r"\d", r"\p{Z}": r"\s", r"\p{M}": "", r"\p{S}": r"\W", r"\p{P}": r"\W"}


@functools.cache
def operation(name: str, service: str = "sagemaker") -> OperationModel:
    """The model of one operation of SageMaker's control plane, or of another service by botocore's name for it."""
    return botocore.session.get_session().get_service_model(service).operation_model(name)


def validate(name: str, parameters: dict[str, Any], *, service: str = "sagemaker") -> None:
    """Raise what the service answers to a request that its model does not allow."""
    shape = operation(name, service).input_shape
    problems = list(_problems(shape, parameters, "")) if shape else []
    if problems:
        count = "1 validation error" if len(problems) == 1 else f"{len(problems)} validation errors"
        raise Invalid(f"{count} detected: {'; '.join(problems)}")


def answer(name: str, fields: dict[str, Any], *, service: str = "sagemaker") -> dict[str, Any]:
    """The members that the operation's answer has, with times as epoch seconds."""
    shape = operation(name, service).output_shape
    result = _conform(shape, fields) if shape else {}
    return result if isinstance(result, dict) else {}


def _conform(shape: Shape, value: Any) -> Any:
    if isinstance(shape, StructureShape):
        return {key: _conform(shape.members[key], value[key]) for key in shape.members if value.get(key) is not None}
    if isinstance(shape, ListShape):
        return [_conform(shape.member, item) for item in value]
    if isinstance(shape, MapShape):
        return {key: _conform(shape.value, item) for key, item in value.items()}
    if isinstance(value, datetime.datetime):
        return value.timestamp()
    return value


def _problems(shape: Shape, value: Any, path: str) -> Iterator[str]:
    _require_type(shape, value, path)
    if isinstance(shape, StructureShape):
        yield from _structure_problems(shape, value, path)
    elif isinstance(shape, ListShape):
        yield from _size_problems(shape, value, path)
        for number, item in enumerate(value, start=1):
            yield from _problems(shape.member, item, f"{path}.{number}.member")
    elif isinstance(shape, MapShape):
        yield from _size_problems(shape, value, path)
        for key, item in value.items():
            yield from _problems(shape.key, key, f"{path}.{key}.key")
            yield from _problems(shape.value, item, f"{path}.{key}.value")
    elif isinstance(shape, StringShape):
        yield from _size_problems(shape, value, path)
        yield from _text_problems(shape, value, path)
    elif shape.type_name in ("integer", "long", "float", "double"):
        yield from _range_problems(shape, value, path)


def _require_type(shape: Shape, value: object, path: str) -> None:
    expected = _PYTHON_TYPES[shape.type_name]
    if not isinstance(value, expected) or (isinstance(value, bool) and bool not in expected):
        raise Refusal(
            "SerializationException", f"{type(value).__name__} at '{path}' can not be converted to {shape.type_name}"
        )


def _structure_problems(shape: StructureShape, value: dict[str, Any], path: str) -> Iterator[str]:
    for name in shape.required_members:
        if value.get(name) is None:
            yield f"Value null at '{_field_path(path, name)}' failed to satisfy constraint: Member must not be null"
    for name, item in value.items():
        if name not in shape.members:
            yield f"Value at '{_field_path(path, name)}' failed to satisfy constraint: Member is not known"
        elif item is not None:
            yield from _problems(shape.members[name], item, _field_path(path, name))


def _size_problems(shape: Shape, value: Any, path: str) -> Iterator[str]:
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    if least is not None and len(value) < least:
        yield _unmet(value, path, f"Member must have length greater than or equal to {least}")
    if most is not None and len(value) > most:
        yield _unmet(value, path, f"Member must have length less than or equal to {most}")


def _range_problems(shape: Shape, value: float, path: str) -> Iterator[str]:
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    if least is not None and value < least:
        yield _unmet(value, path, f"Member must have value greater than or equal to {least}")
    if most is not None and value > most:
        yield _unmet(value, path, f"Member must have value less than or equal to {most}")


def _text_problems(shape: StringShape, value: str, path: str) -> Iterator[str]:
    if shape.enum and value not in shape.enum:
        yield _unmet(value, path, f"Member must satisfy enum value set: [{', '.join(shape.enum)}]")
    pattern = shape.metadata.get("pattern")
    if pattern and not _matches(pattern, value):
        yield _unmet(value, path, f"Member must satisfy regular expression pattern: {pattern}")


def _matches(pattern: str, value: str) -> bool:
    compiled = _compiled(pattern)
    return compiled is None or compiled.fullmatch(value) is not None


@functools.cache
def _compiled(pattern: str) -> re.Pattern[str] | None:
    translated = re.sub(r"\$\{\d+,\d+\}$", "", pattern)
    for java, python in _UNICODE_CLASSES.items():
        translated = translated.replace(java, python)
    try:
        return re.compile(translated)
    except re.error:
        logger.warning("a pattern of the service model is not checked: %s", pattern)
        return None


def _unmet(value: Any, path: str, constraint: str) -> str:
    return f"Value '{value}' at '{path}' failed to satisfy constraint: {constraint}"


def _field_path(path: str, name: str) -> str:
    camel = name[:1].lower() + name[1:]
    return f"{path}.{camel}" if path else camel
