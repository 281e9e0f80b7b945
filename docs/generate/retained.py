"""docs/reference/retained.md: what stays when a stack is deleted, by the deletion policies of the templates."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from docs.generate import example_templates
from docs.generate.intrinsics import without_hash
from docs.generate.markdown import code, header, table
from lambdas.promotion.contract import resource_names
from stacks.limits.table import NAMES

_INTRODUCTION = (
    "What CloudFormation retains when it deletes a stack or replaces a resource, by the deletion policies of the "
    "templates. Everything else is deleted with its stack. Whatever an operation that fails has created is deleted. "
    "[How to delete and deploy again](../deployment.md#delete)."
)
_HUB = resource_names.hub_stack()


def render() -> str:
    rows = sorted({row for stack in example_templates.templates() for row in _rows(stack)})
    return f"{header('What is retained', __name__, _INTRODUCTION)}\n{table(('stack', 'type', 'names'), _merged(rows))}"


def _merged(rows: list[tuple[str, str, str]]) -> Iterator[tuple[str, str, str]]:
    for stack, kind in dict.fromkeys((stack, kind) for stack, kind, _ in rows):
        yield code([stack]), code([kind]), code(name for *of, name in rows if of == [stack, kind])


def _rows(stack: str) -> Iterator[tuple[str, str, str]]:
    template = example_templates.templates()[stack]
    for logical_id, resource in template["Resources"].items():
        if resource.get("DeletionPolicy", "Delete") != "Delete":
            yield _general(stack, stack), resource["Type"], _general(stack, _name(logical_id, template))


def _name(logical_id: str, template: dict[str, Any]) -> str:
    resource = template["Resources"][logical_id]
    if resource["Type"] == "AWS::Lambda::Version":  # its logical id is that of its content
        function = template["Resources"][resource["Properties"]["FunctionName"]["Ref"]]
        return f"{function['Properties']['FunctionName']}:<version>"
    named_by, _ = NAMES.get(resource["Type"], ("", None))
    return without_hash(str(resource.get("Properties", {}).get(named_by) or logical_id))


def _general(stack: str, name: str) -> str:
    """The name with placeholders for what differs between deployments."""
    config, environment = example_templates.configuration(), stack.removeprefix(f"{resource_names.PRODUCT}-")
    scope = config["hub"] if stack == _HUB else config["environments"][environment]
    if stack != _HUB:
        name = name.replace(stack, resource_names.environment_stack("<environment>"))
    return name.replace(scope["account"], "<account>").replace(scope["region"], "<region>")
