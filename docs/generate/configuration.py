"""Write promotion.schema.json and docs/reference/configuration.md: `python -m docs.generate.configuration`.

Both come from stacks/config, where each option is described. A test fails when one of them is stale.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from stacks.config.fields.field_types import EXPLANATIONS
from stacks.config.fields.option import EFFECT_OF_CHANGE
from stacks.config.topology import Configuration

_PROJECT = Path(__file__).parents[2]
SCHEMA = _PROJECT / "promotion.schema.json"
PAGE = _PROJECT / "docs" / "reference" / "configuration.md"
DIALECT = "https://json-schema.org/draft/2020-12/schema"

COLUMNS = ("field", "type", "default", "example", "meaning", "effect of a change")
_INTRODUCTION = """\
<!-- Written by `python -m docs.generate.configuration` from stacks/config: do not edit. -->

Every field of `promotion.yaml`. How to write the file: [configuration.md](../configuration.md). A file with every
field: [complete.promotion.yaml](complete.promotion.yaml).

`cdk deploy` never changes an endpoint: an endpoint changes with the next promotion, where *effect of a change* says so.
Names such as InitialInstanceCount are those of AWS's API.
"""
_DEFINITIONS = "#/$defs/"

Schema = Mapping[str, Any]


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of promotion.yaml, in the file's own spelling (`from`, `json`)."""
    schema = Configuration.model_json_schema(by_alias=True)
    return {"$schema": DIALECT, **_for_editors(schema)}


def json_schema_text() -> str:
    return json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"


def render() -> str:
    """Return the reference of every field: a section for each part of the file, in the order of the file."""
    schema = json_schema()
    definitions: Mapping[str, Schema] = schema["$defs"]
    sections = [_section(schema, definitions, "##")]
    sections += [_section(definitions[name], definitions, "##") for name in _parts(schema, definitions)]
    return "\n".join(["# Reference of promotion.yaml\n", _INTRODUCTION, *sections])


def main() -> None:
    """Write both files."""
    SCHEMA.write_text(json_schema_text())
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(render())


