"""A source's account needs the Region of each target that it copies into."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from stacks.config import required_regions
from stacks.config.load import load
from tests import PROJECT


def region_to_enable(tmp_path: Any, qa: str, dev: str = "us-east-1", **more: dict[str, Any]) -> str | None:
    config = yaml.safe_load((PROJECT / "sandbox" / "demo" / "promotion.yaml").read_text())
    config["environments"]["dev"]["region"], config["environments"]["qa"]["region"] = dev, qa
    config["environments"] |= more
    file = tmp_path / "promotion.yaml"
    file.write_text(yaml.safe_dump(config, sort_keys=False))
    return required_regions.to_enable(load(file), "dev", "qa")


@pytest.mark.parametrize(
    ("qa", "dev", "region"),
    [
        ("us-east-1", "us-east-1", None),
        ("eu-west-1", "us-east-1", None),
        ("eu-west-1", "eu-south-2", None),
        ("eu-south-2", "us-east-1", "eu-south-2"),
        ("eu-south-2", "me-central-1", "eu-south-2"),
        ("eu-south-2", "eu-south-2", None),
    ],
)
def test_a_region_that_is_not_enabled_by_default_is_named(tmp_path: Any, qa: str, dev: str, region: str | None) -> None:
    assert region_to_enable(tmp_path, qa, dev) == region


def test_an_account_that_is_used_in_the_region_has_it(tmp_path: Any) -> None:
    other = {"account": "222222222222", "region": "eu-south-2"}
    assert region_to_enable(tmp_path, "eu-south-2", other=other) is None
