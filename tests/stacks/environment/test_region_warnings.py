"""The synthesis warns of a Region that a source's account may lack."""

from __future__ import annotations

from pathlib import Path

from stacks.config.load import load
from stacks.environment.environment_stack import EnvironmentStack
from tests.stacks.synthesis import configuration_file, demo_configuration, new_app


def warnings(tmp_path: Path, regions: dict[str, str]) -> list[str]:
    config = demo_configuration()
    for environment, region in regions.items():
        config["environments"][environment]["region"] = region
    settings = load(configuration_file(tmp_path, config))
    app = new_app(tmp_path)
    for name in settings.environments:
        EnvironmentStack(app, name, settings)
    return [
        str(entry.data)
        for construct in app.node.find_all()
        for entry in construct.node.metadata
        if entry.type == "aws:cdk:warning" and "enable-" in str(entry.data)
    ]


def test_only_a_copy_into_a_region_that_must_be_enabled_is_a_warning(tmp_path: Path) -> None:
    (text,) = warnings(tmp_path, {"qa": "eu-south-2", "production": "eu-west-1"})
    assert "enable this Region for dev's account 222222222222 too" in text
