"""The JSONata of a definition, by the package that the project evaluates it with everywhere."""

from __future__ import annotations

import functools
import json
from typing import Any

import jsonata

_BEGIN, _END = "{%", "%}"


class ExpressionFailed(Exception):
    """An expression has no value: the state fails with States.QueryEvaluationError."""


def evaluated(template: Any, states: dict[str, Any]) -> Any:
    """Return a template with each of its expressions replaced by its value. `states` is what $states has."""
    if isinstance(template, dict):
        return {name: evaluated(value, states) for name, value in template.items()}
    if isinstance(template, list):
        return [evaluated(value, states) for value in template]
    if isinstance(template, str) and template.startswith(_BEGIN) and template.endswith(_END):
        return _value_of(template.removeprefix(_BEGIN).removesuffix(_END).strip(), states)
    return template


def _value_of(expression: str, states: dict[str, Any]) -> Any:
    try:
        value = _compiled(expression).evaluate(None, {"states": states})
        # The package has None for null and for nothing, of which Step Functions accepts the first.
        if value is None and not _compiled(f"$exists(({expression}))").evaluate(None, {"states": states}):
            raise ExpressionFailed(f"{expression} has no value.")
    except ExpressionFailed:
        raise
    except Exception as error:
        raise ExpressionFailed(f"{expression}: {error}") from error
    return json.loads(json.dumps(value))


@functools.cache
def _compiled(expression: str) -> Any:
    compiled = jsonata.Jsonata(expression)
    compiled.register_lambda("parse", json.loads)  # Step Functions' own, which JSONata has not
    return compiled
