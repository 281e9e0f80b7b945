"""A result file can be sent to strangers."""

from __future__ import annotations

import json
import time

import pytest

from conformance.redaction import redacted

SECRETS = (
    "111122223333",
    "AKIAIOSFODNN7EXAMPLE",
    "AROAEXAMPLEEXAMPLE12",
    "jane.doe",
    "jane@example.com",
    "79a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be",
    "a-signature",
)
ANSWER = {
    "Arn": "arn:aws:iam::111122223333:user/jane.doe",
    "Message": 'User: arn:aws:sts::111122223333:assumed-role/Admin/jane.doe may not read "b-111122223333"',
    "Ids": ["AROAEXAMPLEEXAMPLE12:session", {"KeyId": "AKIAIOSFODNN7EXAMPLE"}],
    "Owner": "79a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be",
    "Url": "https://example.com/?X-Amz-Signature=a-signature&x=1",
    "Subscriber": "jane@example.com",
    "Credentials": {"SecretAccessKey": "wJalr"},
    "ResponseMetadata": {"RequestId": "r"},
    "111122223333": 1,
}


@pytest.mark.parametrize("secret", [*SECRETS, "wJalr", "RequestId"])
def test_nothing_that_identifies_an_account_or_gives_access_remains(secret: str) -> None:
    assert secret in json.dumps(ANSWER)
    assert secret not in json.dumps(redacted(ANSWER))


def test_what_the_answer_says_remains() -> None:
    assert redacted({"Size": 5, "Ok": True, "None": None, "Digest": "sha256:" + "0" * 64, "Texts": ("a", "b")}) == {
        "Size": 5,
        "Ok": True,
        "None": None,
        "Digest": "sha256:" + "0" * 64,
        "Texts": ["a", "b"],
    }


def test_a_long_text_is_cut_before_it_is_searched() -> None:
    began = time.monotonic()
    assert len(redacted("x" * 6_000_000)) < 5_000
    assert time.monotonic() - began < 5
