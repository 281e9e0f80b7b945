"""What the pages are compared with: the pages' text and the synthesised templates."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
import yaml

import app as promote

PROJECT = Path(__file__).parents[2]
Template = dict[str, Any]


@pytest.fixture(scope="session")
def templates(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Template]:
    """The template of each stack of promotion.yaml by the stack's name, with what brings rights of its own."""
    out = tmp_path_factory.mktemp("cdk.out")
    config = yaml.safe_load((PROJECT / "promotion.yaml").read_text())
    for application in config["applications"].values():
        application |= {"copy_images": True, "copy_tags": True, "copy_annotations": True}
        for stage in application["stages"].values():
            stage["vpc"] = {"security_group_ids": ["sg-0123456789abcdef0"], "subnets": ["subnet-0123456789abcdef0"]}
    file = out / "promotion.yaml"
    file.write_text(yaml.safe_dump(config, sort_keys=False))
    app = cdk.App(outdir=str(out), context=json.loads((PROJECT / "cdk.json").read_text())["context"])
    promote.build(app, file)
    app.synth()
    return {file.name.split(".")[0]: json.loads(file.read_text()) for file in out.glob("*.template.json")}
