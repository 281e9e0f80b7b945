"""Every policy of every role is shorter than IAM allows, by the limits that its refusals name."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from typing import Any

from recordings import store

Template = dict[str, Any]
# The longest text that a reference may become: an ARN with the longest name of a role.
_REFERENCE = "x" * 100


def limit(key: str) -> int:
    """The number in a refusal of IAM."""
    (number,) = re.findall(r"\b\d{4,5}\b", store.recording(key).error["message"])
    return int(number)


def resolved(value: Any) -> Any:
    """A part of a template with a text in place of each reference."""
    if isinstance(value, list):
        return [resolved(item) for item in value]
    if not isinstance(value, dict):
        return value
    if "Fn::Join" in value:
        separator, parts = value["Fn::Join"]
        return separator.join(map(resolved, parts))
    if value.get("Ref") == "AWS::Partition":
        return "aws"
    if any(name == "Ref" or name.startswith("Fn::") for name in value):
        return _REFERENCE
    return {name: resolved(below) for name, below in value.items()}


def size(policy: Any) -> int:
    """IAM does not count white space."""
    return len(json.dumps(resolved(policy), separators=(",", ":")))


def policies(templates: dict[str, Template], kind: str) -> list[tuple[str, dict[str, Any]]]:
    return [
        (f"{stack} {logical_id}", resource["Properties"])
        for stack, template in templates.items()
        for logical_id, resource in template["Resources"].items()
        if resource["Type"] == kind
    ]


def test_the_trust_of_every_role_is_short_enough(templates: dict[str, Template]) -> None:
    longest = limit("iam/PolicyLimits/trust-policy-too-large")
    sizes = {name: size(role["AssumeRolePolicyDocument"]) for name, role in policies(templates, "AWS::IAM::Role")}
    assert len(sizes) > 10
    assert {name: length for name, length in sizes.items() if length > longest} == {}


def test_the_inline_policies_of_every_role_are_short_enough_together(templates: dict[str, Template]) -> None:
    longest = limit("iam/PolicyLimits/inline-policies-too-large")
    sizes: dict[str, int] = defaultdict(int)
    for name, role in policies(templates, "AWS::IAM::Role"):
        sizes[name] += sum(size(policy["PolicyDocument"]) for policy in role.get("Policies", []))
    for name, policy in policies(templates, "AWS::IAM::Policy"):
        for role in policy["Roles"]:
            sizes[f"{name.partition(' ')[0]} {role['Ref']}"] += size(policy["PolicyDocument"])
    assert max(sizes.values()) > 1000
    assert {name: length for name, length in sizes.items() if length > longest} == {}