def _for_editors(schema: Any) -> Any:
    """Return the schema with what pydantic leaves out: names that match no pattern are refused, messages are ours."""
    if isinstance(schema, list):
        return [_for_editors(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    adapted = {key: _for_editors(value) if key != "examples" else value for key, value in schema.items()}
    if "properties" in adapted:
        for field in adapted["properties"].values():
            field.pop("title", None)
    if adapted.get("default", ...) in (None, [], {}) or isinstance(adapted.get("default"), dict):
        del adapted["default"]
    if "patternProperties" in adapted:
        adapted.setdefault("additionalProperties", False)
    if isinstance(adapted.get("pattern"), str) and adapted["pattern"] in EXPLANATIONS:
        adapted["patternErrorMessage"] = f"must be {EXPLANATIONS[adapted['pattern']]}"
    return adapted


def _parts(schema: Schema, definitions: Mapping[str, Schema]) -> list[str]:
    """Return the parts of the file that have fields, each after the part that first names it."""
    names: list[str] = []
    for name in _references(schema["properties"]):
        nested = [name, *_parts(definitions[name], definitions)] if "properties" in definitions[name] else []
        names += [part for part in nested if part not in names]
    return names


def _references(schema: Any) -> Iterator[str]:
    if isinstance(schema, list):
        for part in schema:
            yield from _references(part)
    elif isinstance(schema, Mapping):
        if "$ref" in schema:
            yield schema["$ref"].removeprefix(_DEFINITIONS)
        for key, part in schema.items():
            if key not in {"examples", "default"}:
                yield from _references(part)


def _section(schema: Schema, definitions: Mapping[str, Schema], level: str) -> str:
    description = _linked(schema.get("description", ""))
    required = schema.get("required", ())
    rows = [
        _row(name, field, is_required=name in required, definitions=definitions)
        for name, field in schema["properties"].items()
    ]
    return f"{level} {schema['title']}\n\n{description}\n\n{_table(rows)}"


def _row(name: str, field: Schema, *, is_required: bool, definitions: Mapping[str, Schema]) -> list[str]:
    default = f"`{_yaml(field['default'])}`" if "default" in field else "none"
    return [
        f"`{name}`",
        type_of(field, definitions),
        "required" if is_required else default,
        ", ".join(f"`{_yaml(example)}`" for example in field["examples"]),
        _linked(field["description"]),
        _linked(field[EFFECT_OF_CHANGE]),
    ]


def type_of(schema: Schema, definitions: Mapping[str, Schema]) -> str:
    """Return a type in words. A part of the file is a link to its section."""
    if "anyOf" in schema:
        return " or ".join(type_of(part, definitions) for part in schema["anyOf"] if part.get("type") != "null")
    if "$ref" in schema:
        definition = definitions[schema["$ref"].removeprefix(_DEFINITIONS)]
        return f"[mapping](#{_anchor(definition['title'])})" if "properties" in definition else _choices(definition)
    if "enum" in schema or "const" in schema:
        return _choices(schema)
    kind = _KINDS.get(schema.get("type", ""))
    return kind(schema, definitions) if kind else "any JSON"


def _choices(schema: Schema) -> str:
    values = [f"`{value}`" for value in schema.get("enum", [schema.get("const")])]
    return " or ".join(filter(None, [", ".join(values[:-1]), values[-1]]))


def _text(schema: Schema, _: Mapping[str, Schema]) -> str:
    if schema.get("contentEncoding"):
        return f"text in {schema['contentEncoding']}"
    meaning = EXPLANATIONS.get(schema.get("pattern", ""), "")
    return str(schema["description"]) if _is_alternative(schema) else meaning or "text"


def _is_alternative(schema: Schema) -> bool:
    """Whether the description is that of a type, not that of a field."""
    return "description" in schema and EFFECT_OF_CHANGE not in schema


def _number(schema: Schema, _: Mapping[str, Schema]) -> str:
    if _is_alternative(schema):
        return str(schema["description"])
    kind = "whole number" if schema["type"] == "integer" else "number"
    if "exclusiveMinimum" in schema:
        return f"{kind} above {schema['exclusiveMinimum']}"
    limits = [f"{word} {schema[key]}" for word, key in (("from", "minimum"), ("to", "maximum")) if key in schema]
    return f"{kind} {' '.join(limits)}".strip()


def _list(schema: Schema, definitions: Mapping[str, Schema]) -> str:
    least, most = schema.get("minItems", 0), schema.get("maxItems")
    count = f" of {least} to {most}" if most else f" of at least {least}" if least else ""
    return f"list{count}, each: {type_of(schema['items'], definitions)}"


def _map(schema: Schema, definitions: Mapping[str, Schema]) -> str:
    for pattern, value in schema.get("patternProperties", {}).items():
        names = EXPLANATIONS.get(pattern, "text")
        return f"map of names to values; name: {names}; value: {type_of(value, definitions)}"
    value = schema.get("additionalProperties", {})
    is_open = not isinstance(value, Mapping) or not value
    return "mapping in the API's words" if is_open else f"map of names to values; value: {type_of(value, definitions)}"


_KINDS: dict[str, Callable[[Schema, Mapping[str, Schema]], str]] = {
    "string": _text,
    "integer": _number,
    "number": _number,
    "boolean": lambda *_: "`true` or `false`",
    "array": _list,
    "object": _map,
}


def _yaml(value: Any) -> str:
    """Return a value as one writes it in the file: JSON is YAML, and text that needs no quotes has none."""
    is_plain = isinstance(value, str) and re.fullmatch(r"[A-Za-z][\w.:/ -]*", value) and ": " not in value
    return str(value) if is_plain else json.dumps(value, ensure_ascii=False).replace("`", "'")


def _table(rows: Sequence[Sequence[str]]) -> str:
    lines = [COLUMNS, ["---"] * len(COLUMNS), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines)


def _anchor(title: str) -> str:
    """Return the anchor that GitHub makes of a heading."""
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")


def _linked(text: str) -> str:
    """Return a text in which a page of docs/ is a link: an editor shows its path, the page leads to it."""
    return re.sub(r"docs/([\w/-]+\.md)", r"[\1](../\1)", text)


if __name__ == "__main__":
    main()
