"""Which condition keys that a simulation was not sent can decide a call."""

from __future__ import annotations

import pytest

from lambdas.promotion.preflight import condition_keys


@pytest.mark.parametrize(
    ("key", "decides"),
    [
        ("s3:prefix", True),
        ("S3:prefix", True),
        # A tag's key may have a colon (AWS: S3, object tagging).
        ("s3:ExistingObjectTag/team:a", True),
        ("aws:PrincipalTag/team:a", True),
        ("kms:ViaService", False),
    ],
)
def test_a_key_of_every_service_or_of_the_actions_own_can_decide_a_call(key: str, decides: bool) -> None:
    assert condition_keys.deciding([key], "s3:GetObject") == [key] * decides


def test_the_keys_of_any_service_are_told_from_those_of_one() -> None:
    own = {"aws:RequestedRegion": "us-east-1", "kms:ViaService": "s3.us-east-1.amazonaws.com"}
    assert condition_keys.of_any_service(own) == {"aws:RequestedRegion": "us-east-1"}


def test_two_calls_agree_unless_a_key_has_two_values() -> None:
    via, prefix = {"kms:ViaService": "s3.us-east-1.amazonaws.com"}, {"s3:prefix": "artifacts/"}
    assert condition_keys.agree(via, prefix)
    assert condition_keys.agree(via, {**via, **prefix})
    assert condition_keys.agree({}, via)
    assert not condition_keys.agree({**prefix, **via}, {"kms:ViaService": "s3.eu-west-1.amazonaws.com"})
