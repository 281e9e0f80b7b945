"""Executions that no state of theirs could end are cleaned up, and no others."""

from __future__ import annotations

from typing import Any

from lambdas.promotion.contract.resource_names import hub_stack


def test_an_execution_that_no_state_can_catch_is_passed_to_the_cleanup_function(
    templates: dict[str, dict[str, Any]],
) -> None:
    rules = {
        rule["Properties"]["Name"]: rule["Properties"]
        for rule in templates[hub_stack()]["Resources"].values()
        if rule["Type"] == "AWS::Events::Rule"
    }
    details = {name: rule["EventPattern"]["detail"] for name, rule in rules.items() if "status" in str(rule)}
    for detail in details.values():
        assert "StateMachine" in str(detail.pop("stateMachineArn"))
    assert details == {
        "promote-aborted": {"status": ["ABORTED", "TIMED_OUT"]},
        "promote-runtime-error": {"status": ["FAILED"], "error": ["States.Runtime", "States.DataLimitExceeded"]},
    }
    for name in details:
        (target,) = rules[name]["Targets"]
        assert "cleanupaborted" in str(target["Arn"])
        assert "DeadLetterConfig" in target
