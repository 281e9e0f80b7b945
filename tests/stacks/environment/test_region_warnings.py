"""The synthesis warns of a Region that a source's account may lack."""

from __future__ import annotations

import json
from pathlib import Path

import aws_cdk as cdk
import yaml

import app as promote
from tests import PROJECT


def warnings(tmp_path: Path, regions: dict[str, str]) -> list[str]:
    config = yaml.safe_load((PROJECT / "sandbox" / "demo" / "promotion.yaml").read_text())
    for environment, region in regions.items():
        config["environments"][environment]["region"] = region
    file = tmp_path / "promotion.yaml"
    file.write_text(yaml.safe_dump(config, sort_keys=False))
    app = cdk.App(outdir=str(tmp_path / "out"), context=json.loads((PROJECT / "cdk.json").read_text())["context"])
    promote.build(app, file)
    return [
        str(entry.data)
        for construct in app.node.find_all()
        for entry in construct.node.metadata
        if entry.type == "aws:cdk:warning" and "enable-" in str(entry.data)
    ]


def test_only_a_copy_into_a_region_that_must_be_enabled_is_a_warning(tmp_path: Path) -> None:
    (text,) = warnings(tmp_path, {"qa": "eu-south-2", "production": "eu-west-1"})
    assert "enable this Region for dev's account 222222222222 too" in text
