"""docs/iam.md: every role and every statement of the templates is explained, and nothing that is not there."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from typing import Any

import pytest

from lambdas.promotion.contract import resource_names
from lambdas.promotion.contract.resource_names import STEPS_BY_ROLE, Job, Role, Step
from stacks.config.load import load
from tests import PROJECT
from tests.docs import pages
from tests.docs.conftest import Template

PAGE = pages.text_of("iam.md")
ENVIRONMENTS = tuple(load(PROJECT / "promotion.yaml").environments)
SECTIONS_OF_ROLES = {
    f"{resource_names.PRODUCT}-<environment>-{Role.READER}": "The reader",
    f"{resource_names.PRODUCT}-<environment>-{Role.COPIER}": "The copier",
    f"{resource_names.PRODUCT}-<environment>-{Role.PUSHER}": "The pusher",
    f"{resource_names.PRODUCT}-<environment>-{Role.DEPLOYER}": "The deployer",
    f"{resource_names.PRODUCT}-<environment>-{Role.INVOKER}": "The invoker",
    f"{resource_names.PRODUCT}-<environment>-{Role.SCALER}": "The scaler",
    f"{resource_names.PRODUCT}-<environment>-{Role.EXECUTION}": "The execution role",
    f"{resource_names.PRODUCT}-<environment>-forwarder": "The forwarder",
    "promote-hub-StateMachineRole…": "The state machine's role",
    "promote-hub-StateMachineEventsRole…": "The approval rule's role",
    **{resource_names.function(step): "The steps' roles" for step in Step},
    resource_names.function(Job.REPORT_LOCK_AGE): "The role that measures locks",
}
# By the kind of the policy, or by its own logical id where one kind is of two resources.
SECTIONS_OF_POLICIES = {
    "ArtifactsPolicy": "The artifact bucket's policy",
    "WorkListsPolicy": "The hub's bucket's policy",
    "ArtifactKey": "The artifact key's policy",
    "Key": "The hub's key's policy",
    "AWS::Lambda::Permission": "The function's policy",
    "AWS::Events::EventBusPolicy": "The bus policy",
    "AWS::SQS::QueuePolicy": "The dead-letter queue's policy",
    "AWS::SNS::TopicPolicy": "The topic's policy",
}
NO_SID = "none"


def as_written(name: str) -> str:
    """A role's name or a Sid with the environment's name taken out of it, as the page writes it."""
    for environment in ENVIRONMENTS:
        title = environment.title().replace("-", "")
        name = re.sub(rf"^(promote|approvals-from)-{environment}(?=-|$)", r"\1-<environment>", name)
        name = re.sub(rf"^(PutInto|EncryptFor|ReadTagsFor){title}$", r"\1<Target>", name)
        name = re.sub(rf"^{title}(sCopierSeesItsParts)$", r"<Source>\1", name)
    return name


def role_name(stack: str, logical_id: str, template: Template) -> str:
    """A role without a name gets one from CloudFormation: the stack's, the logical id and something random."""
    given = template["Resources"][logical_id]["Properties"].get("RoleName")
    return as_written(given) if given else f"{stack}-{re.sub('[0-9A-F]{8}$', '', logical_id)}…"


@pytest.fixture(scope="session")
def sids_of_roles(templates: dict[str, Template]) -> dict[str, set[str]]:
    """The Sids of the identity policies, by the section that explains the role."""
    found: dict[str, set[str]] = defaultdict(set)
    for stack, template in templates.items():
        for resource in template["Resources"].values():
            if resource["Type"] == "AWS::IAM::Policy":
                for role in resource["Properties"]["Roles"]:
                    section = SECTIONS_OF_ROLES[role_name(stack, role["Ref"], template)]
                    found[section] |= sids_in(resource["Properties"]["PolicyDocument"])
    return dict(found)


