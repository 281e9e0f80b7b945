"""docs/reference/permissions.md: every role and statement of the templates, each with its reason.

The reasons are in permission_reasons.yaml, by section and Sid. A statement without a Sid is named by its actions.
"""

from __future__ import annotations

import functools
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from docs.generate import example_templates
from docs.generate.example_templates import Template
from docs.generate.intrinsics import conditions_of, principals_of, texts_of, without_hash
from docs.generate.markdown import code, header, paragraph, table
from lambdas.promotion.contract import resource_names
from lambdas.promotion.contract.roles import Role
from lambdas.promotion.contract.steps import Job, Step
from stacks.config.load import parse
from stacks.config.topology import Configuration

REASONS = Path(__file__).with_name("permission_reasons.yaml")
_INTRODUCTION = (
    "Every role and every policy, from the templates of promotion.yaml with all options that add permissions. Your own "
    "templates have a part of it. `<environment>`, `<account>` and `<region>` are those of the role's own environment, "
    "`<other …>` those of another one, `<hub>` is the hub's account. A resource of the same stack is written as its "
    "type and name. A cell with the values of several environments lists them all. [Why the roles are divided like "
    "this](../iam.md)."
)
STEPS_SECTION = "The steps' roles"
ROLE_SECTIONS: Mapping[str, str] = {
    **{resource_names.function(step): STEPS_SECTION for step in Step},
    resource_names.function(Job.REPORT_LOCK_AGE): "The role that measures locks",
    resource_names.function(Job.RECONCILE_EXECUTIONS): "The role that reconciles executions",
    resource_names.function(Job.AUDIT_ARTIFACTS): "The role that audits artifacts",
    resource_names.function(Job.END_WAIT): "The role that ends waits",
    resource_names.function(Job.REPORT_REJECTION): "The role that reports rejections",
    "promote-hub-StateMachineRole…": "The state machine's role",
    "promote-hub-StateMachineByNameEventsRole…": "The approval rule's role",
    f"{resource_names.PRODUCT}-<environment>-{Role.READER}": "The reader",
    f"{resource_names.PRODUCT}-<environment>-{Role.COPIER}": "The copier",
    f"{resource_names.PRODUCT}-<environment>-{Role.RECEIVER}": "The receiver",
    f"{resource_names.PRODUCT}-<environment>-{Role.DEPLOYER}": "The deployer",
    f"{resource_names.PRODUCT}-<environment>-{Role.SCALER}": "The scaler",
    f"{resource_names.PRODUCT}-<environment>-{Role.PUSHER}": "The pusher",
    f"{resource_names.PRODUCT}-<environment>-{Role.AUDITOR}": "The auditor",
    f"{resource_names.PRODUCT}-<environment>-{Role.INVOKER}": "The invoker",
    f"{resource_names.PRODUCT}-<environment>-{Role.EXECUTION}": "The execution role",
    f"{resource_names.PRODUCT}-<environment>-forwarder": "The forwarder",
}
# By the kind of the policy, or by its own logical id where one kind is of two resources.
POLICY_SECTIONS: Mapping[str, str] = {
    "ArtifactsPolicy": "The artifact bucket's policy",
    "ArtifactKey": "The artifact key's policy",
    "WorkListsPolicy": "The hub's bucket's policy",
    "Key": "The hub's key's policy",
    "AWS::SNS::TopicPolicy": "The topic's policy",
    "AWS::Events::EventBusPolicy": "The bus policy",
    "AWS::SQS::QueuePolicy": "The dead-letter queue's policy",
    "AWS::Lambda::Permission": "The function's policy",
}


@dataclass(frozen=True)
class Statement:
    """A statement, with names of the example replaced by placeholders.

    `subjects`: the roles that have it, or the principals that it is about. `sid`: the Sid, or the actions.
    """

    section: str
    sid: str
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    conditions: tuple[str, ...]
    subjects: tuple[str, ...]
    effect: str = "Allow"


@functools.cache
def configuration() -> Configuration:
    """Return the configuration of the example."""
    return parse(example_templates.configuration(), file="the example")


@functools.cache
def reasons() -> dict[str, dict[str, str]]:
    """Return the reason of each statement by section and Sid."""
    loaded: dict[str, dict[str, str]] = yaml.safe_load(REASONS.read_text())
    return loaded


