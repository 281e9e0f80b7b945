"""Stacks are protected from deletion on request only: a first deployment that fails must be deleted and repeated."""

from __future__ import annotations

import json
from pathlib import Path

from lambdas.promotion.contract import resource_names
from tests.stacks.synthesis import app_templates, demo_configuration


def protected(out: Path) -> dict[str, bool]:
    """What CDK sets for each stack, by its name: the cloud assembly says it, not the template."""
    artifacts = json.loads((out / "manifest.json").read_text())["artifacts"]
    return {
        name: artifact["properties"].get("terminationProtection", False)
        for name, artifact in artifacts.items()
        if artifact["type"] == "aws:cloudformation:stack"
    }


def test_only_the_stacks_that_the_configuration_names_are_protected(tmp_path: Path) -> None:
    """CDK deletes a stack whose creation failed before it deploys again, and cannot delete a protected one."""
    config = demo_configuration()
    for part in (config["hub"], config["environments"]["qa"]):
        part["termination_protection"] = True
    app_templates(tmp_path, config)
    chosen = {resource_names.hub_stack(), resource_names.environment_stack("qa")}
    others = {resource_names.environment_stack(name) for name in config["environments"]} - chosen
    assert others
    assert protected(tmp_path) == dict.fromkeys(chosen, True) | dict.fromkeys(others, False)
