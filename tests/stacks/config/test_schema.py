"""promotion.yaml: every mistake is reported at once, with its path; the Lambdas get what is valid."""

from __future__ import annotations

import copy
import sys
from typing import Any

import pytest

from stacks.config.load import load
from stacks.config.load import parse as parse_file
from stacks.config.schema import ConfigurationError
from stacks.config.topology import Configuration
from tests import PROJECT

VALID: dict[str, Any] = {
    "hub": {"account": "111111111111", "region": "us-east-1"},
    "environments": {
        "dev": {"account": "222222222222", "region": "us-east-1", "buckets": ["models"]},
        "qa": {"account": "333333333333", "region": "us-east-1"},
        "production": {"account": "444444444444", "region": "eu-west-1"},
    },
    "applications": {
        "reviews": {
            "model_package_group": "reviews",
            "stages": {
                "qa": {
                    "from": "dev",
                    "endpoint": "reviews-qa",
                    "variants": [{"name": "All", "instance_type": "ml.t2.medium", "initial_instance_count": 1}],
                },
                "production": {
                    "from": "qa",
                    "endpoint": "reviews",
                    "variants": [{"name": "All", "instance_type": "ml.m5.large", "initial_instance_count": 2}],
                    "deadline": "90m",
                },
            },
        }
    },
}
STAGES = "applications.reviews.stages"
REMOVED = object()


def changed(*changes: tuple[str, Any]) -> dict[str, Any]:
    """Return the valid file with the field at each path set to a value, or removed."""
    raw = copy.deepcopy(VALID)
    for path, value in changes:
        *parents, last = path.split(".")
        file: Any = raw
        for parent in parents:
            file = file[int(parent) if isinstance(file, list) else parent]
        if value is REMOVED:
            del file[last]
        else:
            file[last] = value
    return raw


def parse(*changes: tuple[str, Any]) -> Configuration:
    return parse_file(changed(*changes), file="promotion.yaml")


def mistakes(*changes: tuple[str, Any]) -> list[str]:
    with pytest.raises(ConfigurationError) as message:
        parse(*changes)
    return [line.strip() for line in str(message.value).splitlines()[1:]]


def stage(**changes: Any) -> dict[str, Any]:
    good: dict[str, Any] = copy.deepcopy(VALID["applications"]["reviews"]["stages"]["qa"])
    return {**good, **changes}


def test_the_deployed_settings_are_the_file_with_every_default_filled_in() -> None:
    application = parse().deployed().applications["reviews"]
    assert application.registry == "dev"
    qa, production = application.stages["qa"], application.stages["production"]
    assert (qa.environment, qa.source, qa.deadline_seconds) == ("qa", "dev", 3600)
    assert (production.environment, production.source, production.deadline_seconds) == ("production", "qa", 5400)
    assert production.endpoint_config == {
        "ProductionVariants": [{"VariantName": "All", "InstanceType": "ml.m5.large", "InitialInstanceCount": 2}]
    }


def test_a_stage_may_have_another_name_than_its_environment() -> None:
    settings = parse((f"{STAGES}.blue", stage(environment="qa", endpoint="reviews-blue"))).deployed()
    assert settings.applications["reviews"].stages["blue"].environment == "qa"


def test_the_files_own_example_has_no_mistake() -> None:
    load(PROJECT / "promotion.yaml")


def test_what_is_announced_and_the_runbook_are_deployed_but_not_the_subscribers() -> None:
    plain = parse().deployed().hub
    assert (plain.announce_unchanged, plain.runbook) == (False, "docs/runbooks")
    notify = {"subscribers": ["ann@example.com"], "unchanged": True, "runbook": "https://example.com/runbooks"}
    settings = parse(("hub.notify", notify)).deployed()
    assert (settings.hub.announce_unchanged, settings.hub.runbook) == (True, "https://example.com/runbooks")
    assert "ann@example.com" not in settings.to_json()


