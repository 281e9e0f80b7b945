"""Which of the recorded model packages are promoted, and what their containers are."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from lambdas.promotion.contract.errors import ModelPackageNotApproved
from lambdas.promotion.model import definition
from lambdas.promotion.resolve import eligibility
from recordings import store
from recordings.store import Recording
from tests.recorded import answer, walked

WHOLE = store.response("sagemaker/DescribeModelPackage/versioned-completed-pending-approval")
XGBOOST = (
    "433757028032.dkr.ecr.us-west-2.amazonaws.com/xgboost"
    "@sha256:a219d35e7bc4158e972b8e6fa18028b05bdc97a9fe8da2ba16f7e3dc1bc685b4"
)
XGBOOST_DATA = "s3://source-data-bucket/sagemaker/model/xgboost-mnist-model.tar.gz"


@dataclass(frozen=True)
class Version:
    """Whether a version is promoted, or what the model registry reports of it; its image, its data and their ETag."""

    image: str = (
        "257758044811.dkr.ecr.us-east-2.amazonaws.com/sagemaker-xgboost"
        "@sha256:99fa602cff19aee33297a5926f8497ca7bcd2a391b7d600300204eef803bca66"
    )
    uri: str = "s3://sagemaker-us-east-2-111122223333/ModelGroup1/pipelines-0gdonccek7o9/output/model.tar.gz"
    etag: str | None = None
    refusal: str | None = None


@walked(
    "sagemaker/DescribeModelPackage",
    {
        "versioned-completed-pending-approval": Version(refusal="reports PendingManualApproval (status Completed)"),
        "unversioned-pending": Version(XGBOOST, XGBOOST_DATA, refusal="reports None (status Pending)"),
        "unversioned-in-progress": Version(XGBOOST, XGBOOST_DATA, refusal="reports None (status InProgress)"),
        "unversioned-completed": Version(XGBOOST, XGBOOST_DATA, refusal="reports None (status Completed)"),
        "unversioned-deleting": Version(XGBOOST, XGBOOST_DATA, refusal="reports None (status Deleting)"),
        "versioned-name-is-arn": Version(),
        "with-metrics-and-customer-metadata": Version(
            "662702820516.dkr.ecr.eu-north-1.amazonaws.com/sagemaker-xgboost"
            "@sha256:04889b02181f14632e19ef6c2a7d74bfe699ff4c7f44669a78834bc90b77fe5a",
            "s3://models-bucket/output/model.tar.gz",
            refusal="reports PendingManualApproval (status Completed)",
        ),
        "server-adds-container-members": Version(
            "111122223333.dkr.ecr.us-east-1.amazonaws.com/demo@sha256:abc",
            "s3://bucket/model.tar.gz",
            etag="etag",
            refusal="reports PendingManualApproval (status Completed)",
        ),
    },
)
def test_only_an_approved_version_is_promoted_and_its_content_is_pinned(recorded: Recording, expected: Version) -> None:
    package = WHOLE | answer(recorded) if recorded.partial else answer(recorded)
    if expected.refusal:
        with pytest.raises(ModelPackageNotApproved) as refused:
            eligibility.require_approved(package)
        assert expected.refusal in str(refused.value)
    else:
        eligibility.require_approved(package)
    carried = definition.of_package(package, subject=recorded.name)
    ((image,), (data,)) = carried.images, carried.s3_references
    assert (image, data.uri, data.etag) == (expected.image, expected.uri, expected.etag)
