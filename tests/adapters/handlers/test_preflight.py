"""The step in situations that no promotion in the sandbox reaches."""

from __future__ import annotations

import io
import json
import time
from dataclasses import replace
from typing import Any

import pytest

from lambdas.handlers import preflight
from lambdas.promotion.contract.document import Change, ImageCopy, Progress, Promotion, Transfer
from lambdas.promotion.contract.errors import PreflightFailed
from lambdas.promotion.contract.roles import Role
from lambdas.promotion.contract.steps import STEPS_BY_ROLE, Step
from lambdas.promotion.preflight import run as preflight_run
from tests.adapters.conftest import AnyRole, Stubs
from tests.adapters.fake_s3 import FakeS3
from tests.unit.builders import BEGUN, BUCKET, REQUEST, STAGE, artifact, promotion

IMAGE = ImageCopy(
    source=f"222222222222.dkr.ecr.us-east-1.amazonaws.com/team/model@sha256:{'0' * 64}",
    target=f"333333333333.dkr.ecr.us-east-1.amazonaws.com/promote/team/model@sha256:{'0' * 64}",
)


def event(promotion: Promotion) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(json.dumps({"promotion": promotion.to_json(), "retry_count": 0}))
    return document


def refuse_every_role(aws: Stubs) -> AnyRole:
    sts = AnyRole(lambda _: False)
    aws.in_place["sts"] = sts.client
    return sts


def test_every_role_that_cannot_be_assumed_is_reported_at_once(aws: Stubs, caplog: pytest.LogCaptureFixture) -> None:
    aws.s3.add_response("get_object", {"Body": io.BytesIO(b"")})  # the list: the model has no artifacts
    sts = refuse_every_role(aws)
    with pytest.raises(PreflightFailed) as raised:
        preflight.handler(event(promotion()), None)
    message = str(raised.value)
    assert "found 3 problems with" in message
    assert "sts:AssumeRole on arn:aws:iam::222222222222:role/promote-dev-copier" in message
    assert "sts:AssumeRole on arn:aws:iam::333333333333:role/promote-qa-receiver" in message
    assert "sts:AssumeRole on arn:aws:iam::333333333333:role/promote-qa-deployer" in message
    assert len([line for line in caplog.messages if line == "Preflight finding"]) == 3
    # Copier, receiver and deployer to ask; the copier and the deployer to work.
    assert sorted(sts.entered) == ["copier", "copier", "deployer", "deployer", "receiver"]


def test_where_images_are_copied_reader_and_pusher_are_required_too(aws: Stubs) -> None:
    refuse_every_role(aws)
    result = preflight_run.run(replace(promotion(), images=(IMAGE,)), [], until=time.monotonic() + 60)
    assert sorted(finding.resource.rpartition("-")[2] for finding in result.findings) == [
        "copier",
        "deployer",
        "pusher",
        "reader",
        "receiver",
    ]


def test_a_role_without_specific_checks_is_assumed_all_the_same(aws: Stubs, monkeypatch: pytest.MonkeyPatch) -> None:
    """Role.EXECUTION stands for it: no step has it today."""
    monkeypatch.setitem(STEPS_BY_ROLE, Role.EXECUTION, (Step.PREFLIGHT,))
    refuse_every_role(aws)
    result = preflight_run.run(promotion(), [], until=time.monotonic() + 60)
    assert "arn:aws:iam::333333333333:role/promote-qa-execution" in [finding.resource for finding in result.findings]


def test_a_dry_run_of_the_live_model_probes_nothing(aws: Stubs) -> None:
    dry_run = replace(promotion(), request=replace(REQUEST, dry_run=True))
    dry_run = dry_run.with_change(Change(progress=Progress.NOTHING_TO_DO, previous_config=dry_run.desired_config.name))
    aws.s3.add_response("get_object", {"Body": io.BytesIO(b"")})
    aws.allow_assume_role()
    aws.allow_assume_role()
    described: dict[str, Any] = {
        "EndpointName": STAGE.endpoint,
        "EndpointArn": "arn:aws:sagemaker:us-east-1:333333333333:endpoint/reviews-qa",
        "EndpointConfigName": dry_run.desired_config.name,
        "EndpointStatus": "InService",
        "CreationTime": BEGUN,
        "LastModifiedTime": BEGUN,
    }
    aws.sagemaker.add_response("describe_endpoint", described)
    config = {"EndpointConfigArn": "arn:aws:sagemaker:x:3:endpoint-config/c", "CreationTime": BEGUN}
    aws.sagemaker.add_response("describe_endpoint_config", {**dry_run.desired_config.request, **config})
    planned = Promotion.from_json(preflight.handler(event(dry_run), None)).plan
    assert planned is not None
    assert (planned["outcome"], planned["changes_anything"], planned["differences"]) == ("Planned", False, [])


@pytest.mark.parametrize(
    ("objects", "dry", "read"), [(1000, False, 1000), (2500, False, 834), (2500, True, 2500)], ids=str
)
def test_a_promotion_reads_some_of_very_many_objects_and_a_dry_run_all(
    aws: Stubs, fake_s3: FakeS3, objects: int, dry: bool, read: int
) -> None:
    changing = replace(promotion(), request=replace(REQUEST, dry_run=dry))
    aws.in_place["sts"] = AnyRole(lambda request: "s3:PutObject*" in request["Policy"]).client  # the copier to work
    artifacts = []
    for number in range(objects):
        fake_s3.put(BUCKET, f"v7/{number:05}", 5)
        source = fake_s3.objects[BUCKET, f"v7/{number:05}"]
        artifacts.append(artifact(f"{number:05}", key=f"v7/{number:05}", etag=source.etag, size=5))
    result = preflight_run.run(
        changing, [Transfer(artifact=copied, exists=True) for copied in artifacts], until=time.monotonic() + 60
    )
    assert fake_s3.calls["GetObject"] == read
    unread = [str(check) for check in result.inconclusive if "objects" in str(check)]
    more = f"{objects - read} of the {objects} objects: they were not read; Plan the copy looks at each"
    assert unread == ([] if read == objects else [more])
