"""promotion.yaml: each option describes itself, the generated files are up to date, and the examples are true."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator
from pydantic import BaseModel

from docs.generate import configuration as generated
from stacks.config.fields.field_types import StrictModel
from stacks.config.fields.option import EFFECT_OF_CHANGE
from stacks.config.load import load, parse
from stacks.config.schema import ConfigurationError, Hub
from stacks.config.topology import Configuration
from stacks.hub import bundle
from tests import PROJECT
from tests.docs import pages

PAGE = pages.text_of("configuration.md")
REFERENCE = pages.text_of("reference/configuration.md")
COMPLETE = pages.DOCS / "reference" / "complete.promotion.yaml"
MISTAKES = "<!-- mistakes.yaml -->"
FILES = (
    PROJECT / "promotion.yaml",
    PROJECT / "sandbox" / "demo" / "promotion.yaml",
    PROJECT / "tests" / "integration" / "promotion.yaml",
    COMPLETE,
)
SCHEMA = generated.json_schema()


def models(parent: type[BaseModel] = StrictModel) -> Iterator[type[BaseModel]]:
    """Yield the parts of the file. A class without a title is a base of some: its fields are theirs."""
    for model in parent.__subclasses__():
        if model.__module__.startswith("stacks.config"):
            if "title" in vars(model).get("model_config", {}):
                yield model
            yield from models(model)


MODELS = tuple(sorted(set(models()), key=lambda model: model.__name__))
TITLES = [str(model.model_config["title"]) for model in MODELS]


def fields(model: type[BaseModel]) -> set[str]:
    """The fields as they are called in the file."""
    return {field.alias or name for name, field in model.model_fields.items()}


def rows(model: type[BaseModel]) -> list[list[str]]:
    return pages.rows(pages.section(REFERENCE, str(model.model_config["title"])), generated.COLUMNS[0])


def described_fields() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each field in the JSON Schema with its path."""
    for name, definition in {"": SCHEMA, **SCHEMA["$defs"]}.items():
        for field, schema in definition.get("properties", {}).items():
            yield f"{name}.{field}", schema


FIELDS = dict(described_fields())


def test_the_json_schema_for_editors_is_up_to_date() -> None:
    assert generated.SCHEMA.read_text() == generated.json_schema_text(), "run python -m docs.generate"
    assert generated.PART_SCHEMA.read_text() == generated.part_schema_text(), "run python -m docs.generate"


def test_the_reference_is_up_to_date() -> None:
    assert generated.render() == REFERENCE, "run python -m docs.generate.configuration"


def test_the_json_schema_is_one() -> None:
    assert SCHEMA["$schema"] == generated.DIALECT
    Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("path", FIELDS)
def test_every_field_has_a_description_an_example_and_the_effect_of_a_change(path: str) -> None:
    field = FIELDS[path]
    assert len(field.get("description", "")) >= len("Seed.")
    assert field.get("examples")
    assert len(field.get(EFFECT_OF_CHANGE, "").split()) >= 3


@pytest.mark.parametrize("path", FIELDS)
def test_every_example_of_a_field_is_valid(path: str) -> None:
    schema = {"$defs": SCHEMA["$defs"], **FIELDS[path]}
    for example in FIELDS[path]["examples"]:
        Draft202012Validator(schema).validate(example)


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PROJECT)))
def test_a_file_is_valid_to_an_editor_and_names_its_schema(file: Path) -> None:
    text = file.read_text()
    Draft202012Validator(SCHEMA).validate(yaml.safe_load(text))
    reference = text.splitlines()[0].removeprefix("# yaml-language-server: $schema=")
    assert (file.parent / reference).resolve() == generated.SCHEMA


def test_an_editor_shows_the_mistakes_that_a_schema_can_find() -> None:
    mistakes = yaml.safe_load(pages.blocks(PAGE.partition(MISTAKES)[2], "yaml")[0])
    errors = Draft202012Validator(SCHEMA).iter_errors(mistakes)
    paths = {".".join(map(str, error.absolute_path)) for error in errors}
    count = "applications.text-classifier.stages.qa.variants.0.initial_instance_count"
    assert paths == {"hub.account", "environments", count}


def test_every_part_of_the_file_has_a_section() -> None:
    titles = [title for level, title in pages.headings(REFERENCE) if level == 2]
    assert sorted(titles) == sorted(TITLES)
    assert len(set(TITLES)) == len(TITLES)
    assert {f"`{field_name}`" for field_name in fields(Configuration) - {"include"}} <= set(titles)


@pytest.mark.parametrize("model", MODELS, ids=TITLES)
def test_every_field_is_explained_and_no_other(model: type[BaseModel]) -> None:
    assert sorted(row[0].strip("`") for row in rows(model)) == sorted(fields(model))
    assert all(len(row) == len(generated.COLUMNS) and all(row) for row in rows(model))


@pytest.mark.parametrize("model", MODELS, ids=TITLES)
def test_a_field_is_called_required_if_it_is(model: type[BaseModel]) -> None:
    required = {row[0].strip("`") for row in rows(model) if row[2] == "required"}
    assert required == {field.alias or name for name, field in model.model_fields.items() if field.is_required()}


def test_the_complete_example_loads_and_has_every_field(tmp_path: Path) -> None:
    example = on_this_python(yaml.safe_load(COMPLETE.read_text()))
    file = tmp_path / "promotion.yaml"
    file.write_text(yaml.safe_dump(example, sort_keys=False))
    # Included files are in tests/stacks/config/file.
    assert {name for model in MODELS for name in fields(model)} - {"include"} <= names_in(example)
    assert list(load(file).environments) == ["dev", "qa", "production"]


def test_the_report_of_mistakes_is_the_real_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("promotion.yaml").write_text(pages.blocks(PAGE.partition(MISTAKES)[2], "yaml")[0])
    with pytest.raises(ConfigurationError) as report:
        load(Path("promotion.yaml"))
    assert pages.blocks(PAGE, "text") == [f"{report.value}\n"]


def test_every_other_example_loads() -> None:
    examples = pages.blocks(PAGE.partition(MISTAKES)[0], "yaml")
    assert examples
    for example in examples:
        parse(on_this_python(yaml.safe_load(example)), file="an example")


def test_the_versions_of_python_in_the_reference_are_those_that_can_deploy() -> None:
    (row,) = (row for row in rows(Hub) if row[0] == "`python`")
    meaning = row[generated.COLUMNS.index("meaning")]
    assert re.findall(r"\b3\.\d+", meaning) == list(bundle.RUNTIMES)


def on_this_python(example: dict[str, Any]) -> dict[str, Any]:
    """The example, where the tests run on another version than it names."""
    if "python" in example["hub"]:
        example["hub"]["python"] = f"{sys.version_info.major}.{sys.version_info.minor}"
    return example


def names_in(value: Any) -> set[str]:
    if isinstance(value, dict):
        return set(value).union(*(names_in(inner) for inner in value.values()))
    return set().union(*(names_in(inner) for inner in value)) if isinstance(value, list) else set()
