"""A session has the credentials of each recorded answer of STS, and renews them when they expire."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from lambdas.promotion.aws import sessions
from recordings.store import Recording
from tests.recorded import answer, stubbed, walked

ROLE = "arn:aws:iam::333333333333:role/promote-qa-deployer"


@walked(
    "sts/AssumeRole",
    {"without-policy-and-tags": "ASIAEXAMPLEEXAMPLE", "with-policy-and-tags": "AKIAEXAMPLEEXAMPLE"},
    elsewhere=["region-of-which-account"],
)
def test_a_session_has_the_recorded_credentials(
    monkeypatch: pytest.MonkeyPatch, recorded: Recording, expected: str
) -> None:
    response = answer(recorded)
    # As it was recorded they are long expired, and would be renewed at once.
    response["Credentials"]["Expiration"] = datetime(2100, 1, 1, tzinfo=UTC)
    with stubbed("sts") as sts:
        sts.add_response("assume_role", response)
        monkeypatch.setattr(sessions, "_session", _Session(sts.client))
        account = sessions.assume(ROLE, region="us-east-1", session_name="release-7")
        client: Any = account.sagemaker
        frozen = client._request_signer._credentials.get_frozen_credentials()
    assert (frozen.access_key, frozen.secret_key, frozen.token) == (expected, "EXAMPLE", "EXAMPLE")


class _Session:
    """A session whose only client is that of STS."""

    region_name = "us-east-1"

    def __init__(self, sts: Any) -> None:
        self._sts = sts

    def client(self, *_: Any, **__: Any) -> Any:
        return self._sts