@pytest.mark.parametrize(("deadline", "seconds"), [("90s", 90), ("30m", 1800), ("2h", 7200), ("8h", 28800)])
def test_a_duration_is_in_seconds(deadline: str, seconds: int) -> None:
    settings = parse((f"{STAGES}.qa.deadline", deadline)).deployed()
    assert settings.applications["reviews"].stages["qa"].deadline_seconds == seconds


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("hub.account", 111111111111, "must be text; put it in quotes"),
        ("hub.account", "11111111111", "must be an account's 12 digits"),
        ("hub.account", "111111111111\n", "must be an account's 12 digits"),
        ("hub.account", "\u0661" * 12, "must be an account's 12 digits"),
        ("hub.account", REMOVED, "is missing"),
        ("hub.region", "us_east_1", "must be a Region"),
        ("hub.external_id", "a", "must be 2 to 1224"),
        ("hub.organization_id", "123", "must be an organization's id"),
        ("hub.colour", "red", "there is no such field"),
        *(
            ("hub.notify", {"subscribers": [wrong]}, "must be an e-mail address, an https:// address, or the ARN of")
            for wrong in (
                *("ann", "ann@example", "http://example.com", "arn:aws:sns:us-east-1:111111111111:other"),
                *("arn:aws:sqs:us-east-1:111111111111:q.fifo", "arn:aws:lambda:us-east-1:111111111111:function:*"),
            )
        ),
        ("hub.notify", {"subscribers": ["a@b.io", "c@b.io", "a@b.io"]}, "has a@b.io more than once"),
        ("hub.notify", {"subscribers": [f"a{number}@b.io" for number in range(101)]}, "must have at most 100, not 101"),
        ("hub.notify", {"unchanged": "no"}, "must be"),
        *(
            ("hub.notify", {"runbook": f"https://example.com/runbooks{wrong}"}, "must be a folder's https:// address")
            for wrong in ("#errors", "/")
        ),
        ("environments.dev.buckets", ["s3://models"], "must be a bucket's name"),
        ("environments.dev.kms_keys", ["alias/models"], "must be a key's ARN"),
        ("environments.dev.kms_keys", ["arn:aws:kms:us-east-1:222222222222:key/*"], "must be a key's ARN"),
        ("applications.reviews.model_package_group", "a_b", "must be letters, digits and hyphens"),
        ("applications.reviews.stages", {}, "at least 1"),
        (f"{STAGES}.qa.endpoint", "reviews*", "must be letters, digits and hyphens"),
        (f"{STAGES}.qa.endpoint", "e" * 64, "at most 63"),
        (f"{STAGES}.qa.from", "nowhere", "there is no environment 'nowhere' (there are: dev, qa, production)"),
        (f"{STAGES}.qa.from", "qa", "cannot take its models from its own environment"),
        (f"{STAGES}.qa.environment", "nowhere", "there is no environment 'nowhere'"),
        (f"{STAGES}.qa.variants", [], "at least 1"),
        (f"{STAGES}.qa.deadline", "0m", "must be a duration"),
        (f"{STAGES}.qa.deadline", "1.5h", "must be a duration"),
        (f"{STAGES}.qa.deadline", "-1h", "must be a duration"),
        (f"{STAGES}.qa.deadline", "481m", "is longer than the 8h"),
        (f"{STAGES}.qa.deadline", "99999999999999999999h", "is longer than the 8h"),
    ],
)
def test_a_mistake_is_reported_with_its_path_and_the_expected_form(path: str, value: Any, message: str) -> None:
    (mistake,) = mistakes((path, value))
    assert mistake.startswith(path)
    assert message in mistake


@pytest.mark.parametrize("count", [0, -1, 1.5, "1", True, None])
def test_an_instance_count_is_a_number_of_instances(count: Any) -> None:
    (mistake,) = mistakes((f"{STAGES}.qa.variants.0.initial_instance_count", count))
    assert mistake.startswith(f"{STAGES}.qa.variants.0.initial_instance_count")


@pytest.mark.parametrize("name", ["D", "dev_2", "-dev", "dev-", "2dev", "d" * 21, "", "dev "])
def test_an_environments_name_that_cannot_stand_in_other_names_is_refused(name: str) -> None:
    raw = changed()
    raw["environments"][name] = {"account": "555555555555", "region": "us-east-1"}
    with pytest.raises(ConfigurationError, match=f"environments.{name}"):
        parse_file(raw, file="it")


