"""The synthesised templates of a configuration, with cdk-nag attached: an unaccepted finding fails here."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import yaml
from cdk_nag import AwsSolutionsChecks

import app as promote
from stacks.config.load import load
from stacks.environment.environment_stack import EnvironmentStack
from tests import PROJECT

Template = dict[str, Any]


def app_templates(out: Path, config: Path | Mapping[str, Any]) -> dict[str, Template]:
    """Return the templates of the whole app by the stacks' names."""
    app = new_app(out)
    promote.build(app, configuration_file(out, config))
    return _synthesised(app, out)


def environment_templates(out: Path, config: Path | Mapping[str, Any]) -> dict[str, Template]:
    """Return the templates of the environments only: they need no bundle and no state machine, which take longest."""
    app = new_app(out)
    settings = load(configuration_file(out, config))
    for name in settings.environments:
        EnvironmentStack(app, name, settings)
    return _synthesised(app, out)


def new_app(out: Path) -> cdk.App:
    app = cdk.App(outdir=str(out), context=json.loads((PROJECT / "cdk.json").read_text())["context"])
    cdk.Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    return app


def configuration_file(out: Path, config: Path | Mapping[str, Any]) -> Path:
    if isinstance(config, Path):
        return config
    file = out / "promotion.yaml"
    file.write_text(yaml.safe_dump(dict(config), sort_keys=False))
    return file


def demo_configuration() -> dict[str, Any]:
    """Return the demo's promotion.yaml, to be changed."""
    config: dict[str, Any] = yaml.safe_load((PROJECT / "sandbox" / "demo" / "promotion.yaml").read_text())
    return config


def _synthesised(app: cdk.App, out: Path) -> dict[str, Template]:
    promote.synthesise(app)
    return {file.name.split(".")[0]: json.loads(file.read_text()) for file in out.glob("*.template.json")}
