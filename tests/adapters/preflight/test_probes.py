"""A probe that AWS refuses unexpectedly."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lambdas.promotion.preflight import probes
from lambdas.promotion.preflight.findings import CheckResult, Inconclusive
from tests.adapters.conftest import Stubs

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


def test_an_unexpected_refusal_is_reported_and_hides_no_other_finding(stubs: Stubs, s3: S3Client) -> None:
    stubs.s3.add_client_error("get_object_tagging", "Odd", "Nobody has thought of this.", 400)

    def read() -> list[CheckResult]:
        s3.get_object_tagging(Bucket="b", Key="k")
        return []

    (odd,) = probes.run_probe(read, subject="The tags can be read")
    assert isinstance(odd, Inconclusive)
    assert odd.subject == "The tags can be read"
    assert "Nobody has thought of this." in odd.reason
