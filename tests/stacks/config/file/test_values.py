"""Values that look right and that AWS, or JSONata, does not know; and many mistakes in one run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from stacks.config.fields import aws_names
from tests.stacks.config.file.texts import report
from tests.stacks.config.test_schema import STAGES, mistakes, parse, stage

VARIANT = f"{STAGES}.qa.variants.0"


@pytest.mark.parametrize(
    ("region", "sentence"),
    [
        ("us-esat-1", "there is no Region 'us-esat-1'; did you mean 'us-east-1'?"),
        ("su-east-1", "there is no Region 'su-east-1'; did you mean 'us-east-1'?"),
        ("eu-wset-1", "did you mean 'eu-west-1'?"),
        ("us-east-0", "there is no Region 'us-east-0'; did you mean"),
        ("cn-north-1", "in another, aws-cn"),
        ("cn-west-1", "in another, aws-cn"),
        ("us-gov-west-1", "in another, aws-us-gov"),
        ("eusc-de-east-1", "in another, aws-eusc"),
    ],
)
def test_a_region_that_cannot_be_is_refused(region: str, sentence: str) -> None:
    (mistake,) = mistakes(("environments.production.region", region))
    assert sentence in mistake


@pytest.mark.parametrize("region", ["me-central-1", "eu-west-4", "us-south-1", "nz-north-1"])
def test_a_region_may_be_newer_than_the_sdk(region: str) -> None:
    assert parse(("environments.production.region", region))


@pytest.mark.parametrize(
    ("instance_type", "nearest"),
    [("ml.m5.lage", "ml.m5.large"), ("ml.5m.large", "ml.m5.large"), ("ml.g5.xlagre", "ml.g5.xlarge")],
)
def test_an_instance_type_that_cannot_be_is_refused(instance_type: str, nearest: str) -> None:
    (mistake,) = mistakes((f"{VARIANT}.instance_type", instance_type))
    assert f"there is no instance type {instance_type!r}; did you mean {nearest!r}?" in mistake


@pytest.mark.parametrize(
    "instance_type", ["ml.m9gd.large", "ml.p7-x300.96xlarge", "ml.g5.metal", *aws_names.instance_types()]
)
def test_an_instance_type_may_be_newer_than_the_sdk(instance_type: str) -> None:
    assert aws_names.require_instance_type(instance_type) == instance_type


@pytest.mark.parametrize(
    ("path", "value", "sentence"),
    [
        (f"{STAGES}.qa.deadline", 120, "must be a duration such as 90s, 30m or 2h, not 120"),
        ("hub.account", 11111111111, "must be an account's 12 digits, in quotes, not 11111111111"),
        (f"{STAGES}.qa.when_locked", "newest-wins", "did you mean 'newest_wins'?"),
        (f"{STAGES}.qa.InstanceCount", 1, "there is no such field"),
        (f"{VARIANT}.InitialInstanceCount", 1, "there is no such field; did you mean 'initial_instance_count'?"),
        (f"{STAGES}.qa.rollout", {"canary": 10}, "10 is more than 50% of the 1 instances"),
        (f"{STAGES}.qa.endpoint", "a" + "-" * 100 + "a", "at most 63"),
        ("applications.reviews.model_package_group", "-" * 102, "at most 63"),
        (
            f"{STAGES}.qa.from",
            "dve",
            "there is no environment 'dve' (there are: dev, qa, production); did you mean 'dev'?",
        ),
    ],
)
def test_one_message_says_all_that_is_wrong_with_a_value(path: str, value: Any, sentence: str) -> None:
    (mistake,) = mistakes((path, value))
    assert sentence in mistake


@pytest.mark.parametrize(
    ("expression", "sentence"),
    [
        ("$foo(label)", "there is no function $foo"),
        ("$summ(scores) > 1", "there is no function $summ; did you mean '$sum'?"),
        ("scores ~> $summ", "there is no variable $summ; did you mean '$sum'?"),
        ("label = $expected", "there is no variable $expected"),
        ("$map(scores, function($s) { $t > 1 })", "there is no variable $t"),
    ],
)
def test_a_jsonata_name_that_does_not_exist_is_refused(expression: str, sentence: str) -> None:
    test = {"payload": "a", "content_type": "text/csv", "expect": {"jsonata": expression}}
    (mistake,) = mistakes((f"{STAGES}.qa.smoke_test", test))
    assert f"is not JSONata: {sentence}" in mistake


@pytest.mark.parametrize(
    "expression",
    [
        "$sum(scores) > 1 and $count($filter(scores, function($s, $i) { $s > $i })) = 0",
        "($f := function($n) { $n < 1 ? 1 : $n * $f($n - 1) }; $f(3) = 6)",
        "scores@$s#$i[$s > $i] and $$.label = 'a' and $.label = 'a'",
        "scores ~> $sum() > 1 and $exists(label)",
        "($twice := $map(?, function($v) { $v * 2 }); $twice(scores)[0] = 1)",
    ],
)
def test_a_jsonata_expression_may_bind_its_own_names(expression: str) -> None:
    test = {"payload": "a", "content_type": "text/csv", "expect": {"jsonata": expression}}
    assert parse((f"{STAGES}.qa.smoke_test", test))


MANY = """\
hub: { account: 111111111111, region: us-esat-1, python: "3.1" }
environments:
  dev: { account: 022222222222, region: us-east-1 }
  dev: { account: "222222222222", region: cn-north-1 }
  qa: { account: "333333333333", region: us-east-1, bukets: [models] }
  off: { account: "444444444444", region: us-east-1 }
