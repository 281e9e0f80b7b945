"""docs/reference/permissions.md: every role and every statement of the templates has a reason, and no other."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from typing import Any

import pytest

from docs.generate import permissions
from docs.generate.example_templates import Template
from docs.generate.permissions import POLICY_SECTIONS, ROLE_SECTIONS, STEPS_SECTION
from lambdas.promotion.contract import resource_names
from lambdas.promotion.contract.roles import Role
from lambdas.promotion.contract.steps import STEPS_BY_ROLE, Step
from stacks.config.load import load
from tests import PROJECT
from tests.docs import pages

PAGE = pages.text_of("reference/permissions.md")
ENVIRONMENTS = tuple(load(PROJECT / "promotion.yaml").environments)
NO_SID = "none"


def as_written(name: str) -> str:
    """A role's name or a Sid with the environment's name taken out of it, as the page writes it."""
    for environment in ENVIRONMENTS:
        title = environment.title().replace("-", "")
        name = re.sub(rf"^(promote|approvals-from)-{environment}(?=-|$)", r"\1-<environment>", name)
        name = re.sub(rf"^(PutInto|EncryptFor|ReadTagsFor){title}$", r"\1<Target>", name)
        name = re.sub(rf"^{title}(sCopier\w+)$", r"<Source>\1", name)
    return name


def role_name(stack: str, logical_id: str, template: Template) -> str:
    """A role without a name gets one from CloudFormation: the stack's, the logical id and something random."""
    given = template["Resources"][logical_id]["Properties"].get("RoleName")
    return as_written(given) if given else f"{stack}-{re.sub('[0-9A-F]{8}$', '', logical_id)}…"


@pytest.fixture(scope="session")
def sids_of_roles(templates: dict[str, Template]) -> dict[str, set[str]]:
    """The Sids of the identity policies, by the section of the role."""
    sids: dict[str, set[str]] = defaultdict(set)
    for stack, template in templates.items():
        for resource in template["Resources"].values():
            if resource["Type"] == "AWS::IAM::Policy":
                for role in resource["Properties"]["Roles"]:
                    section = ROLE_SECTIONS[role_name(stack, role["Ref"], template)]
                    sids[section] |= sids_in(resource["Properties"]["PolicyDocument"])
    return dict(sids)


@pytest.fixture(scope="session")
def sids_of_policies(templates: dict[str, Template]) -> dict[str, set[str]]:
    """The Sids of the policies on resources, by their section."""
    sids: dict[str, set[str]] = defaultdict(set)
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
            sids[POLICY_SECTIONS[kind]] |= sids_in(document)
    return dict(sids)


def sids_in(document: dict[str, Any]) -> set[str]:
    return {as_written(statement.get("Sid", NO_SID)) for statement in document["Statement"]}


def statements_of(section: str) -> list[dict[str, str]]:
    """The rows of a section's table of statements, by the titles of its columns."""
    tables = pages.tables(pages.section(PAGE, section))
    return [row for table in tables for row in table if "Sid" in row]


def sids_explained(section: str) -> set[str]:
    return {row["Sid"].strip("`") for row in statements_of(section)}


def test_every_role_of_the_templates_is_named(templates: dict[str, Template]) -> None:
    roles = {
        role_name(stack, logical_id, template)
        for stack, template in templates.items()
        for logical_id, resource in template["Resources"].items()
        if resource["Type"] == "AWS::IAM::Role"
    }
    assert roles == set(ROLE_SECTIONS)
    for role, section in ROLE_SECTIONS.items():
        assert role in pages.in_code_marks(pages.section(PAGE, section)), role


def test_every_statement_of_a_role_is_explained_and_no_other(sids_of_roles: dict[str, set[str]]) -> None:
    assert {section: sids_explained(section) for section in sids_of_roles} == sids_of_roles


def test_every_statement_on_a_resource_is_explained_and_no_other(sids_of_policies: dict[str, set[str]]) -> None:
    assert {section: sids_explained(section) for section in POLICY_SECTIONS.values()} == sids_of_policies


def test_every_sid_in_the_page_exists(
    sids_of_roles: dict[str, set[str]], sids_of_policies: dict[str, set[str]]
) -> None:
    existing = set().union(*sids_of_roles.values(), *sids_of_policies.values())
    sections = {*ROLE_SECTIONS.values(), *POLICY_SECTIONS.values()}
    assert set().union(*(sids_explained(section) for section in sections)) == existing


def test_no_statement_is_explained_twice() -> None:
    for section in {*ROLE_SECTIONS.values(), *POLICY_SECTIONS.values()}:
        rows = [tuple(row.values()) for row in statements_of(section)]
        assert len(rows) == len(set(rows)), section


