"""The synthesis warns of a Region that a source's account may lack."""

from __future__ import annotations

import json
from pathlib import Path

import aws_cdk as cdk
import pytest
import yaml

import app as promote
from tests import PROJECT


def warnings(tmp_path: Path, region: str) -> list[str]:
    config = yaml.safe_load((PROJECT / "sandbox" / "demo" / "promotion.yaml").read_text())
    config["environments"]["qa"]["region"] = region
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


@pytest.mark.parametrize(("region", "warned"), [("eu-west-1", 0), ("eu-south-2", 1)])
def test_a_copy_into_a_region_that_must_be_enabled_is_a_warning(tmp_path: Path, region: str, warned: int) -> None:
    found_warnings = warnings(tmp_path, region)
    assert len(found_warnings) == warned
    for text in found_warnings:
        assert "enable this Region for dev's account 222222222222 too" in text
