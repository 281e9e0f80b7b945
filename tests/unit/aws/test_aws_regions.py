"""Which Regions an account must enable, and in which one STS is asked."""

from __future__ import annotations

import pytest

from lambdas.promotion.aws import aws_regions


@pytest.mark.parametrize(
    ("region", "result"),
    [("us-east-1", False), ("eu-central-1", False), ("eu-central-2", True), ("mx-central-1", True)],
)
def test_regions_since_2019_must_be_enabled(region: str, result: bool) -> None:
    assert aws_regions.must_be_enabled(region) is result


@pytest.mark.parametrize(
    ("own", "target", "region"),
    [
        ("us-east-1", "us-east-1", "us-east-1"),
        ("eu-west-1", "us-east-1", "eu-west-1"),
        # Each account has the hub's Region, so the target's needs to be enabled for its own account only.
        ("eu-west-1", "eu-south-2", "eu-west-1"),
        # The environment's account may not have the hub's Region.
        ("eu-south-2", "eu-west-1", "eu-west-1"),
        ("eu-south-2", "me-central-1", "us-east-1"),
        ("eu-south-2", "eu-south-2", "eu-south-2"),
        (None, "eu-south-2", None),
    ],
)
def test_sts_is_asked_in_a_region_that_both_accounts_have(own: str | None, target: str, region: str | None) -> None:
    assert aws_regions.of_sts(own=own, target=target) == region
