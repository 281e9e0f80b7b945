"""The Condition of a Choice in JSONata has to yield a boolean; any other value fails the execution.

MiniStack takes what is not empty for true. The error is assumed to be that of a field of another type.
"""

from typing import Any

from ministack.services import stepfunctions as sfn


def apply() -> None:
    sfn._evaluate_jsonata_choice_rule = _is_met


def _is_met(rule: dict[str, Any], raw_input: Any, ctx: dict[str, Any]) -> bool:
    """Whether the rule is met. Raises States.QueryEvaluationError."""
    return bool(sfn._jsonata_state_field(rule, "Condition", "boolean", raw_input, ctx))
