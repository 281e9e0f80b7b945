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
