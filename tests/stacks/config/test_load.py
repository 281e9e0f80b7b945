"""Files that look right and would fail, or go wrong, when they are deployed."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from stacks.config.load import load
from stacks.config.schema import ConfigurationError
from tests.stacks.config.test_schema import STAGES, VALID, changed, mistakes, stage

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
    line = len(text.splitlines()) + 1
    with pytest.raises(
        ConfigurationError, match=rf"promotion.yaml:{line}: 'hub' is there twice, first in line {line - 3}"
    ):
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


@pytest.mark.parametrize("text", ["a: [", "a: b: c", "\t- a", "\x00", 'a: "\\UFFFFFFFF"', "%YAML 9.9"])
def test_a_file_that_is_no_yaml_is_reported(tmp_path: Path, text: str) -> None:
    file = tmp_path / "promotion.yaml"
    file.write_text(text)
    with pytest.raises(ConfigurationError, match="is not YAML"):
        load(file)


@pytest.mark.parametrize(
    "value",
    ["2026-02-31", "2026-01-01T25:00:00Z", "!!bool x", "!!timestamp x", "!!int x", "1" * 5000, "0x" + "f" * 5000],
    ids=lambda value: value[:20],
)
def test_what_yaml_cannot_read_as_a_date_or_number_is_text_and_hides_no_other_mistake(
    tmp_path: Path, value: str
) -> None:
    file = tmp_path / "promotion.yaml"
    text = yaml.safe_dump(changed((f"{STAGES}.qa.deadline", "9h"), (f"{STAGES}.production.endpoint", "VALUE")))
    file.write_text(text.replace("VALUE", value))
    with pytest.raises(ConfigurationError) as report:
        load(file)
    paths = {line.split(": ")[1] for line in str(report.value).splitlines()[1:]}
    assert paths <= {f"{STAGES}.qa.deadline", f"{STAGES}.production.endpoint"}
    assert f"{STAGES}.qa.deadline" in paths


def test_half_a_character_is_reported_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "promotion.yaml"
    file.write_text('hub:\n  account: "\\uD800"\n')
    with pytest.raises(ConfigurationError, match=r"promotion.yaml:2: the text has half of a surrogate pair"):
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
