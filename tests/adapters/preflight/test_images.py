"""The preflight reads the manifest of an image that is copied, which is input of whoever pushed it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lambdas.promotion.aws import sessions
from lambdas.promotion.aws.sessions import RoleSession
from lambdas.promotion.contract.document import ImageCopy
from lambdas.promotion.contract.errors import ImageNotFound, UnsupportedModel
from lambdas.promotion.preflight.checks import images
from lambdas.promotion.preflight.findings import Finding, Inconclusive
from tests.adapters.conftest import Stubs
from tests.unit.builders import DEV, QA

DIGEST = f"sha256:{'a' * 64}"
SOURCE = f"222222222222.dkr.ecr.us-east-1.amazonaws.com/team/model@{DIGEST}"
IMAGE = ImageCopy(source=SOURCE, target=SOURCE.replace("222222222222", "333333333333"))
READER = "arn:aws:iam::222222222222:role/promote-dev-reader"


def fetch() -> list[Any]:
    return images.fetch(IMAGE, account=RoleSession(READER, sessions._session, "us-east-1"))


def manifest_is(aws: Stubs, content: str) -> None:
    image = {"imageId": {"imageDigest": DIGEST}, "imageManifest": content}
    aws.ecr.add_response("batch_get_image", {"images": [image], "failures": []})


def test_one_layer_is_asked_for(aws: Stubs) -> None:
    manifest_is(aws, json.dumps({"layers": [{"digest": DIGEST, "size": 1}]}))
    parameters = {"registryId": "222222222222", "repositoryName": "team/model", "layerDigest": DIGEST}
    aws.ecr.add_response("get_download_url_for_layer", {"downloadUrl": "https://layer"}, parameters)
    assert fetch() == []


@pytest.mark.parametrize("content", ['{"layers": null}', "[]", "no", '{"layers": [{"digest": 7}]}'])
def test_a_manifest_that_is_none_is_a_finding_by_the_name_of_its_image(aws: Stubs, content: str) -> None:
    manifest_is(aws, content)
    (finding,) = fetch()
    assert isinstance(finding, Finding)
    assert (finding.error, finding.resource) == (UnsupportedModel, SOURCE)
    assert f"The image {SOURCE} cannot be copied" in finding.message


def test_an_image_that_is_missing_is_a_finding(aws: Stubs) -> None:
    aws.ecr.add_response("batch_get_image", {"images": [], "failures": [{"failureCode": "ImageNotFound"}]})
    (finding,) = fetch()
    assert isinstance(finding, Finding)
    assert (finding.error, finding.resource) == (ImageNotFound, SOURCE)


def test_awss_algorithm_is_inconclusive_because_sagemaker_alone_pulls_it(aws: Stubs) -> None:
    message = "User: x is not authorized to perform: ecr:BatchGetImage on resource: y because no resource-based policy"
    aws.ecr.add_client_error("batch_get_image", "AccessDeniedException", f"{message} allows the action", 400)
    image = "811284229777.dkr.ecr.us-east-1.amazonaws.com/blazingtext:1"
    (result,) = images.pull(image, QA, source=DEV, account=RoleSession(READER, sessions._session, "us-east-1"))
    assert isinstance(result, Inconclusive)
    assert (image in result.subject, "lets SageMaker pull" in result.reason) == (True, True)
