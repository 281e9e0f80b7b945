"""Versions and aliases of state machines: who may start by them, and what an execution and CloudFormation know."""

from __future__ import annotations

import json
from typing import Any

import pytest

from recordings import store
from sandbox.aws.control import Sandbox
from tests.sandbox.aws.builders import HUB, allow, create_role, eventually, finished, refusal
from tests.sandbox.aws.state_machines import STATES, create_workflow, end, machine_arn, start

DONE: dict[str, Any] = {"Done": {"Type": "Succeed"}}
QUALIFIER = "states:StateMachineQualifier"


def published(sandbox: Sandbox, arn: str, alias: str = "qa") -> tuple[str, str]:
    """Publish a version with an alias. Returns the ARNs of both."""
    states = sandbox.client("stepfunctions")
    version = states.publish_state_machine_version(stateMachineArn=arn)["stateMachineVersionArn"]
    routing = [{"stateMachineVersionArn": version, "weight": 100}]
    return version, states.create_state_machine_alias(name=alias, routingConfiguration=routing)["stateMachineAliasArn"]


def by_alias(sandbox: Sandbox, name: str, arn: str, alias: str = "qa") -> Any:
    """A client of a role that may start the machine by one alias."""
    only = {"ForAnyValue:StringEquals": {QUALIFIER: alias}}
    role = create_role(sandbox, HUB, f"{name}-starter", allow("states:StartExecution", arn, Condition=only))
    return sandbox.client("stepfunctions", HUB, sandbox.assume(role))


def test_an_alias_is_authorized_on_the_machine_with_its_name_as_condition(patched: Sandbox, name: str) -> None:
    arn = create_workflow(patched, name, DONE)
    _, alias = published(patched, arn)
    assert by_alias(patched, name, arn).start_execution(stateMachineArn=alias)["executionArn"]


@pytest.mark.parametrize("qualifier", ["", ":1", ":production"])
def test_who_may_start_by_one_alias_may_start_by_nothing_else(bare_sandbox: Sandbox, name: str, qualifier: str) -> None:
    arn = create_workflow(bare_sandbox, name, DONE)
    published(bare_sandbox, arn, "production")
    starter = by_alias(bare_sandbox, name, arn)
    assert refusal(starter.start_execution, stateMachineArn=f"{arn}{qualifier}").startswith("AccessDeniedException")


def test_a_policy_on_the_arn_of_an_alias_allows_nothing(patched: Sandbox, name: str) -> None:
    arn = create_workflow(patched, name, DONE)
    _, alias = published(patched, arn)
    role = create_role(patched, HUB, f"{name}-starter", allow("states:StartExecution", alias))
    start_execution = patched.client("stepfunctions", HUB, patched.assume(role)).start_execution
    assert refusal(start_execution, stateMachineArn=alias).startswith("AccessDeniedException")


@pytest.mark.parametrize(
    ("qualifier", "recorded"),
    [
        ("qa", "stepfunctions/DescribeExecution/started-by-alias"),
        ("1", "stepfunctions/DescribeExecution/started-by-version"),
    ],
)
def test_an_execution_knows_by_what_it_was_started(patched: Sandbox, name: str, qualifier: str, recorded: str) -> None:
    arn = create_workflow(patched, name, DONE)
    published(patched, arn)
    described = end(patched, f"{arn}:{qualifier}")
    expected = store.response(recorded)
    fields = ("stateMachineArn", "stateMachineVersionArn", "stateMachineAliasArn")
    recorded_name = expected["stateMachineArn"].rpartition(":")[2]
    assert {field: described.get(field) for field in fields} == {
        field: expected[field].replace(recorded_name, name).replace("111122223333", HUB) if field in expected else None
        for field in fields
    }


def test_a_list_of_executions_has_their_aliases(patched: Sandbox, name: str) -> None:
    arn = create_workflow(patched, name, DONE)
    _, alias = published(patched, arn)
    finished(patched, start(patched, alias))
    (listed,) = patched.client("stepfunctions").list_executions(stateMachineArn=arn)["executions"]
    assert listed.get("stateMachineAliasArn") == alias


def test_a_name_is_idempotent_by_an_alias_too(patched: Sandbox, name: str) -> None:
    arn = create_workflow(patched, name, {"Hold": {"Type": "Wait", "Seconds": 500, "End": True}})
    _, alias = published(patched, arn)
    states = patched.client("stepfunctions")
    first, again = (states.start_execution(stateMachineArn=alias, name="once", input="{}") for _ in range(2))
    states.stop_execution(executionArn=first["executionArn"])
    assert first["executionArn"] == again["executionArn"]


def template(name: str, role: str, comment: str) -> str:
    """A stack with a machine, its version and an alias of that; another comment is another revision."""
    definition = {"Comment": comment, "QueryLanguage": "JSONata", "StartAt": "Done", "States": DONE}
    routing = [{"StateMachineVersionArn": {"Fn::GetAtt": ["Version", "Arn"]}, "Weight": 100}]
    machine = {"StateMachineName": name, "RoleArn": role, "DefinitionString": json.dumps(definition)}
    version = {
        "StateMachineArn": {"Ref": "Machine"},
        "StateMachineRevisionId": {"Fn::GetAtt": ["Machine", "StateMachineRevisionId"]},
    }
    resources = {
        "Machine": {"Type": "AWS::StepFunctions::StateMachine", "Properties": machine},
        "Version": {"Type": "AWS::StepFunctions::StateMachineVersion", "Properties": version},
        "Alias": {
            "Type": "AWS::StepFunctions::StateMachineAlias",
            "Properties": {"Name": "qa", "RoutingConfiguration": routing},
        },
    }
    return json.dumps({"Resources": resources})


def versions(sandbox: Sandbox, arn: str) -> list[str]:
    listed = sandbox.client("stepfunctions").list_state_machine_versions(stateMachineArn=arn)["stateMachineVersions"]
    return [version["stateMachineVersionArn"] for version in listed]


def test_cloudformation_leads_an_alias_to_the_new_version_and_deletes_the_old_one(patched: Sandbox, name: str) -> None:
    stacks, arn = patched.client("cloudformation"), machine_arn(name)
    role = create_role(patched, HUB, f"{name}-workflow", by=STATES)

    def has_ended(status: str) -> bool:
        described: str = stacks.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"]
        return described == status

    stacks.create_stack(StackName=name, TemplateBody=template(name, role, "first"))
    assert eventually(lambda: has_ended("CREATE_COMPLETE"))
    assert versions(patched, arn) == [f"{arn}:1"]
    stacks.update_stack(StackName=name, TemplateBody=template(name, role, "second"))
    assert eventually(lambda: has_ended("UPDATE_COMPLETE"))
    assert eventually(lambda: versions(patched, arn) == [f"{arn}:2"])
    alias = patched.client("stepfunctions").describe_state_machine_alias(stateMachineAliasArn=f"{arn}:qa")
    assert alias["routingConfiguration"] == [{"stateMachineVersionArn": f"{arn}:2", "weight": 100}]
