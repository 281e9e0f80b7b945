"""The document, its parts and the events of the steps as JSON, and back."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
from collections.abc import Callable
from typing import Any, TypeVar, get_args, get_origin

from cattrs import Converter
from cattrs.cols import homogenous_tuple_structure_factory
from cattrs.errors import ClassValidationError
from cattrs.gen import make_dict_structure_fn, make_dict_unstructure_fn
from cattrs.preconf.json import make_converter

from lambdas.promotion.contract.document.progress import Leg, Outcome, PreviewProgress, Progress, RollbackProgress
from lambdas.promotion.contract.document.schema import SCHEMA
from lambdas.promotion.contract.settings import FirstDeployment, WhenLocked

T = TypeVar("T")

_converter = make_converter(forbid_extra_keys=True)
# For what an older or newer Promote has written.
_lenient = make_converter()
_UNKNOWN = "unknown_fields"


def _exactly(value: Any, kind: type) -> Any:
    """Refuse what would have to be converted: bool("false") is true."""
    if type(value) is not kind:
        raise TypeError(f"{value!r} is no {kind.__name__}")
    return value


def _integer(value: Any, kind: type) -> Any:
    """A whole number is one however JSON writes it: 3, 3.0 and 3e0 are equal (RFC 8259, Numbers)."""
    return _exactly(int(value) if isinstance(value, float) and value.is_integer() else value, kind)


def _number(value: Any, _: type) -> float:
    if type(value) not in {int, float}:
        raise TypeError(f"{value!r} is no number")
    return float(value)


def _is_tuple(kind: Any) -> bool:
    return get_origin(kind) is tuple and get_args(kind)[-1] is Ellipsis


def _from_list(kind: Any, converter: Converter) -> Callable[[Any, Any], Any]:
    """Only a list is one: the letters of a text, or the keys of an object, are no items."""
    structure = homogenous_tuple_structure_factory(kind, converter)

    def from_list(value: Any, _: Any) -> Any:
        if not isinstance(value, list | tuple):
            raise TypeError(f"{value!r} is no list")
        return structure(value, kind)

    return from_list


def _in_api_words(value: Any, _: object) -> Any:
    """Whole numbers as integers, at any depth: boto3 refuses 3.0 as an integer, and takes 3 as a float."""
    if isinstance(value, dict):
        return {name: _in_api_words(member, _) for name, member in value.items()}
    if isinstance(value, list):
        return [_in_api_words(member, _) for member in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _keeps_unknown_fields(kind: Any) -> bool:
    return dataclasses.is_dataclass(kind) and _UNKNOWN in {field.name for field in dataclasses.fields(kind)}


def _with_unknown_fields(kind: Any, converter: Converter) -> Callable[[Any, Any], Any]:
    """What another version wrote, and this one writes again, keeps what this one does not know."""
    structure = make_dict_structure_fn(kind, converter, _cattrs_forbid_extra_keys=False)
    own = {field.name for field in dataclasses.fields(kind)} - {_UNKNOWN}

    def with_unknown_fields(document: Any, _: Any) -> Any:
        if not isinstance(document, dict):
            raise TypeError(f"{document!r} is no {kind.__name__}")
        unknown = {name: value for name, value in document.items() if name not in own}
        own_fields = {name: value for name, value in document.items() if name in own}
        return dataclasses.replace(structure(own_fields, kind), **{_UNKNOWN: unknown})

    return with_unknown_fields


def _unstructure_unknown_fields(kind: Any, converter: Converter) -> Callable[[Any], dict[str, Any]]:
    unstructure = make_dict_unstructure_fn(kind, converter)

    def with_unknown_fields(item: Any) -> dict[str, Any]:
        document = unstructure(item)
        return {**document.pop(_UNKNOWN), **document}

    return with_unknown_fields


for _each in (_converter, _lenient):
    _each.register_structure_hook_factory(_keeps_unknown_fields, _with_unknown_fields)
    _each.register_unstructure_hook_factory(_keeps_unknown_fields, _unstructure_unknown_fields)
    _each.register_structure_hook(bool, _exactly)
    _each.register_structure_hook(str, _exactly)
    _each.register_structure_hook(int, _integer)
    _each.register_structure_hook(float, _number)
    _each.register_structure_hook_factory(_is_tuple, _from_list)
    _each.register_structure_hook_func(lambda kind: kind is Any, _in_api_words)
    for _names in (Leg, Outcome, Progress, RollbackProgress, PreviewProgress, WhenLocked, FirstDeployment):
        _each.register_structure_hook(_names, lambda value, names: names(value))


def from_json(document: Any, kind: type[T]) -> T:
    """Any part of the document, or an event of a step. Raises if a field is missing, unknown or of another type."""
    return _converter.structure(document, kind)


def from_lenient_json(document: dict[str, Any], kind: type[T]) -> T:
    """Any part of the document as another version of Promote wrote it. Raises ValueError if it cannot be read."""
    try:
        return _lenient.structure(document, kind)
    except (ClassValidationError, TypeError) as error:
        raise ValueError(f"{kind.__name__}{_newer(document)} cannot be understood: {error}") from error


def _newer(document: dict[str, Any]) -> str:
    schema = document.get("schema")
    if not isinstance(schema, int) or schema <= SCHEMA:
        return ""
    return f" of schema {schema}, which a newer version of Promote wrote (this one knows {SCHEMA}: deploy the newer),"


def to_json(item: Any) -> dict[str, Any]:
    """Any part of the document as JSON."""
    document: dict[str, Any] = _converter.unstructure(item)
    return document


def to_line(item: Any) -> bytes:
    """One item of a list as a line of JSON."""
    return _converter.dumps(item, ensure_ascii=False, separators=(",", ":")).encode(errors="surrogatepass") + b"\n"


def from_line(line: bytes, kind: type[T]) -> T:
    """An item of a list, which another version of Promote may have written."""
    return _lenient.loads(line.decode(errors="surrogatepass"), kind)


def sha256(text: str) -> str:
    """Return a text's checksum as S3 writes it, with its algorithm."""
    return f"SHA256:{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
