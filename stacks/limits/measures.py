"""How large each part of a template is, by the limit that AWS sets to it."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from stacks.limits import table
from stacks.limits.references import Resolver
from stacks.limits.table import Limit

Properties = Mapping[str, Any]
# What a statement of a function's policy has beside the values of its AWS::Lambda::Permission.
_PERMISSION = 250


@dataclass(frozen=True)
class Measure:
    """The size of a resource, or of what several resources add to one: `resource` is its name, or its logical id."""

    resource: str
    limit: Limit
    size: int


def measures(stack: str, account: str, region: str, template: Mapping[str, Any]) -> Iterator[Measure]:
    """Yield every measure of a stack. A reference counts as the longest text that it can resolve to."""
    resolver = Resolver(stack, account, region, template)
    resources = {
        logical_id: {"Type": resource["Type"], "Properties": resolver.resolve(resource.get("Properties", {}))}
        for logical_id, resource in template.get("Resources", {}).items()
    }
    yield from _of_stack(stack, template)
    for logical_id, resource in resources.items():
        yield Measure(logical_id, table.LOGICAL_ID, len(logical_id))
        yield from _of_resource(logical_id, resource["Type"], resource["Properties"])
    yield from _of_roles(resources, resolver)
    yield from _of_several(resources)


def _of_stack(stack: str, template: Mapping[str, Any]) -> Iterator[Measure]:
    yield Measure(stack, table.STACK_NAME, len(stack))
    yield Measure(stack, table.TEMPLATE, len(json.dumps(template, indent=1).encode()))  # as CDK writes it
    yield Measure(stack, table.DESCRIPTION, len(template.get("Description", "").encode()))
    for section, limit in (
        ("Resources", table.RESOURCES),
        ("Outputs", table.OUTPUTS),
        ("Parameters", table.PARAMETERS),
        ("Mappings", table.MAPPINGS),
    ):
        yield Measure(stack, limit, len(template.get(section, {})))
    for name, mapping in template.get("Mappings", {}).items():
        yield Measure(name, table.MAPPING_ATTRIBUTES, max(map(len, mapping.values()), default=0))


def _of_resource(logical_id: str, kind: str, properties: Properties) -> Iterator[Measure]:
    name = _named(logical_id, kind, properties)
    if kind in table.NAMES:
        named_by, limit = table.NAMES[kind]
        yield Measure(name, limit, len(properties.get(named_by, "")))
    yield Measure(name, table.TAGS, len(properties.get("Tags", ())))
    for limit, size in _MEASURED.get(kind, {}).items():
        yield Measure(name, limit, size(properties))
    if kind == "AWS::SSM::Parameter":
        advanced = properties.get("Tier") == "Advanced"
        limit = table.ADVANCED_PARAMETER if advanced else table.PARAMETER
        yield Measure(name, limit, _bytes(properties.get("Value")))


def _named(logical_id: str, kind: str, properties: Properties) -> str:
    named_by = table.NAMES[kind][0] if kind in table.NAMES else ""
    return str(properties.get(named_by) or logical_id)


def _characters(value: Any) -> int:
    """Of a document, without white space, which IAM does not count."""
    if value is None:
        return 0
    return len(value if isinstance(value, str) else json.dumps(value, separators=(",", ":")))


def _bytes(value: Any) -> int:
    if value is None:
        return 0
    text = value if isinstance(value, str) else json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return len(text.encode())


def _count(value: Any) -> int:
    return len(value or ())


def _statements(properties: Properties) -> int:
    statements = properties["PolicyDocument"]["Statement"]
    return len(statements) if isinstance(statements, list) else 1


def _bytes_of_variables(properties: Properties) -> int:
    variables = properties.get("Environment", {}).get("Variables", {})
    return sum(_bytes(name) + _bytes(value) for name, value in variables.items())


def _longest_action_list(properties: Properties) -> int:
    return max(_count(properties.get(actions)) for actions in ("AlarmActions", "OKActions", "InsufficientDataActions"))


def _dashboard_metrics(properties: Properties) -> int:
    body = json.loads(properties.get("DashboardBody", '{"widgets": []}'))
    return sum(_count(widget.get("properties", {}).get("metrics")) for widget in body["widgets"])


def _longest_input_template(properties: Properties) -> int:
    transformers = (target.get("InputTransformer", {}) for target in properties.get("Targets", ()))
    return max((_characters(transformer.get("InputTemplate")) for transformer in transformers), default=0)


def _of(name: str, size: Callable[[Any], int]) -> Callable[[Properties], int]:
    return lambda properties: size(properties.get(name))


# Of each type, what of its properties a limit holds for.
_MEASURED: dict[str, dict[Limit, Callable[[Properties], int]]] = {
    "AWS::CloudWatch::Alarm": {
        table.ALARM_DESCRIPTION: _of("AlarmDescription", _characters),
        table.ALARM_ACTIONS: _longest_action_list,
    },
    "AWS::CloudWatch::Dashboard": {
        table.DASHBOARD: _of("DashboardBody", _bytes),
        table.DASHBOARD_METRICS: _dashboard_metrics,
    },
    "AWS::Events::Rule": {
        table.EVENT_PATTERN: _of("EventPattern", _characters),
        table.RULE_TARGETS: _of("Targets", _count),
        table.INPUT_TEMPLATE: _longest_input_template,
    },
    "AWS::IAM::ManagedPolicy": {table.MANAGED_POLICY: _of("PolicyDocument", _characters)},
    "AWS::IAM::Role": {
        table.TRUST_POLICY: _of("AssumeRolePolicyDocument", _characters),
        table.ROLE_DESCRIPTION: _of("Description", _characters),
    },
    "AWS::KMS::Key": {table.KEY_POLICY: _of("KeyPolicy", _bytes)},
    "AWS::Lambda::Function": {
        table.VARIABLES: _bytes_of_variables,
        table.FUNCTION_DESCRIPTION: _of("Description", _characters),
    },
    "AWS::Logs::ResourcePolicy": {table.LOG_POLICY: _of("PolicyDocument", _characters)},
    "AWS::S3::BucketPolicy": {table.BUCKET_POLICY: _of("PolicyDocument", _bytes)},
    "AWS::SNS::Subscription": {table.FILTER_POLICY: _of("FilterPolicy", _bytes)},
    "AWS::SNS::TopicPolicy": {table.TOPIC_POLICY: _of("PolicyDocument", _bytes)},
    "AWS::SQS::QueuePolicy": {table.QUEUE_STATEMENTS: _statements},
    "AWS::StepFunctions::StateMachine": {table.DEFINITION: _of("DefinitionString", _bytes)},
}


def _of_roles(resources: Mapping[str, Any], resolver: Resolver) -> Iterator[Measure]:
    """Yield what is attached to each role of the stack, by the role's name."""
    inline: dict[str, int] = defaultdict(int)
    managed: dict[str, int] = defaultdict(int)
    for logical_id, resource in resources.items():
        properties = resource["Properties"]
        if resource["Type"] == "AWS::IAM::Role":
            name = resolver.resolve({"Ref": logical_id})
            inline[name] += sum(_characters(policy["PolicyDocument"]) for policy in properties.get("Policies", ()))
            managed[name] += len(properties.get("ManagedPolicyArns", ()))
        for role in properties.get("Roles", ()):
            if resource["Type"] == "AWS::IAM::Policy":
                inline[role] += _characters(properties["PolicyDocument"])
            if resource["Type"] == "AWS::IAM::ManagedPolicy":
                managed[role] += 1
    yield from (Measure(role, table.INLINE_POLICIES, size) for role, size in inline.items())
    yield from (Measure(role, table.MANAGED_POLICIES, size) for role, size in managed.items())


