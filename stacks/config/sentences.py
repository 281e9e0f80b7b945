"""What pydantic finds in promotion.yaml, in words for a person, with what may have been meant."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from pydantic import ValidationError

from stacks.config.fields.field_types import EXPLANATIONS
from stacks.config.file.nodes import Node, Scalar
from stacks.config.file.suggestions import near
from stacks.config.topology import Configuration

# {input} and the limits are the error's own.
_SENTENCES = {
    "bool_type": "must be true or false, not {input!r}",
    "dict_type": "must be a mapping, not {input!r}",
    "int_from_float": "must be a whole number, not {input!r}",
    "int_type": "must be a whole number, not {input!r}",
    "list_type": "must be a list, not {input!r}",
    "missing": "is missing",
    "model_type": "must be a mapping, not {input!r}",
    "string_pattern_mismatch": "must be {meaning}, not {input!r}",
    "string_type": "must be text, not {input!r}",
    "too_long": "must have at most {max_length}, not {actual_length}",
    "tuple_type": "must be a list, not {input!r}",
    "too_short": "must have at least {min_length}, not {actual_length}",
    "value_error": "{error}",
}
# Fields that the API has and a stage has not, with what takes their place.
_NOT_OFFERED = {
    # recordings/sagemaker/CreateEndpointConfig.yaml.
    "managed_instance_scaling": "SageMaker refuses it for a variant with a model: only endpoints of inference "
    "components have it. Leave it out, and scale the variant with the stage's autoscaling",
    # API: ProductionVariant.
    "accelerator_partition_layouts": "each partition is for one inference component, and a promoted model is in none. "
    "Leave it out: the variant then has its accelerators whole",
}

Location = tuple[int | str, ...]


def of(error: ValidationError, root: Node, *, schema: str = "") -> Iterator[str]:
    """Yield each mistake with its path; `root` has what is written, `schema` names the part, if not the whole file."""
    for mistake in error.errors(include_url=False):
        location = tuple(part for part in mistake["loc"] if part != "[key]")
        path = ".".join(map(str, location))
        yield f"{path or 'the file'}: {_sentence(mistake, location, root, schema)}"


def _sentence(error: Any, location: Location, root: Node, schema: str) -> str:
    value = error["input"]
    if error["type"] == "extra_forbidden":
        name = str(location[-1])
        fields = _fields_at(location[:-1], schema)
        return _NOT_OFFERED.get(name) or f"there is no such field{near(name, fields)}"
    if error["type"] in {"string_type", "number_for_text"} and isinstance(value, bool | int | float | datetime.date):
        return _number_for_text(error, root.at(location))
    context = error.get("ctx", {})
    message = re.sub(r"^(Input|String|List|Dictionary|Value)", "it", error["msg"]).replace("{", "{{").replace("}", "}}")
    sentence = _SENTENCES.get(error["type"], f"{message}, not {{input!r}}").format(
        **{"input": _Short(value), "meaning": EXPLANATIONS.get(context.get("pattern", "")), **context}
    )
    if error["type"] in {"literal_error", "enum"} and isinstance(value, str):
        sentence += near(value, re.findall(r"'([^']*)'", str(context.get("expected"))))
    if not location and value is None:
        sentence = "must be a mapping with hub, environments and applications, and is empty"
    return sentence.replace(", not None", ", and is empty") if value is None else sentence


def _number_for_text(error: Any, node: Node | None) -> str:
    """A number that would be right as text lacks quotes; another one lacks more, which one message has to say."""
    written = node.content.text if node and isinstance(node.content, Scalar) else str(error["input"])
    pattern = error.get("ctx", {}).get("pattern")
    if pattern and not re.fullmatch(pattern, written):
        return f"must be {EXPLANATIONS[pattern]}, not {written}"
    value = error["input"]
    kind = "true or false" if isinstance(value, bool) else "a number" if isinstance(value, int | float) else "a date"
    return f"must be text; put it in quotes, or YAML reads it as {kind}"


class _Short:
    """A value whose repr is no longer than a line."""

    def __init__(self, value: object) -> None:
        self.value = value

    def __repr__(self) -> str:
        text = repr(self.value)
        return text if len(text) <= 200 else f"{text[:200]}…"


@cache
def _schema() -> Mapping[str, Any]:
    return Configuration.model_json_schema(by_alias=True)


def _fields_at(location: Sequence[int | str], name: str) -> set[str]:
    """Return the names of the fields that may stand at a path."""
    parts = [_schema()["$defs"][name] if name else _schema()]
    for step in location:
        parts = [part for whole in parts for alternative in _alternatives(whole) for part in _part(alternative, step)]
    return {field for whole in parts for part in _alternatives(whole) for field in part.get("properties", ())}


def _alternatives(schema: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    if "$ref" in schema:
        schema = _schema()["$defs"][schema["$ref"].rpartition("/")[2]]
    for part in schema.get("anyOf", ()):
        yield from _alternatives(part)
    yield schema


def _part(schema: Mapping[str, Any], step: int | str) -> Iterator[Mapping[str, Any]]:
    for part in (
        schema.get("items") if isinstance(step, int) else None,
        schema.get("properties", {}).get(step),
        schema.get("additionalProperties"),
        *schema.get("patternProperties", {}).values(),
    ):
        if isinstance(part, Mapping):
            yield part
