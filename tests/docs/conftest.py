"""What the pages are compared with: the pages' text and the synthesised templates."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest

import app as promote

PROJECT = Path(__file__).parents[2]
Template = dict[str, Any]


@pytest.fixture(scope="session")
def templates(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Template]:
    """The template of each stack of promotion.yaml, by the stack's name."""
    out = tmp_path_factory.mktemp("cdk.out")
    app = cdk.App(outdir=str(out), context=json.loads((PROJECT / "cdk.json").read_text())["context"])
    promote.build(app, PROJECT / "promotion.yaml")
    app.synth()
    return {file.name.split(".")[0]: json.loads(file.read_text()) for file in out.glob("*.template.json")}