def generic(text: str, stack: str) -> str:
    """Replace the example's names in a text of a stack's template by placeholders."""
    own = stack.removeprefix(f"{resource_names.PRODUCT}-")
    config = configuration()
    for stage in (stage for application in config.applications.values() for stage in application.stages.values()):
        text = re.sub(rf"endpoint/{re.escape(stage.endpoint)}(?=$|-preview|/)", "endpoint/<endpoint>", text)
    for application, settings in config.applications.items():
        for stage_name in settings.stages:
            text = text.replace(f"{application}-{stage_name}-", "<application>-<stage>-")
        text = re.sub(rf"(?<![\w-]){re.escape(application)}(?![\w-])", "<application>", text)
        text = text.replace(f"promote-approved-{application}", "promote-approved-<application>")
    for name, environment in config.environments.items():
        other = "" if own in (name, "hub") else "other "
        title = name.title().replace("-", "")
        text = re.sub(rf"\b(promote|approvals-from)-{name}(?=-|$)", rf"\1-<{other}environment>", text)
        text = re.sub(rf"alias/promote-{name}\b", f"alias/promote-<{other}environment>", text)
        text = re.sub(rf"^(PutInto|EncryptFor|ReadTagsFor){title}$", r"\1<Target>", text)
        text = re.sub(rf"^{title}(sCopier\w+)$", r"<Source>\1", text)
        text = text.replace(environment.account, f"<{other}account>")
    text = text.replace(config.hub.account, "<hub>")
    region = config.hub.region if own == "hub" else config.environments[own].region
    for other_region in {environment.region for environment in config.environments.values()} | {config.hub.region}:
        placeholder = "<region>" if other_region == region or own == "hub" else "<other region>"
        text = text.replace(other_region, placeholder)
    return re.sub(r"(/aws/lambda/promote-)[a-z-]+", r"\1<function>", text) if own == "hub" else text


def role_name(stack: str, logical_id: str, template: Template) -> str:
    """Return a role's name. Without one CloudFormation makes it of the stack, the logical id and random text."""
    given = template["Resources"][logical_id]["Properties"].get("RoleName")
    return generic(given, stack) if given else f"{stack}-{without_hash(logical_id)}…"


def role_statements(templates: Mapping[str, Template]) -> Iterator[Statement]:
    """Yield the statements of identity policies, for each role of each stack."""
    for stack, template in templates.items():
        for resource in _of_type(template, "AWS::IAM::Policy"):
            for role in resource["Properties"]["Roles"]:
                name = role_name(stack, role["Ref"], template)
                for statement in resource["Properties"]["PolicyDocument"]["Statement"]:
                    yield _statement(statement, stack, template, section=ROLE_SECTIONS[name], subjects=(name,))


def policy_statements(templates: Mapping[str, Template]) -> Iterator[Statement]:
    """Yield the statements of policies on resources."""
    for stack, template in templates.items():
        for logical_id, resource in template["Resources"].items():
            section = _policy_section(logical_id, resource)
            if not section:
                continue
            for statement in _policy_document(resource):
                subjects = tuple(generic(name, stack) for name in principals_of(statement, template))
                yield _statement(statement, stack, template, section=section, subjects=subjects)


def trusted_by_role(templates: Mapping[str, Template]) -> dict[str, set[str]]:
    """Return who may assume each role, with the conditions, by the role's name."""
    trusted: dict[str, set[str]] = defaultdict(set)
    for stack, template in templates.items():
        for logical_id, resource in template["Resources"].items():
            if resource["Type"] != "AWS::IAM::Role":
                continue
            for statement in resource["Properties"]["AssumeRolePolicyDocument"]["Statement"]:
                conditions = "; ".join(generic(text, stack) for text in conditions_of(statement, template))
                for principal in principals_of(statement, template):
                    name = generic(principal, stack).rpartition(":role/")[2]
                    trusted[role_name(stack, logical_id, template)].add(
                        name + (f" ({conditions})" if conditions else "")
                    )
    return dict(trusted)


def merged(statements: Iterable[Statement]) -> list[Statement]:
    """Return each statement once: of a role in several environments, and of several roles."""
    by_actions: dict[tuple[Any, ...], list[Statement]] = defaultdict(list)
    for statement in statements:
        is_of_role = statement.section in ROLE_SECTIONS.values()
        owner = statement.subjects if is_of_role else (statement.resources, statement.conditions)
        by_actions[statement.section, statement.sid, statement.actions, statement.effect, owner].append(statement)
    united = [_united(group) for group in by_actions.values()]
    by_content: dict[tuple[Any, ...], list[Statement]] = defaultdict(list)
    for statement in united:
        content = (statement.actions, statement.resources, statement.conditions)
        by_content[statement.section, statement.sid, *content].append(statement)
    return sorted((_united(group) for group in by_content.values()), key=lambda item: (":" in item.sid, item.sid))


def render() -> str:
    """Return the page."""
    templates = example_templates.templates()
    statements = merged([*role_statements(templates), *policy_statements(templates)])
    trusted = trusted_by_role(templates)
    text = header("Permissions", __name__, _INTRODUCTION) + "\n## Roles\n"
    for section in dict.fromkeys(ROLE_SECTIONS.values()):
        roles = [role for role, title in ROLE_SECTIONS.items() if title == section]
        of_section = [item for item in statements if item.section == section]
        text += f"\n### {section}\n\n{_trust(roles, trusted)}\n"
        if section == STEPS_SECTION:
            text += table(("role", "assumes"), [(f"`{role}`", _assumed(role, of_section)) for role in roles]) + "\n"
        text += _table(of_section, "role" if len(roles) > 1 else "")
    text += "\n## Policies on resources\n"
    for section in POLICY_SECTIONS.values():
        text += f"\n### {section}\n\n"
        text += _table([item for item in statements if item.section == section], "principal")
    return text


