"""Whatever stands anywhere in promotion.yaml is accepted or reported, beside all other mistakes."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from stacks.config.load import parse
from stacks.config.schema import ConfigurationError
from tests.docs.test_configuration import COMPLETE, on_this_python
from tests.stacks.config.test_schema import REMOVED, STAGES, mistakes, stage

EXAMPLE = on_this_python(yaml.safe_load(COMPLETE.read_text()))
VALUES = [None, [], "text", 7, {"a": None}, REMOVED]
Path = tuple[str | int, ...]


def places(value: Any, path: Path = ()) -> Iterator[Path]:
    """Yield the path of each value in a file."""
    if path:
        yield path
    fields = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, part in fields:
        yield from places(part, (*path, name))


def with_value(path: Path, value: Any) -> dict[str, Any]:
    """Return the complete example with another value at a path, and with a mistake in the hub's Region."""
    changed = copy.deepcopy(EXAMPLE)
    part: Any = changed
    for name in path[:-1]:
        part = part[name]
    if value is REMOVED:
        del part[path[-1]]
    else:
        part[path[-1]] = copy.deepcopy(value)
    if isinstance(changed.get("hub"), dict):
        changed["hub"]["region"] = "here"
    return changed


@pytest.mark.parametrize("value", VALUES, ids=lambda value: "removed" if value is REMOVED else str(value))
def test_any_value_in_any_place_leaves_the_other_mistakes_reported(value: Any) -> None:
    for path in places(EXAMPLE):
        if path[0] == "hub" and len(path) < len(("hub", "region", "more")):
            continue
        with pytest.raises(ConfigurationError) as report:
            parse(with_value(path, value), file="promotion.yaml")
        assert "  hub.region: must be a Region such as us-east-1, not 'here'" in str(report.value), path
        assert "validation error" not in str(report.value), path


@pytest.mark.parametrize("value", [None, [], "text", 7, {}], ids=str)
def test_a_stage_that_is_none_is_reported_beside_the_others(value: Any) -> None:
    broken = stage(endpoint="under_score", environment="qa")
    reported = mistakes((f"{STAGES}.qa", value), (f"{STAGES}.blue", broken), ("hub.region", "here"))
    paths = [line.partition(":")[0] for line in reported]
    assert paths[0] == "hub.region"
    assert f"{STAGES}.blue.endpoint" in paths
    assert any(path.startswith(f"{STAGES}.qa") for path in paths)


def test_an_empty_stage_is_called_empty() -> None:
    assert mistakes((f"{STAGES}.qa", None)) == [f"{STAGES}.qa: must be a mapping, and is empty"]


def test_a_malformed_group_does_not_hide_what_its_stages_violate() -> None:
    reported = mistakes(("applications.reviews.model_package_group", None), (f"{STAGES}.qa.deadline", "9h"))
    assert [line.partition(":")[0] for line in reported] == [
        "applications.reviews.model_package_group",
        f"{STAGES}.qa.deadline",
    ]


@pytest.mark.parametrize("environments", [None, [], {}, "dev"], ids=str)
def test_environments_that_are_none_are_one_mistake(environments: Any) -> None:
    (mistake,) = mistakes(("environments", environments))
    assert mistake.startswith("environments: ")
