"""What a promotion carries of promotion.yaml is bounded, so that its document fits into a state."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from lambdas.promotion.contract.document import Failure, Promotion
from lambdas.promotion.contract.document.serialization import to_json
from lambdas.promotion.contract.settings import Stage
from stacks.config import document_size
from stacks.config.load import load
from stacks.config.schema import ConfigurationError
from tests.stacks.config.test_schema import STAGES, changed, mistakes, parse, stage
from tests.unit.contract.test_document import LARGEST_STATE, largest_promotion

# API: Step Functions, SensitiveCause.
LONGEST_CAUSE = 32 * 1024
LAMBDA = "arn:aws:lambda:us-east-1:{account}:function:{number:05}-{name}"


def arns(count: int, name: str = "x" * 60) -> dict[str, str]:
    source, target = (
        [LAMBDA.format(account=account, number=number, name=name) for number in range(count)]
        for account in ("222222222222", "333333333333")
    )
    return dict(zip(source, target, strict=True))


def deployed(**fields: Any) -> Stage:
    return parse((f"{STAGES}.qa", stage(**fields))).deployed().applications["reviews"].stages["qa"]


def fullest() -> Stage:
    """A stage with as many ARNs as are accepted."""
    rest = sum(document_size.sizes_of(deployed()).values())
    return deployed(arns=arns((document_size.MOST_BYTES - rest) // len(json.dumps(arns(1)))))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("arns", arns(2_000)),
        ("images", {f"registry.example.com/{number}": f"host.example.com/{number}" for number in range(2_000)}),
        ("variables", {"replace": {f"V{number}": "v" * 500 for number in range(200)}}),
        ("variables", {"keep": [f"V{number}" * 20 for number in range(1_000)]}),
    ],
    ids=["arns", "images", "replaced variables", "kept variables"],
)
def test_settings_that_no_promotion_could_carry_are_refused_where_they_are_largest(field: str, value: Any) -> None:
    (mistake,) = mistakes((f"{STAGES}.qa", stage(**{field: value})))
    assert mistake.startswith(f"{STAGES}.qa.{field}: the stage's settings have ")
    assert "the limit is 65536 (AWS: Step Functions quotas)" in mistake


def test_many_policies_of_many_variants_are_refused() -> None:
    variants = [
        {"name": f"V{number}", "instance_type": "ml.m5.large", "initial_instance_count": 1} for number in range(10)
    ]
    steps = [{"MetricIntervalLowerBound": number, "ScalingAdjustment": 1} for number in range(100)]
    policy = {
        "PolicyType": "StepScaling",
        "StepScalingPolicyConfiguration": {"AdjustmentType": "ChangeInCapacity", "StepAdjustments": steps},
    }
    scaling = {variant["name"]: {"min": 1, "max": 2, "policies": {"p": policy, "q": policy}} for variant in variants}
    (mistake,) = mistakes((f"{STAGES}.qa", stage(variants=variants, autoscaling=scaling)))
    assert mistake.startswith(f"{STAGES}.qa.autoscaling: ")


def test_the_mistake_has_the_line_of_the_largest_part(tmp_path: Path) -> None:
    file = tmp_path / "promotion.yaml"
    file.write_text(yaml.safe_dump(changed((f"{STAGES}.qa", stage(arns=arns(2_000)))), sort_keys=False))
    with pytest.raises(ConfigurationError) as report:
        load(file)
    number = next(number for number, line in enumerate(file.read_text().splitlines(), 1) if line.strip() == "arns:")
    assert f"promotion.yaml:{number}: {STAGES}.qa.arns: " in str(report.value)


def test_the_fullest_stage_and_the_largest_model_fit_into_a_state_with_the_cause_of_a_failure() -> None:
    largest: Promotion = replace(largest_promotion(), stage=fullest())
    failure = Failure(error="E", family="F", cause="c" * LONGEST_CAUSE)
    size = len(json.dumps({**largest.to_json(), "failure": to_json(failure)}))
    assert sum(document_size.sizes_of(largest.stage).values()) > document_size.MOST_BYTES * 0.9
    assert size < LARGEST_STATE * 0.95
