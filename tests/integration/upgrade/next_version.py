"""A next version of Promote: a renamed field of the document, a renamed state, and a state whose step is gone."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lambdas.promotion.contract.resource_names import hub_stack
from lambdas.promotion.contract.settings import Settings
from stacks.hub import bundle
from tests.integration.world import OWN, World, zipped

# In every step's code, and in the definition: each document has the one, and a change of an endpoint the other.
FIELDS = {"desired_model": "model_to_create", "poll_count": "polls_so_far"}
STATES = {"Wait for the endpoint": "Await the endpoint"}
REMOVED_STATE, REMOVED_STEP = "Resume scaling", "resume_scaling"

Resources = dict[str, dict[str, Any]]


class Deployments:
    """Deploys the hub's stack as CloudFormation gets it from the CDK, with another bundle and another template."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._cloudformation = world.client("cloudformation")
        body = self._cloudformation.get_template(StackName=hub_stack())["TemplateBody"]
        self._template: dict[str, Any] = json.loads(body) if isinstance(body, str) else body

    @contextmanager
    def next_version(self, settings: Settings) -> Iterator[None]:
        """Deploy the next version; then the present one again."""
        code = zipped(folder := bundle.build(settings), _next_code(folder))
        bucket = f"cdk-hnb659fds-assets-{self._world.sandbox.accounts['hub']}-us-east-1"
        key = f"{hashlib.sha256(code).hexdigest()}.zip"
        self._world.client("s3").put_object(Bucket=bucket, Key=key, Body=code)
        self._deploy(_next_template(self._template, {"S3Bucket": bucket, "S3Key": key}))
        try:
            yield
        finally:
            self._deploy(self._template)

    def _deploy(self, template: dict[str, Any]) -> None:
        bucket = f"cdk-hnb659fds-assets-{self._world.sandbox.accounts['hub']}-us-east-1"
        self._world.client("s3").put_object(Bucket=bucket, Key="hub.json", Body=json.dumps(template).encode())
        self._cloudformation.update_stack(
            StackName=hub_stack(),
            TemplateURL=f"https://s3.us-east-1.amazonaws.com/{bucket}/hub.json",
            Capabilities=["CAPABILITY_NAMED_IAM"],
        )
        self._cloudformation.get_waiter("stack_update_complete").wait(
            StackName=hub_stack(), WaiterConfig={"Delay": 1, "MaxAttempts": 60}
        )


def _next_code(folder: Path) -> dict[str, str]:
    """The texts of the files that the next version changes."""
    texts = {file.relative_to(folder).as_posix(): file.read_text() for file in (folder / OWN).rglob("*.py")}
    changed = {name: _renamed(text) for name, text in texts.items() if _renamed(text) != text}
    return {**changed, f"{OWN}/handlers/{REMOVED_STEP}.py": "raise ImportError('The step is gone.')\n"}


def _renamed(text: str) -> str:
    for old, new in FIELDS.items():
        text = re.sub(rf"\b{old}\b", new, text)
    return text


def _next_template(template: dict[str, Any], code: dict[str, str]) -> dict[str, Any]:
    resources: Resources = template["Resources"]
    versions = [name for name, resource in resources.items() if resource["Type"] == "AWS::Lambda::Version"]
    # Another code has another version, which is another resource.
    text = re.sub("|".join(versions), lambda match: f"{match[0]}Next", json.dumps(template))
    following: dict[str, Any] = json.loads(text)
    for resource in following["Resources"].values():
        if resource["Type"] == "AWS::Lambda::Function" and "FunctionName" in resource["Properties"]:
            resource["Properties"]["Code"] = code
        if resource["Type"] == "AWS::StepFunctions::StateMachine":
            joined = resource["Properties"]["DefinitionString"]["Fn::Join"]
            joined[1] = _next_definition(joined[1])
    return following


def _next_definition(parts: list[Any]) -> list[Any]:
    references = [part for part in parts if not isinstance(part, str)]
    marks = iter(f"@@{number}@@" for number in range(len(references)))
    definition = json.loads(_renamed("".join(part if isinstance(part, str) else next(marks) for part in parts)))
    states = definition["States"]
    then = states.pop(REMOVED_STATE)["Next"]
    text = json.dumps(definition).replace(f'"Next": "{REMOVED_STATE}"', f'"Next": "{then}"')
    for old, new in STATES.items():
        text = text.replace(f'"{old}"', f'"{new}"')
    pieces = re.split(r"@@(\d+)@@", text)
    return [references[int(piece)] if number % 2 else piece for number, piece in enumerate(pieces)]
