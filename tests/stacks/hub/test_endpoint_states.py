"""Which states of which endpoints the targets forward, what the bus accepts, and what the job may do with them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lambdas.promotion.contract import resource_names
from lambdas.promotion.contract.steps import Job
from recordings import store
from stacks.baseline import approvals, endpoint_states
from stacks.config.topology import Configuration
from tests.stacks.config.test_schema import parse, stage
from tests.stacks.config.test_smoke_test import TEST
from tests.stacks.hub.test_observability import of_kind
from tests.stacks.synthesis import Template

MOST_CHARACTERS = 2048  # AWS: EventBridge quotas, event pattern size
PREVIEW = {"preview": "instance", "smoke_test": TEST}


def configured(**stages: dict[str, Any]) -> Configuration:
    return parse(("applications.prices", {"model_package_group": "prices", "stages": stages}))


def names_in(environment: str, configuration: Configuration) -> list[Any]:
    return [
        name
        for pattern in endpoint_states.patterns_in(environment, configuration)
        for name in (pattern.detail or {})["EndpointName"]
    ]


def is_matched(values: list[Any], text: str) -> bool:
    return any(text.startswith(value["prefix"]) if isinstance(value, dict) else text == value for value in values)


def test_a_target_forwards_exactly_the_endpoints_of_its_stages() -> None:
    file = configured(qa=stage(endpoint="Prices-qa"))
    names = names_in("qa", file)
    assert is_matched(names, "Prices-qa")
    preview = resource_names.preview_endpoint("Prices-qa", "0123456789ab")
    for other in ("prices-qa", "Prices-qa2", "Prices", preview):
        assert not is_matched(names, other), other


def test_a_target_forwards_the_previews_of_a_stage_that_has_them() -> None:
    file = configured(qa=stage(endpoint="Prices-qa", **PREVIEW))
    assert is_matched(names_in("qa", file), resource_names.preview_endpoint("Prices-qa", "0123456789ab"))


def test_an_environment_without_stages_forwards_no_states() -> None:
    assert endpoint_states.patterns_in("dev", configured(qa=stage(endpoint="prices-qa"))) == []


def test_many_long_names_are_divided_among_rules_that_eventbridge_accepts() -> None:
    stages = {
        f"s{number}": stage(environment="qa", endpoint=f"{number:02}{'E' * 61}", **PREVIEW) for number in range(29)
    }
    patterns = endpoint_states.patterns_in("qa", configured(**stages))
    for pattern in patterns:
        text = {"source": pattern.source, "detail-type": pattern.detail_type, "detail": pattern.detail}
        assert len(json.dumps(text)) <= MOST_CHARACTERS
    assert len(patterns) > 1
    assert sum(isinstance(name, str) for name in names_in("qa", configured(**stages))) >= len(stages)


def test_the_recorded_state_is_one_that_ends_a_wait() -> None:
    event = store.event("events/SageMakerEndpointStateChange/in-service")
    assert event["detail-type"] == endpoint_states.DETAIL_TYPE
    assert event["detail"]["EndpointStatus"] in endpoint_states.ENDING_STATES


@pytest.mark.parametrize("state", ["CREATING", "UPDATING", "SYSTEM_UPDATING", "ROLLING_BACK", "DELETING"])
def test_a_state_that_passes_ends_no_wait(state: str) -> None:
    assert state not in endpoint_states.ENDING_STATES


def test_the_bus_accepts_from_each_account_its_own_kind_of_event_only(templates: dict[str, Template]) -> None:
    hub = templates[resource_names.hub_stack()]
    accepted = {
        policy["StatementId"]: policy["Statement"]["Condition"]["ForAllValues:StringEquals"]
        for policy in of_kind(hub, "AWS::Events::EventBusPolicy").values()
    }
    kinds = {sid: condition["events:detail-type"] for sid, condition in accepted.items()}
    assert kinds == {
        "approvals-from-dev": approvals.DETAIL_TYPE,
        "endpoint-states-from-targets": endpoint_states.DETAIL_TYPE,
    }
    assert {condition["events:source"] for condition in accepted.values()} == {"aws.sagemaker"}


def test_the_hub_takes_the_states_from_the_targets_accounts_only(templates: dict[str, Template]) -> None:
    rules = of_kind(templates[resource_names.hub_stack()], "AWS::Events::Rule").values()
    (rule,) = [rule for rule in rules if rule["Name"] == resource_names.function(Job.END_WAIT)]
    assert "222222222222" not in rule["EventPattern"]["account"]
    assert rule["EventPattern"]["account"]
    assert rule["Targets"][0]["RetryPolicy"]["MaximumEventAgeInSeconds"] == 60


def test_the_job_may_read_the_locks_and_end_tasks_of_the_state_machine(templates: dict[str, Template]) -> None:
    policies = of_kind(templates[resource_names.hub_stack()], "AWS::IAM::Policy").items()
    (policy,) = [policy for logical_id, policy in policies if logical_id.startswith("endwaitRole")]
    actions = {
        (action, json.dumps(statement["Resource"]))
        for statement in policy["PolicyDocument"]["Statement"]
        for action in ([statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"])
        if action.startswith(("dynamodb:", "states:", "sts:"))
    }
    assert {action for action, _ in actions} == {"dynamodb:GetItem", "states:SendTaskSuccess"}
    assert all("*" not in resource for _, resource in actions)