def test_every_statement_has_a_reason_and_every_reason_a_statement(templates: dict[str, Template]) -> None:
    statements = [*permissions.role_statements(templates), *permissions.policy_statements(templates)]
    sids: dict[str, set[str]] = defaultdict(set)
    for statement in statements:
        sids[statement.section].add(statement.sid)
    assert {section: set(reasons) for section, reasons in permissions.reasons().items()} == sids
    for section in sids:
        assert [row["Sid"] for row in statements_of(section) if len(row["why"].split()) < 2] == [], section


def test_every_action_that_a_named_statement_allows_is_in_its_row(templates: dict[str, Template]) -> None:
    explained: dict[str, list[str]] = defaultdict(list)
    for section in {*ROLE_SECTIONS.values(), *POLICY_SECTIONS.values()}:
        for row in statements_of(section):
            explained[row["Sid"].strip("`")].append(row["actions"])
    for template in templates.values():
        for resource in template["Resources"].values():
            if resource["Type"] != "AWS::IAM::Policy":
                continue
            for statement in resource["Properties"]["PolicyDocument"]["Statement"]:
                sid, actions = statement.get("Sid"), statement["Action"]
                wanted = {actions} if isinstance(actions, str) else set(actions)
                if sid:
                    rows = [set(re.findall(r"[\w-]+:\w+", row)) for row in explained[as_written(sid)]]
                    assert wanted in rows, f"{sid}: {json.dumps(sorted(wanted))}"


def test_the_page_has_placeholders_instead_of_names_of_the_example() -> None:
    """A name of the example would look like a name that every deployment has."""
    config = permissions.configuration()
    names = {config.hub.account, config.hub.region, *config.applications}
    for environment in config.environments.values():
        names |= {environment.account, environment.region}
    assert [name for name in sorted(names) if name in PAGE] == []


def test_each_step_assumes_its_documented_roles() -> None:
    rows = [row for table in pages.tables(pages.section(PAGE, STEPS_SECTION)) for row in table if "assumes" in row]
    assumes = {row["role"].strip("`"): row["assumes"] for row in rows}
    for step in Step:
        role_kinds = [role for role, steps in STEPS_BY_ROLE.items() if step in steps]
        documented = [
            role for role in Role if f"promote-<environment>-{role}`" in assumes[resource_names.function(step)]
        ]
        assert documented == role_kinds, step


@pytest.fixture(scope="session")
def actions_of_roles(templates: dict[str, Template]) -> dict[str, set[str]]:
    """What the identity policies of each role allow, by the section of the role."""
    actions: dict[str, set[str]] = defaultdict(set)
    for stack, template in templates.items():
        for resource in template["Resources"].values():
            if resource["Type"] != "AWS::IAM::Policy":
                continue
            allowed = [
                action
                for statement in resource["Properties"]["PolicyDocument"]["Statement"]
                if statement["Effect"] == "Allow"
                for action in ([statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"])
            ]
            for role in resource["Properties"]["Roles"]:
                actions[ROLE_SECTIONS[role_name(stack, role["Ref"], template)]] |= set(allowed)
    return dict(actions)


def matching(actions: dict[str, set[str]], pattern: str) -> dict[str, set[str]]:
    chosen = {role: {action for action in allowed if re.search(pattern, action)} for role, allowed in actions.items()}
    return {role: allowed for role, allowed in chosen.items() if allowed}


def test_no_role_may_delete_more_than_the_page_names(actions_of_roles: dict[str, set[str]]) -> None:
    """docs/iam.md, What no role may do."""
    assert matching(actions_of_roles, r":(Abort|BatchDelete|Delete|Deregister|Purge|Remove|ScheduleKeyDeletion)") == {
        "The deployer": {"s3:AbortMultipartUpload", "sagemaker:DeleteEndpoint", "sagemaker:DeleteEndpointConfig"},
        "The scaler": {"application-autoscaling:DeregisterScalableTarget", "cloudwatch:DeleteAlarms"},
        "The execution role": {
            "ec2:DeleteNetworkInterface",
            "ec2:DeleteNetworkInterfacePermission",
            "s3:AbortMultipartUpload",
        },
        "The state machine's role": {"logs:DeleteLogDelivery"},
    }


def test_no_role_may_change_a_policy_but_for_its_own_log_delivery(actions_of_roles: dict[str, set[str]]) -> None:
    writing = matching(
        actions_of_roles, r"^iam:(?!PassRole$|Simulate)|:(Attach|Create|Delete|Detach|Put|Set|Update)\w*Policy$"
    )
    assert writing == {
        "The scaler": {"application-autoscaling:PutScalingPolicy", "iam:CreateServiceLinkedRole"},
        "The state machine's role": {"logs:PutResourcePolicy"},
    }


def test_only_the_invoker_may_invoke_a_model(actions_of_roles: dict[str, set[str]]) -> None:
    assert set(matching(actions_of_roles, r"^sagemaker:Invoke|\*")) == {"The invoker"}
