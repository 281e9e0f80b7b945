"""The settings of the Lambdas take each field by its name from the file: no option is written down in between."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import MISSING, dataclass, fields, is_dataclass
from typing import Any

import pytest

from lambdas.promotion.contract import settings, smoke_test_settings
from stacks.config.fields.settings_by_name import settings_from
from tests.stacks.config.test_schema import STAGES, parse


@dataclass(frozen=True)
class Retries:
    attempts: int

    def deployed(self) -> str:
        return f"at most {self.attempts}"


@dataclass(frozen=True)
class Part:
    retries: Retries | None = None
    tags: bool = False


@dataclass(frozen=True)
class Deployed:
    name: str
    retries: str | None = None
    tags: bool = True


def test_a_field_has_the_value_of_the_first_part_that_has_it() -> None:
    assert settings_from(Deployed, Retries(3), Part(), Part(tags=True), name="qa") == Deployed("qa", None, tags=False)


def test_a_part_with_settings_of_its_own_makes_them() -> None:
    assert settings_from(Deployed, Part(Retries(3)), name="qa").retries == "at most 3"


def test_a_field_that_no_part_of_the_file_has_is_refused_also_if_it_has_a_default() -> None:
    with pytest.raises(TypeError, match=r"Deployed\.retries is in no part of promotion\.yaml"):
        settings_from(Deployed, Retries(3), name="qa")


def test_an_option_of_a_stage_that_is_called_alike_needs_no_line_in_between() -> None:
    capacity_retries = {"max_attempts": 2, "wait": "10m"}
    stage = parse((f"{STAGES}.qa.capacity_retries", capacity_retries)).deployed().applications["reviews"].stages["qa"]
    assert stage.capacity_retries == settings.CapacityRetries(max_attempts=2, wait_seconds=600)
    assert "capacity_retries" in {field.name for field in fields(settings.Stage)}


# Settings whose default is no option's: which of the payload's fields is set depends on the file.
NO_OPTIONS = {smoke_test_settings.Payload}


def instances(value: Any) -> Iterator[Any]:
    """Yield the settings in a value, at any depth."""
    if is_dataclass(value):
        yield value
        for part in fields(value):
            yield from instances(getattr(value, part.name))
    elif isinstance(value, dict):
        yield from (part for below in value.values() for part in instances(below))
    elif isinstance(value, tuple):
        yield from (part for below in value for part in instances(below))


def default_of(part: Any) -> Any:
    return part.default_factory() if part.default_factory is not MISSING else part.default


def test_what_the_file_leaves_out_has_the_same_default_in_the_settings() -> None:
    """A document of another version of Promote lacks a field: it then has the default of the dataclass."""
    required = {
        f"{STAGES}.qa.smoke_test": {"payload": "x", "content_type": "text/csv"},
        f"{STAGES}.qa.autoscaling": {"All": {"min": 1, "max": 2}},
        f"{STAGES}.qa.variants.0.instance_type": "ml.m5.large",
        f"{STAGES}.qa.preview": "instance",
    }
    deployed = [each for each in instances(parse(*required.items()).deployed()) if type(each) not in NO_OPTIONS]
    kinds = {type(each) for each in deployed}
    stages = [each for each in deployed if isinstance(each, settings.Stage)]
    written = {"smoke_tests", "autoscaling", "preview"}  # by this test
    different = [
        (type(each).__name__, part.name, getattr(each, part.name), default_of(part))
        for each in deployed
        for part in fields(each)
        if default_of(part) is not MISSING
        and getattr(each, part.name) != default_of(part)
        and not (each is stages[0] and part.name in written)
    ]
    assert different == []
    assert {settings.Hub, settings.Variables, settings.Scaling, settings.Preview} <= kinds
    assert {smoke_test_settings.SmokeTest, smoke_test_settings.Expectation} <= kinds
