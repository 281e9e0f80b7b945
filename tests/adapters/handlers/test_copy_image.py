"""The step for images: what they ask for, and in whose name."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from typing import Any

import pytest

from lambdas.handlers import compare_endpoint, copy_image
from lambdas.promotion.contract.document import ImageCopy, Progress, Promotion
from lambdas.promotion.contract.errors import ImageCopyInterrupted
from lambdas.promotion.images import oci_manifest
from tests.adapters.conftest import Stubs
from tests.unit.builders import promotion, with_known_good

DIGEST = f"sha256:{'a' * 64}"
COPY = ImageCopy(
    source=f"222222222222.dkr.ecr.us-east-1.amazonaws.com/team/model@{DIGEST}",
    target=f"333333333333.dkr.ecr.us-east-1.amazonaws.com/promote/team/model@{DIGEST}",
)


class Context:
    """What Lambda says of the run's time."""

    def __init__(self, seconds: int) -> None:
        self.seconds = seconds

    def get_remaining_time_in_millis(self) -> int:
        return self.seconds * 1000


def with_images(*images: str) -> Promotion:
    plain = promotion()
    request = {**plain.desired_model.request, "Containers": [{"Image": image} for image in images]}
    return replace(plain, images=(COPY,), desired_model=replace(plain.desired_model, request=request))


def event(given: Promotion, **more: Any) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(json.dumps({"promotion": given.to_json(), "retry_count": 0, **more}))
    return document


def found(aws: Stubs, registry: str, repository: str) -> None:
    image = {"imageId": {"imageDigest": DIGEST}, "imageManifest": "{}"}
    asked = {"registryId": registry, "repositoryName": repository, "imageIds": [{"imageDigest": DIGEST}]}
    aws.ecr.add_response("batch_get_image", {"images": [image], "failures": []}, {**asked, "acceptedMediaTypes": KINDS})


KINDS = [
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.docker.distribution.manifest.v2+json",
]


def test_an_existing_image_is_reported_as_not_copied(aws: Stubs) -> None:
    aws.allow_assume_role()
    aws.allow_assume_role()
    found(aws, "333333333333", "promote/team/model")
    answer = copy_image.handler(event(with_images(COPY.target), index=0), Context(900))
    assert answer == replace(COPY, copied=False).to_json()


def test_the_copy_ends_before_lambda_ends_it(aws: Stubs) -> None:
    aws.allow_assume_role()
    aws.allow_assume_role()
    manifest = json.dumps({"config": {"digest": f"sha256:{'b' * 64}", "size": 2}})
    digest = oci_manifest.digest_of(manifest)
    image = ImageCopy(source=COPY.source.replace(DIGEST, digest), target=COPY.target.replace(DIGEST, digest))
    missing: dict[str, Any] = {"images": [], "failures": [{"failureCode": "ImageNotFound"}]}
    aws.ecr.add_response("batch_get_image", missing)
    aws.ecr.add_response("create_repository", {})
    aws.ecr.add_response(
        "batch_get_image", {"images": [{"imageId": {"imageDigest": digest}, "imageManifest": manifest}], "failures": []}
    )
    aws.ecr.add_response("batch_check_layer_availability", {"layers": [], "failures": []})
    with_the_image = replace(with_images(image.target), images=(image,))
    with pytest.raises(ImageCopyInterrupted):
        copy_image.handler(event(with_the_image, index=0), Context(30))


@pytest.mark.parametrize("image_exists", [True, False])
def test_nothing_needs_copying_only_while_the_copied_image_exists(aws: Stubs, image_exists: bool) -> None:
    current = with_known_good(replace(promotion(), images=(COPY,)))
    aws.s3.add_response("get_object", {"Body": io.BytesIO(b"")})  # the inventory: the model has no artifacts
    for _ in range(4):  # the status of the copies, and the three lists of the plan
        aws.s3.add_response("put_object", {})
    aws.s3.add_response("get_object", {"Body": io.BytesIO(b"")})  # the copies that were verified, likewise
    aws.allow_assume_role()
    described: dict[str, Any] = {
        "EndpointName": current.stage.endpoint,
        "EndpointArn": "arn:aws:sagemaker:us-east-1:333333333333:endpoint/reviews-qa",
        "EndpointConfigName": current.desired_config.name,
        "EndpointStatus": "InService",
        "CreationTime": current.model.created_at,
        "LastModifiedTime": current.model.created_at,
        "ProductionVariants": [{"VariantName": "All", "CurrentInstanceCount": 1, "DesiredInstanceCount": 1}],
    }
    aws.sagemaker.add_response("describe_endpoint", described)
    made = {"ModelArn": "arn:aws:sagemaker:x:3:m/m", "CreationTime": current.model.created_at}
    aws.sagemaker.add_response("describe_model", {**current.desired_model.request, **made})
    config = {"EndpointConfigArn": "arn:aws:sagemaker:x:3:endpoint-config/c", "CreationTime": current.model.created_at}
    aws.sagemaker.add_response("describe_endpoint_config", {**current.desired_config.request, **config})
    if image_exists:
        found(aws, "333333333333", "promote/team/model")
    else:
        aws.ecr.add_client_error("batch_get_image", "RepositoryNotFoundException", "It does not exist")
    compared = Promotion.from_json(compare_endpoint.handler(event(current), None))
    assert (compared.result is not None) is image_exists
    assert compared.change is not None
    assert compared.change.progress is (Progress.NOTHING_TO_DO if image_exists else Progress.CHANGE_REQUIRED)
