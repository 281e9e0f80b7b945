"""Files that are included, and defaults."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator
from referencing import Registry, Resource

from docs.generate import configuration as generated
from tests.stacks.config.file.texts import APPLICATIONS, HEAD, loaded, report

INCLUDE = "include: applications/*.yaml\n"
OTHER = APPLICATIONS.replace("reviews", "ranking")
DEFAULTS = """\
defaults:
  application: { copy_images: true }
  stage:
    deadline: 20m
    when_locked: refuse
    variants: [{ name: A, instance_type: ml.m5.large, initial_instance_count: 1 }]
  stages: { qa: { from: dev, deadline: 30m } }
"""
SHORT = """\
applications:
  reviews:
    model_package_group: reviews
    defaults: { network_isolation: true }
    stages:
      qa: { endpoint: reviews }
      blue: { from: dev, environment: qa, endpoint: blue, when_locked: null, deadline: 40m }
"""


def test_included_files_bring_applications_and_environments(tmp_path: Path) -> None:
    more = APPLICATIONS + 'environments: { production: { account: "444444444444", region: eu-west-1 } }\n'
    configuration = loaded(tmp_path, HEAD + INCLUDE, b=OTHER, a=more)
    assert list(configuration.applications) == ["reviews", "ranking"]
    assert list(configuration.environments) == ["dev", "qa", "production"]


def test_a_mistake_has_the_file_in_which_it_is(tmp_path: Path) -> None:
    reported = report(tmp_path, HEAD + INCLUDE, a=APPLICATIONS.replace("dev", "dve"), b="applications: [")
    assert [mistake.partition(": ")[0] for mistake in reported] == ["applications/a.yaml:6", "applications/b.yaml:1"]


def test_a_name_in_two_files_is_refused_with_both_lines(tmp_path: Path) -> None:
    assert report(tmp_path, HEAD + INCLUDE, a=APPLICATIONS, b="\n" + APPLICATIONS) == [
        "applications/b.yaml:3: applications.reviews: is also in applications/a.yaml:2"
    ]


@pytest.mark.parametrize(
    ("pattern", "sentence"),
    [
        ("../*.yaml", "must be a path below this file's folder"),
        ("/etc/*.yaml", "must be a path below this file's folder"),
        ("aplications/*.yaml", "matches no file; did you mean 'applications/a.yaml'?"),
        ("'*.yaml'", "matches this file itself"),
        ("link/*", "a link that leads out of this file's folder"),
        ("'a**b/**c'", ""),
        ('"\\0"', "must be a path below"),
        ("''", "must be a path below"),
    ],
)
def test_a_pattern_that_leads_nowhere_is_refused(tmp_path: Path, pattern: str, sentence: str) -> None:
    folder, outside = tmp_path / "project", tmp_path / "outside"
    outside.mkdir()
    folder.mkdir()
    (outside / "x.yaml").write_text("{}")
    (folder / "link").symlink_to(outside)
    mistakes = report(folder, f"include: {pattern}\n{HEAD}applications: {{}}\n", a="{}")
    assert mistakes[0].startswith("promotion.yaml:1: include: ")
    assert sentence in mistakes[0]


@pytest.mark.parametrize("field", ["include: b.yaml", "hub: {}", "defaults: {}", "aplications: {}"])
def test_an_included_file_has_environments_and_applications_only(tmp_path: Path, field: str) -> None:
    (mistake,) = report(tmp_path, HEAD + INCLUDE, a=APPLICATIONS + field)
    assert mistake.startswith(f"applications/a.yaml:9: {field.partition(':')[0]}: an included file has")


def test_a_file_that_two_patterns_match_is_read_once(tmp_path: Path) -> None:
    include = "include: [applications/a.yaml, applications/*.yaml]\n"
    (tmp_path / "applications").mkdir()
    (tmp_path / "applications" / "b.yaml").symlink_to("a.yaml")
    assert list(loaded(tmp_path, HEAD + include, a=APPLICATIONS).applications) == ["reviews"]


def test_the_nearest_default_wins_and_null_leaves_it_out(tmp_path: Path) -> None:
    application = loaded(tmp_path, HEAD + DEFAULTS + SHORT).applications["reviews"]
    qa, blue = application.stages["qa"], application.stages["blue"]
    assert application.copy_images
    assert (qa.source, qa.deadline, qa.when_locked, qa.network_isolation) == ("dev", "30m", "refuse", True)
    assert (blue.deadline, blue.when_locked, blue.network_isolation) == ("40m", "wait", True)


def test_a_mistake_in_a_default_is_reported_once_where_it_is(tmp_path: Path) -> None:
    reported = report(tmp_path, HEAD + DEFAULTS.replace("refuse", "refused").replace("30m", "30") + SHORT)
    places = [mistake.split(": ")[:2] for mistake in reported]
    assert places == [
        ["promotion.yaml:9", "defaults.stage.when_locked"],
        ["promotion.yaml:11", "defaults.stages.qa.deadline"],
    ]
    assert "did you mean 'refuse'? (also applications.reviews.stages.qa.when_locked)" in reported[0]


def test_a_default_that_nothing_takes_is_checked_too(tmp_path: Path) -> None:
    text = (
        HEAD + "defaults: { stage: { deadlin: 1h }, stages: { qaa: {} }, application: { stage: {} } }\n" + APPLICATIONS
    )
    reported = report(tmp_path, text)
    assert [mistake.split(": ", 1)[1].partition(" (also")[0] for mistake in reported] == [
        "defaults.application.stage: there is no such field; did you mean 'stages'?",
        "defaults.stage.deadlin: there is no such field; did you mean 'deadline'?",
        "defaults.stages.qaa: no application has a stage of this name; did you mean 'qa'?",
    ]


def errors(schema: dict[str, Any], text: str) -> list[str]:
    resource = Resource.from_contents(generated.json_schema())
    registry = Registry().with_resource(generated.SCHEMA.name, resource)
    validator = Draft202012Validator(schema, registry=registry)
    return [error.message for error in validator.iter_errors(yaml.safe_load(text))]


def test_an_editor_checks_both_kinds_of_files() -> None:
    whole, part = generated.json_schema(), generated.part_schema()
    assert errors(whole, HEAD + DEFAULTS + SHORT) == []
    assert errors(whole, HEAD + INCLUDE) == []
    assert errors(part, SHORT) == []
    without = "".join(line for line in SHORT.splitlines(True) if "defaults" not in line and "blue" not in line)
    assert sorted(errors(whole, HEAD + without)) == [
        f"{field!r} is a required property" for field in ("from", "variants")
    ]
    assert errors(part, without) == []
    assert errors(whole, HEAD) == ["'applications' is a required property"]
    assert errors(whole, HEAD + DEFAULTS.replace("20m", "soon") + SHORT)
    assert errors(part, SHORT.replace("40m", "soon"))
    assert errors(part, SHORT + "hub: {}\n")
