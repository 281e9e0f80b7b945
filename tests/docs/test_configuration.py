"""docs/configuration.md: every member of promotion.yaml is explained, and its examples are true."""

from __future__ import annotations

import sys
from typing import Any

import pytest
import yaml
from pydantic import BaseModel

from stacks.config import schema, topology
from stacks.config.load import parse
from stacks.config.notify import Notify
from stacks.config.schema import Application, Environment, Hub, Stage, Variables, Vpc
from stacks.config.stage import autoscaling as autoscaling_config
from stacks.config.stage import endpoint, rollout
from stacks.config.stage import preview as preview_config
from stacks.config.stage import smoke_test as smoke_test_config
from stacks.config.stage.autoscaling import ScheduledAction, VariantScaling
from stacks.config.stage.endpoint import (
    AsyncInference,
    CapacityReservation,
    CoreDump,
    DataCapture,
    Explainer,
    ExplainerInference,
    InstancePool,
    ManagedInstanceScaling,
    Metrics,
    Routing,
    Serverless,
    Shap,
    Variant,
)
from stacks.config.stage.preview import Preview
from stacks.config.stage.rollout import CapacityRetries, Rollout
from stacks.config.stage.smoke_test import Expectation, SmokeTest, Tolerance
from stacks.config.topology import Configuration
from stacks.hub import bundle
from tests.docs import pages

PAGE = pages.text_of("configuration.md")
MISTAKES = "<!-- mistakes.yaml -->"
SECTIONS: dict[type[BaseModel], str] = {
    Hub: "`hub`",
    Notify: "The hub's notify",
    Environment: "`environments`",
    Application: "`applications`",
    Stage: "A stage",
    Variables: "A stage's variables",
    Vpc: "A stage's vpc",
    Preview: "A stage's preview",
    SmokeTest: "A stage's smoke_test",
    Expectation: "What is expected",
    Tolerance: "A tolerance",
    Variant: "A variant",
    Serverless: "A variant's serverless",
    InstancePool: "An instance pool",
    ManagedInstanceScaling: "A variant's managed_instance_scaling",
    Routing: "A variant's routing",
    CapacityReservation: "A variant's capacity_reservation",
    CoreDump: "A variant's core_dump",
    DataCapture: "A stage's data_capture",
    AsyncInference: "A stage's async_inference",
    Explainer: "A stage's explainer",
    ExplainerInference: "An explainer's inference",
    Shap: "An explainer's shap",
    Metrics: "A stage's metrics",
    Rollout: "A stage's rollout",
    CapacityRetries: "A stage's capacity_retries",
    VariantScaling: "A stage's autoscaling",
    ScheduledAction: "A scheduled action",
}
# A stage's members stand in these, each for one side of it.
STAGE_FIELDS = {endpoint.EndpointConfiguration, rollout.Update}
MODULES = (
    *(schema, topology, endpoint, rollout, autoscaling_config, smoke_test_config),
    preview_config,
)
MODELS: tuple[type[BaseModel], ...] = (Configuration, *SECTIONS)


def members(model: type[BaseModel]) -> set[str]:
    """The members as they are called in the file."""
    return {field.alias or name for name, field in model.model_fields.items()}


def own_text(title: str) -> str:
    """What stands under a heading without the headings below it."""
    return pages.section(PAGE, title).partition("\n###")[0]


def test_every_part_of_the_file_has_a_section() -> None:
    models = {
        model
        for module in MODULES
        for name, model in vars(module).items()
        if isinstance(model, type) and issubclass(model, BaseModel) and model.model_fields and name[0] != "_"
    }
    assert models - STAGE_FIELDS == set(MODELS)
    titles = {title for _, title in pages.headings(PAGE)}
    assert {f"`{field_name}`" for field_name in members(Configuration)} <= titles


@pytest.mark.parametrize(("model", "title"), SECTIONS.items(), ids=SECTIONS.values())
def test_every_field_is_explained_and_no_other(model: type[BaseModel], title: str) -> None:
    explained = [row[0].strip("`") for row in pages.rows(own_text(title), "member")]
    assert sorted(explained) == sorted(members(model))


@pytest.mark.parametrize(("model", "title"), SECTIONS.items(), ids=SECTIONS.values())
def test_a_field_is_called_required_if_it_is(model: type[BaseModel], title: str) -> None:
    required = {row[0].strip("`") for row in pages.rows(own_text(title), "member") if row[2] == "required"}
    assert required == {field.alias or name for name, field in model.model_fields.items() if field.is_required()}


def test_the_effect_of_a_change_is_documented_for_every_field() -> None:
    changes = " ".join(row[0] for row in pages.rows(PAGE, "changed"))
    everything = {name for model in SECTIONS for name in members(model)}
    assert [name for name in sorted(everything - {"variants"}) if f"`{name}`" not in changes] == []


def test_the_complete_example_loads_and_has_every_field() -> None:
    example = on_this_python(yaml.safe_load(pages.blocks(PAGE, "yaml")[0]))
    loaded = parse(example, file="the example")
    assert {name for model in MODELS for name in members(model)} <= names_in(example)
    assert list(loaded.environments) == ["dev", "qa", "production"]


def test_the_report_of_mistakes_is_the_real_one() -> None:
    example = pages.blocks(PAGE.partition(MISTAKES)[2], "yaml")[0]
    with pytest.raises(schema.ConfigurationError) as report:
        parse(yaml.safe_load(example), file="promotion.yaml")
    assert pages.blocks(PAGE, "text") == [f"{report.value}\n"]


def test_every_other_example_loads() -> None:
    good = PAGE.partition(MISTAKES)[0]
    for example in pages.blocks(good, "yaml"):
        parse(on_this_python(yaml.safe_load(example)), file="an example")


def test_the_versions_of_python_in_the_page_are_those_that_can_deploy() -> None:
    (row,) = (row for row in pages.rows(own_text("`hub`"), "member") if row[0] == "`python`")
    assert pages.in_code_marks(row[1]) == [f'"{version}"' for version in bundle.RUNTIMES]


def on_this_python(example: dict[str, Any]) -> dict[str, Any]:
    """The example, for whoever runs the tests on another version than it names."""
    if "python" in example["hub"]:
        example["hub"]["python"] = f"{sys.version_info.major}.{sys.version_info.minor}"
    return example


def names_in(value: Any) -> set[str]:
    if isinstance(value, dict):
        return set(value).union(*(names_in(inner) for inner in value.values()))
    return set().union(*(names_in(inner) for inner in value)) if isinstance(value, list) else set()