applications:
  reviews:
    model_package_group: reviews
    stages:
      off: { from: qa, endpoint: a, variants: &v [{ name: A, instance_type: ml.m5.large, initial_instance_count: 2 }] }
      qa:
        from: "off"
        endpoint: a--b
        variants: *v
        deadline: 120
        rollout: { canary: 10 }
        smoke_test: { payload: a, content_type: text/csv, expect: { jsonata: "$foo(label)" } }
      7:
        from: dve
        environment: qa
        endpoint: A--B
        variants: !list [{ name: A, instance_type: ml.m5.lage, initial_instance_count: 0 }]
"""


def test_one_run_tells_every_mistake_whatever_its_kind(tmp_path: Path) -> None:
    reported = report(tmp_path, MANY)
    sentences = {
        1: ["put it in quotes", "there is no Region 'us-esat-1'", "to run on Python 3.1"],
        2: ["in a circle"],
        4: ["'dev' is there twice, first in line 3", "in another, aws-cn"],
        5: ["did you mean 'buckets'?"],
        6: ["'off' is a name, and YAML reads it as true or false"],
        11: ["'off' is a name, and YAML reads it as true or false"],
        16: ["must be a duration"],
        17: ["10 is more than 50% of the 2 instances"],
        18: ["there is no function $foo"],
        19: ["'7' is a name", "at least two small letters"],
        20: ["did you mean 'dev'?"],
        22: ["is the endpoint of applications.reviews.stages.qa too"],
        23: ["the tag !list", "did you mean 'ml.m5.large'?", "greater than or equal to 1"],
    }
    for line, expected in sentences.items():
        of_line = [mistake for mistake in reported if mistake.startswith(f"promotion.yaml:{line}: ")]
        for sentence in expected:
            assert any(sentence in mistake for mistake in of_line), (line, sentence, reported)
    assert len(reported) == sum(map(len, sentences.values()))


def test_an_empty_file_is_called_empty(tmp_path: Path) -> None:
    for text in ("", "# nothing\n", "---\n", "null\n"):
        assert report(tmp_path, text) == [
            "promotion.yaml:1: the file: must be a mapping with hub, environments and applications, and is empty"
        ]


def test_a_stage_with_hyphens_side_by_side_is_accepted() -> None:
    assert parse((f"{STAGES}.a--b", stage(environment="qa", endpoint="a--b")))
