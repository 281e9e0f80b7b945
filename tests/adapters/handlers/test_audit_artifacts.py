"""What endpoints load, and can be rolled back to, is compared with what was verified; every change is told."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lambdas.handlers import audit_artifacts
from lambdas.promotion.artifacts import verified_copies
from lambdas.promotion.contract import settings
from lambdas.promotion.contract.document import KnownGood, S3Object, VerifiedCopies
from lambdas.promotion.contract.errors import AccessDenied
from lambdas.promotion.outcome import records
from tests.adapters.conftest import Stubs
from tests.adapters.fake_s3 import FakeS3
from tests.unit.builders import DEV, HUB, QA, SETTINGS, good

BUCKET = QA.artifact_bucket
FOLDERS = ("artifacts/reviews/qa/1/", "artifacts/reviews/qa/2/")
QUESTION = {
    "TableName": "promote-endpoints",
    "FilterExpression": "attribute_exists(last_known_good)",
    "ProjectionExpression": "last_known_good",
}


@pytest.fixture(autouse=True)
def deployed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "deployed", lambda: SETTINGS)


@pytest.fixture
def lists(fake_s3: FakeS3) -> list[VerifiedCopies]:
    """Two models in the target, each with one copy that was verified."""
    return [verified(fake_s3, folder) for folder in FOLDERS]


def verified(fake_s3: FakeS3, folder: str, bucket: str = BUCKET) -> VerifiedCopies:
    key = f"{folder}model.tar.gz"
    fake_s3.put(bucket, key)
    version = fake_s3.objects[bucket, key].version
    copy = S3Object(bucket=bucket, key=key, etag="", size=10, version_id=version)
    return verified_copies.write([verified_copies.to_list(copy)], bucket, HUB, s3=fake_s3.client)


def endpoints_have(aws: Stubs, *endpoints: list[KnownGood], roles: int = 1) -> None:
    """Each endpoint with its last known good promotions, on a page of its own."""
    for number, known_good in enumerate(endpoints):
        page: dict[str, Any] = {"Items": [{"last_known_good": {"S": records.known_good_text(known_good)}}]}
        start = {"ExclusiveStartKey": {"endpoint": {"S": str(number - 1)}}} if number else {}
        if number < len(endpoints) - 1:
            page["LastEvaluatedKey"] = {"endpoint": {"S": str(number)}}
        aws.of("dynamodb").add_response("scan", page, QUESTION | start)
    for _ in range(roles):
        aws.allow_assume_role()


def audit() -> dict[str, Any]:
    return audit_artifacts.handler({}, None)


def measured(capsys: pytest.CaptureFixture[str]) -> list[float]:
    lines = [json.loads(text) for text in capsys.readouterr().out.splitlines() if "_aws" in text]
    (metric,) = [line["ChangedArtifacts"] for line in lines]
    return list(metric)


def logged(caplog: pytest.LogCaptureFixture) -> list[tuple[str, tuple[str, ...]]]:
    """What was logged of changes, with the promotions that each concerns."""
    return [(vars(line)["change"], vars(line)["promotions"]) for line in caplog.records if "change" in vars(line)]


def test_nothing_that_changed_is_reported_as_zero(
    aws: Stubs,
    lists: list[VerifiedCopies],
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    endpoints_have(aws, [good("new", verified=lists[1]), good(verified=lists[0])])
    assert audit() == {"lists": 2, "changed": 0}
    assert (measured(capsys), logged(caplog)) == ([0.0], [])


def test_each_change_is_counted_and_named_with_the_promotions_that_it_concerns(
    aws: Stubs,
    fake_s3: FakeS3,
    lists: list[VerifiedCopies],
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    fake_s3.put(BUCKET, f"{FOLDERS[0]}code/inference.py")
    fake_s3.put(BUCKET, f"{FOLDERS[0]}model.tar.gz")
    endpoints_have(aws, [good(verified=lists[0])], [good("larger", promotion_id="release-7", verified=lists[0])])
    assert audit() == {"lists": 1, "changed": 2}
    assert measured(capsys) == [2.0]
    (replaced, promotions), (added, _) = logged(caplog)
    assert promotions == ("reviews/qa by release-6", "reviews/qa by release-7")
    assert f"{FOLDERS[0]}model.tar.gz is its version" in replaced
    assert added == f"s3://{BUCKET}/{FOLDERS[0]}code/inference.py is not part of the model"


def test_a_list_that_was_changed_is_a_change(
    aws: Stubs, fake_s3: FakeS3, lists: list[VerifiedCopies], caplog: pytest.LogCaptureFixture
) -> None:
    for place in [place for place in fake_s3.objects if place[0] == HUB.bucket]:
        fake_s3.put(*place)
    endpoints_have(aws, [good(verified=lists[0])])
    assert audit()["changed"] == 1
    assert "is not the list of verified copies" in logged(caplog)[0][0]


def test_what_is_not_deployed_any_more_and_what_was_never_verified_is_left_out(
    aws: Stubs, fake_s3: FakeS3, lists: list[VerifiedCopies]
) -> None:
    removed = verified(fake_s3, FOLDERS[0], "promote-removed-999999999999-us-east-1")
    endpoints_have(aws, [good(verified=removed), good("older")], roles=0)
    assert audit() == {"lists": 0, "changed": 0}


def test_what_cannot_be_compared_hides_no_change_and_fails_the_run(
    aws: Stubs, fake_s3: FakeS3, lists: list[VerifiedCopies], capsys: pytest.CaptureFixture[str]
) -> None:
    for folder in FOLDERS:
        fake_s3.put(BUCKET, f"{folder}code/inference.py")
    fake_s3.refuse("ListObjectVersions", "AccessDenied", 403)
    endpoints_have(aws, [good("new", verified=lists[1]), good(verified=lists[0])])
    with pytest.raises(AccessDenied, match="s3:ListBucketVersions"):
        audit()
    assert measured(capsys) == [1.0]


def test_a_role_that_cannot_be_assumed_hides_no_change_elsewhere(
    aws: Stubs, fake_s3: FakeS3, lists: list[VerifiedCopies], capsys: pytest.CaptureFixture[str]
) -> None:
    elsewhere = verified(fake_s3, FOLDERS[0], DEV.artifact_bucket)
    fake_s3.put(BUCKET, f"{FOLDERS[0]}code/inference.py")
    endpoints_have(aws, [good("new", verified=elsewhere), good(verified=lists[0])], roles=0)
    aws.sts.add_client_error("assume_role", "AccessDenied", "not authorized")
    aws.allow_assume_role()
    with pytest.raises(AccessDenied, match="role/promote-dev-auditor"):
        audit()
    assert measured(capsys) == [1.0]


def test_throttling_is_waited_for(aws: Stubs, fake_s3: FakeS3, lists: list[VerifiedCopies]) -> None:
    fake_s3.refuse("ListObjectVersions", "SlowDown", 503, times=2)
    endpoints_have(aws, [good(verified=lists[0])])
    assert audit() == {"lists": 1, "changed": 0}