@pytest.mark.parametrize("raw", [None, [], "text", 7, {}])
def test_a_file_that_is_no_configuration_is_reported(raw: object) -> None:
    with pytest.raises(ConfigurationError, match="it has"):
        parse_file(raw, file="it")


def test_every_mistake_is_reported_at_once() -> None:
    message = mistakes(("hub.region", "here"), ("environments.qa.account", "1"), (f"{STAGES}.qa.from", "nowhere"))
    assert [line.split(":")[0] for line in message] == ["hub.region", "environments.qa.account", f"{STAGES}.qa.from"]


def test_a_malformed_field_does_not_hide_a_constraint_violation() -> None:
    message = mistakes(
        ("hub.region", "here"), (f"{STAGES}.production.deadline", "9h"), (f"{STAGES}.qa.environment", "no")
    )
    assert len(message) == 3


# What is well-formed but cannot be


def test_an_endpoint_belongs_to_one_stage_whatever_its_case() -> None:
    (mistake,) = mistakes((f"{STAGES}.blue", stage(environment="qa", endpoint="Reviews-QA")))
    assert f"is the endpoint of {STAGES}.qa too" in mistake


def test_an_approval_starts_one_application() -> None:
    other = {"model_package_group": "reviews", "stages": {"qa": stage(endpoint="other")}}
    (mistake,) = mistakes(("applications.other", other))
    assert "is the group of 'reviews' too" in mistake


def test_environments_in_a_circle_are_refused() -> None:
    back = {"model_package_group": "back", "stages": {"dev": stage(**{"from": "production", "endpoint": "back"})}}
    (mistake,) = mistakes(("applications.back", back))
    assert "dev, production, qa take models from each other in a circle" in mistake


def test_each_environment_is_deployed_after_those_it_takes_from() -> None:
    order = parse().deployment_order()
    assert order.index("dev") < order.index("qa") < order.index("production")


def test_only_the_configured_python_version_may_deploy() -> None:
    running = f"{sys.version_info.major}.{sys.version_info.minor}"
    assert parse(("hub.python", running)).hub.python == running
    (message,) = mistakes(("hub.python", "3.1"))
    assert f"to run on Python 3.1, and this is {running}" in message


# Images

OWN = "222222222222.dkr.ecr.us-east-1.amazonaws.com/team/model"
TOOLS = "555555555555.dkr.ecr.us-east-1.amazonaws.com/model"


def test_a_mapped_image_is_passed_to_the_stage_and_to_no_other() -> None:
    stages = parse((f"{STAGES}.qa.images", {OWN: TOOLS})).deployed().applications["reviews"].stages
    assert {name: stage.images for name, stage in stages.items()} == {"qa": {OWN: TOOLS}, "production": {}}


@pytest.mark.parametrize("name", [f"{TOOLS}:1", f"{TOOLS}@sha256:{'0' * 64}", "model", "https://host.example/model"])
def test_an_image_is_mapped_by_registry_and_repository_only(name: str) -> None:
    assert mistakes((f"{STAGES}.qa.images", {OWN: name}))
    assert mistakes((f"{STAGES}.qa.images", {name: TOOLS}))


@pytest.mark.parametrize("host", [".dkr.ecr.", ".dkr.ecr-fips."])
def test_an_image_cannot_be_mapped_to_another_region_than_the_stages(host: str) -> None:
    (mistake,) = mistakes((f"{STAGES}.production.images", {OWN: TOOLS.replace(".dkr.ecr.", host)}))
    assert "us-east-1, the stage in eu-west-1" in mistake


def test_images_are_copied_where_the_application_enables_it_and_only_there() -> None:
    without, copying = parse(), parse(("applications.reviews.copy_images", True))
    assert without.image_copies() == set()
    assert copying.image_copies() == {("dev", "qa"), ("qa", "production")}
    assert [file.deployed().applications["reviews"].stages["qa"].copy_images for file in (without, copying)] == [
        False,
        True,
    ]


def test_whether_images_are_copied_is_yes_or_no() -> None:
    assert mistakes(("applications.reviews.copy_images", "true"))