@pytest.fixture(scope="session")
def sids_of_policies(templates: dict[str, Template]) -> dict[str, set[str]]:
    """The Sids of the policies on resources, by the section that explains them."""
    found: dict[str, set[str]] = defaultdict(set)
    for template in templates.values():
        for logical_id, resource in template["Resources"].items():
            kind, properties = resource["Type"], resource["Properties"]
            if kind in {"AWS::KMS::Key", "AWS::S3::BucketPolicy"}:
                kind = re.sub("[0-9A-F]{8}$", "", logical_id)
            document = properties.get("PolicyDocument") or properties.get("KeyPolicy")
            if kind == "AWS::Lambda::Permission":
                document = {"Statement": [{}]}
            if kind == "AWS::Events::EventBusPolicy":
                document = {"Statement": [{"Sid": properties["StatementId"]}]}
            if kind == "AWS::IAM::Policy" or not document:
                continue
            found[SECTIONS_OF_POLICIES[kind]] |= sids_in(document)
    return dict(found)


def sids_in(document: dict[str, Any]) -> set[str]:
    return {as_written(statement.get("Sid", NO_SID)) for statement in document["Statement"]}


def sids_explained(section: str) -> set[str]:
    return {sid_of(row) for row in pages.rows(pages.section(PAGE, section), "Sid")}


def sid_of(row: list[str]) -> str:
    """The Sid that a row explains; behind it may stand whose it is."""
    return (pages.in_code_marks(row[0]) or [row[0]])[0]


def test_every_role_of_the_templates_is_named(templates: dict[str, Template]) -> None:
    roles = {
        role_name(stack, logical_id, template)
        for stack, template in templates.items()
        for logical_id, resource in template["Resources"].items()
        if resource["Type"] == "AWS::IAM::Role"
    }
    assert roles == set(SECTIONS_OF_ROLES)
    for role, section in SECTIONS_OF_ROLES.items():
        assert role in pages.in_code_marks(pages.section(PAGE, section)), role


def test_every_statement_of_a_role_is_explained_and_no_other(sids_of_roles: dict[str, set[str]]) -> None:
    assert {section: sids_explained(section) for section in sids_of_roles} == sids_of_roles


def test_every_statement_on_a_resource_is_explained_and_no_other(sids_of_policies: dict[str, set[str]]) -> None:
    assert {section: sids_explained(section) for section in SECTIONS_OF_POLICIES.values()} == sids_of_policies


def test_every_sid_in_the_page_exists(
    sids_of_roles: dict[str, set[str]], sids_of_policies: dict[str, set[str]]
) -> None:
    existing = set().union(*sids_of_roles.values(), *sids_of_policies.values())
    assert {sid_of(row) for row in pages.rows(PAGE, "Sid")} == existing


def test_no_statement_is_explained_twice() -> None:
    for section in {*SECTIONS_OF_ROLES.values(), *SECTIONS_OF_POLICIES.values()}:
        rows = [(sid_of(row), row[1]) for row in pages.rows(pages.section(PAGE, section), "Sid")]
        assert len(rows) == len(set(rows)), section


def test_every_action_that_a_named_statement_allows_is_in_its_row(templates: dict[str, Template]) -> None:
    explained: dict[str, list[str]] = defaultdict(list)
    for row in pages.rows(PAGE, "Sid"):
        explained[sid_of(row)].append(row[1])
    for template in templates.values():
        for resource in template["Resources"].values():
            if resource["Type"] != "AWS::IAM::Policy":
                continue
            for statement in resource["Properties"]["PolicyDocument"]["Statement"]:
                sid, actions = statement.get("Sid"), statement["Action"]
                wanted = {actions} if isinstance(actions, str) else set(actions)
                if sid:
                    said = [set(re.findall(r"[\w-]+:\w+", row)) for row in explained[as_written(sid)]]
                    assert wanted in said, f"{sid}: {json.dumps(sorted(wanted))}"


def test_each_step_assumes_its_documented_roles() -> None:
    assumes = {row[0].strip("`"): row[1] for row in pages.rows(PAGE, "role") if row[0].strip("`") in SECTIONS_OF_ROLES}
    for step in Step:
        role_kinds = [role for role, steps in STEPS_BY_ROLE.items() if step in steps]
        said = [role for role in Role if f"promote-<environment>-{role}`" in assumes[resource_names.function(step)]]
        assert said == role_kinds, step
