"""JSONata for the states, made from the dataclasses of the contract: no path and no key is spelled by hand.

`path(Promotion).change.poll_count` stands for `$states.input.change.poll_count`. A field that does not exist raises
AttributeError when the app is synthesised, so a field that is renamed in Python breaks the synthesis and not a
promotion. Call these functions within functions: the test of that renames a field and synthesises again.
"""

from __future__ import annotations

import dataclasses
import enum
import types
from typing import Any, Union, get_args, get_origin, get_type_hints

from aws_cdk import aws_stepfunctions as sfn

from lambdas.promotion.contract.document import Execution
from lambdas.promotion.contract.envelope import StateError
from lambdas.promotion.contract.step_events import LONGEST_INPUT

# What Step Functions itself provides (AWS: Step Functions, "Transforming data with JSONata", and "Context object").
INPUT = "$states.input"
RESULT = "$states.result"
EXECUTION_ID = "$states.context.Execution.Id"
EXECUTION_INPUT = "$states.context.Execution.Input"
EXECUTION_STARTED_AT = "$states.context.Execution.StartTime"
STATE_ENTERED_AT = "$states.context.State.EnteredTime"
TASK_TOKEN = "$states.context.Task.Token"  # noqa: S105 - where it stands
RETRY_COUNT = "$states.context.State.RetryCount"
MAP_INDEX = "$states.context.Map.Item.Index"
MAP_ITEM = "$states.context.Map.Item.Value"
_LONGEST_NAME = 63


class Path:
    """Where a value stands in the JSON that a state gets: attribute access follows the fields of the dataclasses."""

    __slots__ = ("_kind", "_text")

    def __init__(self, kind: Any, text: str) -> None:
        self._kind = _without_none(kind)
        self._text = text

    def __getattr__(self, name: str) -> Path:
        owner = _of_each(self._kind)
        if not dataclasses.is_dataclass(owner):
            raise AttributeError(f"{self._text} is {_name_of(self._kind)}, which has no fields: {name} is none of it.")
        kinds = _field_types(owner)
        if name not in kinds:
            raise AttributeError(
                f"{_name_of(owner)} has no field {name}, so {self._text}.{name} would be empty. "
                f"Its fields are {', '.join(kinds)}."
            )
        return Path(kinds[name], f"{self._text}.{name}")

    def __str__(self) -> str:
        return self._text


def path(kind: type) -> Path:
    """Return the root of a state's input."""
    return Path(kind, INPUT)


def payload_of(kind: type) -> Path:
    """Return the root of what a step's Lambda has answered."""
    return Path(kind, f"{RESULT}.Payload")


def map_results(kind: type) -> Path:
    """Return the root of what a Map's items have returned: of each, the fields of this kind."""
    return Path(kind, RESULT)


def error_output() -> Path:
    """Return the root of the error that a state has caught."""
    return Path(StateError, "$states.errorOutput")


def updated_attribute(name: str) -> str:
    """Return an attribute of the item that a DynamoDB state has updated (API: AttributeValue)."""
    return f"{RESULT}.Attributes.{name}"


def expression(jsonata: object) -> str:
    """Mark a text as JSONata for Step Functions."""
    return f"{{% {jsonata} %}}"


def condition(jsonata: str) -> sfn.Condition:
    """Return the condition that a JSONata expression is true."""
    return sfn.Condition.jsonata(expression(jsonata))


def literal(text: str | enum.StrEnum) -> str:
    """Return a text as JSONata writes it."""
    if "'" in text or "\\" in text:
        raise ValueError(f"{text!r} has a quotation mark or a backslash, which a JSONata literal cannot have here.")
    return f"'{text}'"


def equals(value: Path, *literals: enum.StrEnum) -> str:
    """Return the question whether a value is one of an enumeration's members."""
    return " or ".join(f"{value} = {literal(member)}" for member in literals)


def exists(value: Path) -> str:
    return f"$exists({value})"


def is_object(value: Path) -> str:
    return f"$type({value}) = 'object'"


def or_null(value: Path) -> str:
    """Return a value as an argument, which cannot be left out."""
    return f"{exists(value)} ? {value} : null"


def construct(kind: type, **fields: object) -> str:
    """Return the JSONata object of this kind: every field that has no default, and no field that it has not."""
    _require_fields(kind, fields)
    return _object(fields)


def merge(kind: type, **fields: object) -> str:
    """Return the state's input, which is of this kind, with these fields replaced."""
    _require_fields(kind, fields, partial=True)
    return f"$merge([{INPUT}, {_object(fields)}])"


def arguments(kind: type, **fields: object) -> dict[str, Any]:
    """Return an event of this kind as a state's arguments; a field may be arguments itself."""
    _require_fields(kind, fields)
    return {name: value if isinstance(value, dict) else expression(value) for name, value in fields.items()}


def execution() -> dict[str, Any]:
    """Return this execution, as arguments."""
    return arguments(Execution, arn=EXECUTION_ID, started_at=EXECUTION_STARTED_AT)


def bounded_input(value: str) -> str:
    """Return JSONata for the text of an execution's input, for read_input (step_events.py).

    A task's payload has the limit of an input, and more in it (AWS: Step Functions quotas), and a step cannot parse
    what is nested without end. Of an input that is too long the text has what names the stage.
    """
    return (
        f"($input := {value}; $text := $string({{'input': $input}}); $length($text) <= {LONGEST_INPUT} ? $text : "
        "$string({'length': $length($text), 'input': $type($input) = 'object' ? $merge([{}, $sift($input, "
        "function($value, $name) {$name in ['application', 'stage'] and $type($value) = 'string' and "
        f"$length($value) <= {_LONGEST_NAME}}})]) : null}}))"
    )


def _object(fields: dict[str, object]) -> str:
    return "{" + ", ".join(f"'{name}': {value}" for name, value in fields.items()) + "}"


def _require_fields(kind: Any, given: dict[str, object], *, partial: bool = False) -> None:
    kinds = _field_types(kind)
    unknown = sorted(set(given) - set(kinds))
    if unknown:
        raise AttributeError(f"{kind.__name__} has no field {unknown[0]}. Its fields are {', '.join(kinds)}.")
    missing = [] if partial else sorted(_required(kind) - set(given))
    if missing:
        raise AttributeError(f"{kind.__name__} needs the field {missing[0]}: give it a value.")
    for name, value in given.items():
        if isinstance(value, Path) and value._kind is not _without_none(kinds[name]):
            expected = _name_of(_without_none(kinds[name]))
            raise TypeError(f"{kind.__name__}.{name} is {expected}, but {value} is {_name_of(value._kind)}.")


def _required(kind: Any) -> set[str]:
    missing = dataclasses.MISSING
    return {
        field.name
        for field in dataclasses.fields(kind)
        if field.default is missing and field.default_factory is missing
    }


def _field_types(kind: Any) -> dict[str, Any]:
    """Return the fields with their types. Computed anew each time: a test replaces a class by another."""
    hints = get_type_hints(kind)
    return {field.name: hints[field.name] for field in dataclasses.fields(kind)}


def _without_none(kind: Any) -> Any:
    if get_origin(kind) in {Union, types.UnionType}:
        arms = [arm for arm in get_args(kind) if arm is not type(None)]
        return arms[0] if len(arms) == 1 else kind
    return kind


def _of_each(kind: Any) -> Any:
    """JSONata takes a field of an array as the array of that field of each."""
    return get_args(kind)[0] if get_origin(kind) in {tuple, list} else kind


def _name_of(kind: Any) -> str:
    return getattr(kind, "__name__", str(kind))
