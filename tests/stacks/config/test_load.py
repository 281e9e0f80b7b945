"""Files that look right and would fail, or go wrong, when they are deployed."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from stacks.config.load import load
from stacks.config.schema import ConfigurationError
from tests.stacks.config.test_schema import STAGES, VALID, mistakes, stage

TWIN = {"account": "333333333333", "region": "us-east-1"}


def test_an_endpoint_belongs_to_one_stage_also_if_its_account_has_two_names() -> None:
    twin = stage(environment="qa-twin", endpoint="reviews-qa")
    assert mistakes(("environments.qa-twin", TWIN), (f"{STAGES}.twin", twin))


def test_an_approval_starts_one_application_also_if_its_account_has_two_names() -> None:
    twin = {"account": "222222222222", "region": "us-east-1"}
    other = {"model_package_group": "reviews", "stages": {"qa": stage(**{"from": "dev-twin", "endpoint": "other"})}}
    assert mistakes(("environments.dev-twin", twin), ("applications.other", other))


def test_no_environment_is_called_hub() -> None:
    assert mistakes(("environments.hub", {"account": "555555555555", "region": "us-east-1"}))


@pytest.mark.parametrize("region", ["cn-north-1", "us-gov-west-1", "us-iso-east-1"])
def test_a_region_of_another_partition_is_refused(region: str) -> None:
    assert mistakes(("environments.production.region", region))


def test_a_duplicate_name_is_reported(tmp_path: Path) -> None:
    file = tmp_path / "promotion.yaml"
    text = yaml.safe_dump(VALID)
    file.write_text(text + "hub:\n  account: '999999999999'\n  region: us-east-1\n")
    with pytest.raises(ConfigurationError, match="hub"):
        load(file)


def test_only_the_documented_name_of_a_field_is_accepted() -> None:
    renamed = stage(source="dev")
    del renamed["from"]
    assert mistakes((f"{STAGES}.qa", renamed))


def test_a_file_that_is_no_text_is_reported(tmp_path: Path) -> None:
    file = tmp_path / "promotion.yaml"
    file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigurationError):
        load(file)


@pytest.mark.parametrize("text", ["a: [", "a: b: c", "\t- a", "!!python/object:os.system {}"])
def test_a_file_that_is_no_yaml_is_reported(tmp_path: Path, text: str) -> None:
    file = tmp_path / "promotion.yaml"
    file.write_text(text)
    with pytest.raises(ConfigurationError, match="is not YAML"):
        load(file)


def test_a_missing_file_is_reported(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read: No such file"):
        load(tmp_path / "promotion.yaml")


def test_two_targets_whose_names_differ_by_a_hyphen_only_are_refused() -> None:
    """IAM wants statement ids to be unique in a policy; the copier's are made of the targets' names."""
    places = {name: {"account": "555555555555", "region": "us-east-1"} for name in ("qa1", "qa-1")}
    stages = {name: stage(endpoint=name) for name in places}
    assert mistakes(
        *((f"environments.{name}", place) for name, place in places.items()),
        *((f"{STAGES}.{name}", qa_stage) for name, qa_stage in stages.items()),
    )
