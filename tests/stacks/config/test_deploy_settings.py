"""The settings of the Lambdas take each field by its name from the file: no option is written down in between."""

from __future__ import annotations

from dataclasses import dataclass, fields

import pytest

from lambdas.promotion.contract import settings
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