def _trust(roles: Sequence[str], trusted: Mapping[str, set[str]]) -> str:
    assumed_by = sorted(set().union(*(trusted[role] for role in roles)))
    names = "One for each step" if len(roles) > 1 else code(roles)
    return paragraph(f"{names}. Assumed by {code(assumed_by)}.")


def _assumed(role: str, statements: Sequence[Statement]) -> str:
    """Return the roles that a step's role may assume."""
    arns = [
        arn
        for statement in statements
        if role in statement.subjects and statement.actions == ("sts:AssumeRole",)
        for arn in statement.resources
    ]
    return code(arn.rpartition("/")[2] for arn in arns) or "nothing"


_VERBS = {"Allow": "", "Deny": "denies ", "Deny all but": "denies all but "}


def _table(statements: Sequence[Statement], subject: str) -> str:
    titles = ["Sid", *([subject] if subject else []), "actions", "resources", "conditions", "why"]
    rows = []
    for item in statements:
        has_sid = ":" not in item.sid
        rows.append(
            (
                f"`{item.sid}`" if has_sid else "none",
                *([_subjects(item)] if subject else []),
                _VERBS[item.effect] + code(item.actions),
                code(item.resources),
                code(item.conditions),
                reasons().get(item.section, {}).get(item.sid, ""),
            )
        )
    return table(titles, rows)


def _subjects(statement: Statement) -> str:
    every_step = {resource_names.function(step) for step in Step}
    return "every step" if set(statement.subjects) == every_step else code(statement.subjects)


def _united(statements: Sequence[Statement]) -> Statement:
    def union(values: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
        return tuple(sorted({value for group in values for value in group}))

    return replace(
        statements[0],
        resources=union(statement.resources for statement in statements),
        conditions=union(statement.conditions for statement in statements),
        subjects=union(statement.subjects for statement in statements),
    )


def _statement(
    statement: Mapping[str, Any], stack: str, template: Template, *, section: str, subjects: tuple[str, ...]
) -> Statement:
    excepted = statement.get("NotAction")
    actions = tuple(sorted(texts_of(excepted or statement["Action"], template)))
    resources = {generic(text, stack) for text in texts_of(statement.get("Resource", "*"), template)}
    if section == ROLE_SECTIONS["promote-hub-StateMachineRole…"]:
        resources = {_of_any_step(resource) for resource in resources}
    return Statement(
        section=section,
        sid=generic(statement.get("Sid", ""), stack) or ", ".join(actions),
        actions=actions,
        resources=tuple(sorted(resources)),
        conditions=tuple(sorted(generic(text, stack) for text in conditions_of(statement, template))),
        subjects=subjects,
        effect=f"{statement['Effect']} all but" if excepted else statement["Effect"],
    )


def _of_any_step(resource: str) -> str:
    """Return a function's name without its step: the list of all says no more."""
    name = resource.removeprefix("Function ").removesuffix(":*")
    is_step = name in {resource_names.function(step) for step in Step}
    return resource.replace(name, f"{resource_names.PRODUCT}-<step>") if is_step else resource


def _policy_section(logical_id: str, resource: Mapping[str, Any]) -> str | None:
    """Return the section of a policy on a resource, or None. A policy of an unknown kind has no section: KeyError."""
    kind = resource["Type"]
    if kind in {"AWS::KMS::Key", "AWS::S3::BucketPolicy"}:
        return POLICY_SECTIONS[without_hash(logical_id)]
    if kind != "AWS::IAM::Policy" and "PolicyDocument" in resource.get("Properties", {}):
        return POLICY_SECTIONS[kind]
    return POLICY_SECTIONS.get(kind)


def _policy_document(resource: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return a policy's statements; a function's and a bus's policy is a resource for each statement."""
    properties = resource["Properties"]
    if resource["Type"] == "AWS::Lambda::Permission":
        condition = {"ArnLike": {"aws:SourceArn": properties["SourceArn"]}}
        return [
            {
                "Effect": "Allow",
                "Action": properties["Action"],
                "Principal": {"Service": properties["Principal"]},
                "Resource": properties["FunctionName"],
                "Condition": condition,
            }
        ]
    if resource["Type"] == "AWS::Events::EventBusPolicy":
        return [{"Sid": properties["StatementId"], **properties["Statement"]}]
    document = properties.get("PolicyDocument") or properties["KeyPolicy"]
    return list(document["Statement"])


def _of_type(template: Template, kind: str) -> Iterator[dict[str, Any]]:
    for resource in template["Resources"].values():
        if resource["Type"] == kind:
            yield resource