def _of_several(resources: Mapping[str, Any]) -> Iterator[Measure]:
    """Yield what several resources add up to: the rules and the policy of a bus, a function's policy, the aliases."""
    rules: dict[str, int] = defaultdict(int)
    bus_policies: dict[str, int] = defaultdict(int)
    function_policies: dict[str, int] = defaultdict(int)
    aliases = 0
    for resource in resources.values():
        kind, properties = resource["Type"], resource["Properties"]
        if kind == "AWS::Events::Rule":
            rules[str(properties.get("EventBusName", "default"))] += 1
        elif kind == "AWS::Events::EventBusPolicy":
            bus_policies[str(properties.get("EventBusName", "default"))] += _characters(properties.get("Statement"))
        elif kind == "AWS::Lambda::Permission":
            function_policies[str(properties["FunctionName"])] += _PERMISSION + _bytes(properties)
        elif kind == "AWS::StepFunctions::StateMachineAlias":
            aliases += 1
    yield from (Measure(bus, table.RULES, size) for bus, size in rules.items())
    yield from (Measure(bus, table.BUS_POLICY, size) for bus, size in bus_policies.items())
    yield from (Measure(function, table.FUNCTION_POLICY, size) for function, size in function_policies.items())
    yield Measure("the state machine", table.ALIASES, aliases)
