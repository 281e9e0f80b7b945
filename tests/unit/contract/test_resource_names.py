"""The names that accounts know of each other: they must fit, and they must not collide."""

from __future__ import annotations

import importlib

import pytest

from lambdas.promotion.contract import resource_names
from lambdas.promotion.contract.roles import Role
from lambdas.promotion.contract.steps import STEPS_BY_ROLE, STEPS_OF, Function, Job, Step
from tests import PROJECT

# What works in no other account.
IN_THE_HUB = {Step.WAIT_FOR_LOCK, Step.EXPLAIN_FAILURE, Step.RECORD_PROMOTION}
LONGEST_ENVIRONMENT = "e" * 20
LONGEST_REGION = "ap-southeast-10"


def test_every_function_of_several_steps_is_a_file() -> None:
    folder = PROJECT / "lambdas" / "functions"
    assert {function.value for function in Function} == {file.stem for file in folder.glob("*.py")} - {"__init__"}


@pytest.mark.parametrize("function", Function)
def test_a_function_runs_the_steps_that_are_its_own(function: Function) -> None:
    handlers = importlib.import_module(f"lambdas.functions.{function.value}").HANDLERS
    assert tuple(handlers) == STEPS_OF[function]
    assert handlers == {
        step: importlib.import_module(f"lambdas.handlers.{step.value}").handler for step in STEPS_OF[function]
    }


@pytest.mark.parametrize("function", Function)
def test_the_first_step_of_a_function_assumes_every_role_that_the_others_assume(function: Function) -> None:
    first, *others = STEPS_OF[function]
    assert others
    assert [role for role, steps in STEPS_BY_ROLE.items() if first not in steps and {*others} & {*steps}] == []


def test_every_step_and_every_job_is_a_file() -> None:
    folder = PROJECT / "lambdas" / "handlers"
    assert {name.value for name in (*Step, *Job)} == {file.stem for file in folder.glob("*.py")} - {"__init__"}


def test_every_step_assumes_one_role_but_those_that_work_in_source_and_target() -> None:
    worked = [step for steps in STEPS_BY_ROLE.values() for step in steps]
    at_both_ends = [
        Step.RESOLVE_ROLLBACK,
        Step.COPY_IMAGE,
        Step.SMOKE_TEST,
        Step.CLEAN_UP_ABORTED,
        Step.PLAN_COPY,
        Step.COPY_UNIT,
        Step.COMPLETE_COPY,
        *[Step.PREFLIGHT] * (len(STEPS_BY_ROLE) - 1),
    ]
    assert sorted(worked) == sorted([*(set(Step) - IN_THE_HUB), *at_both_ends])


def test_the_check_ahead_enters_every_role_that_a_promotion_will() -> None:
    assert [role for role, steps in STEPS_BY_ROLE.items() if Step.PREFLIGHT not in steps] == []


@pytest.mark.parametrize(("source", "copy"), [("a/b", "promote/a/b"), ("promote/a/b", "promote/a/b")])
def test_an_image_that_is_copied_on_keeps_its_repository(source: str, copy: str) -> None:
    assert resource_names.image_repository(source) == copy


def test_no_step_assumes_the_execution_role() -> None:
    assert Role.EXECUTION not in STEPS_BY_ROLE


@pytest.mark.parametrize("role", Role)
def test_a_role_of_an_environment_fits_into_iams_64_characters(role: Role) -> None:
    assert len(resource_names.environment_role(LONGEST_ENVIRONMENT, role)) <= 64


@pytest.mark.parametrize("step", Step)
def test_a_step_fits_into_lambdas_and_iams_64_characters(step: Step) -> None:
    assert len(resource_names.function(step)) <= 64


def test_a_bucket_fits_into_s3s_63_characters() -> None:
    assert len(resource_names.artifact_bucket(LONGEST_ENVIRONMENT, "1" * 12, LONGEST_REGION)) <= 63


def test_no_environment_can_be_named_so_that_its_role_is_a_steps() -> None:
    """A hub may be an environment too, and role names are one space per account."""
    ends_of_steps = {resource_names.function(step).rpartition("-")[2] for step in Step}
    assert ends_of_steps.isdisjoint(set(Role))


def test_a_stages_prefix_covers_no_other_stage() -> None:
    assert not resource_names.stage_prefix("reviews", "qa-2").startswith(resource_names.stage_prefix("reviews", "qa"))


def test_arns_name_account_and_region() -> None:
    assert [
        resource_names.step_role_arn("111111111111", Step.RESOLVE_MODEL),
        resource_names.environment_role_arn("333333333333", "qa", Role.DEPLOYER),
        resource_names.bus_arn("111111111111", "us-east-1"),
    ] == [
        "arn:aws:iam::111111111111:role/promote-resolve",
        "arn:aws:iam::333333333333:role/promote-qa-deployer",
        "arn:aws:events:us-east-1:111111111111:event-bus/promote",
    ]


@pytest.mark.parametrize(
    ("application", "stage", "prefix"),
    [
        ("reviews", "qa", "reviews-qa-"),
        ("a" * 20, "b" * 20, f"{'a' * 20}-{'b' * 14}-"),
        ("a" * 34, "qa", f"{'a' * 34}-"),
        ("-a", "qa", "-a-qa-"),
        (f"{'a' * 34}X", "qa", f"{'a' * 34}X-"),
    ],
)
def test_a_stages_names_leave_room_for_time_and_digest(application: str, stage: str, prefix: str) -> None:
    assert resource_names.resource_name_prefix(application, stage) == prefix
    assert len(f"{prefix}20260101000000-0123456789ab") <= 63


def test_a_preview_configuration_is_named_after_its_stage() -> None:
    assert resource_names.preview_config("reviews", "qa", "0123456789abcdef") == "reviews-qa-preview-0123456789ab"


@pytest.mark.parametrize(
    ("endpoint", "beginning"),
    [("Reviews-QA", "reviews-qa"), ("a" * 63, "a" * 42), (f"{'a' * 41}-b", "a" * 41), ("-a", "-a")],
)
def test_a_preview_endpoint_is_named_after_its_endpoint(endpoint: str, beginning: str) -> None:
    name = resource_names.preview_endpoint(endpoint, "0123456789abcdef")
    assert name == f"{beginning}-preview-0123456789ab"
    assert len(name) <= 63


def test_permissions_on_an_endpoint_fit_both_spellings_of_its_name() -> None:
    """SageMaker writes ARNs in lower case; IAM may compare with the name as it was requested."""
    beginning = "arn:aws:sagemaker:us-east-1:333333333333:endpoint/"
    arns = resource_names.endpoint_arns("333333333333", "us-east-1", "Reviews-QA")
    assert arns == [f"{beginning}Reviews-QA", f"{beginning}reviews-qa"]


def test_each_source_brings_a_stages_artifacts_below_a_prefix_of_its_own() -> None:
    assert resource_names.incoming_prefix("dev") == "incoming/dev/"
    assert resource_names.incoming_stage_prefix("dev", "reviews", "qa") == "incoming/dev/reviews/qa/"
    assert not resource_names.incoming_stage_prefix("dev", "reviews", "qa").startswith(resource_names.ARTIFACT_PREFIX)
