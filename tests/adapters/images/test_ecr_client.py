"""Asking registries: what a tag means, and whether the target may use an image."""

from __future__ import annotations

from typing import Any

import pytest

from lambdas.promotion.aws import sessions
from lambdas.promotion.aws.sessions import RoleSession
from lambdas.promotion.contract.errors import AccessDenied, CallRefused, ImageNotAccessible, ImageNotFound, Throttled
from lambdas.promotion.images import ecr_client
from recordings import store
from tests.adapters.conftest import Stubs
from tests.unit.builders import DEV, QA

DIGEST = f"sha256:{'a' * 64}"
OWN = "222222222222.dkr.ecr.us-east-1.amazonaws.com/team/model"
THEIRS = "555555555555.dkr.ecr.us-east-1.amazonaws.com/team/model"
HERE = "333333333333.dkr.ecr.us-east-1.amazonaws.com/promote/team/model"
MEDIA_TYPES = [
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.docker.distribution.manifest.v2+json",
]
DENIALS = store.response("ecr/BatchGetImage/forms-of-denial")
OWN_SIDE, REPOSITORY_SIDE = DENIALS["own_side"], DENIALS["repository"]
# A person chooses the name of a session or a repository.
NAMED_LIKE_A_REASON = "(resource-based-policy) because no permissions boundary allows the ecr:BatchGetImage action"


def account(number: str = "222222222222", role: str = "dev-reader") -> RoleSession:
    return RoleSession(f"arn:aws:iam::{number}:role/promote-{role}", sessions._session, "us-east-1")


TARGET = ("333333333333", "qa-deployer")


def requested(number: str, **image: str) -> dict[str, Any]:
    repository = "promote/team/model" if number == "333333333333" else "team/model"
    return {
        "registryId": number,
        "repositoryName": repository,
        "imageIds": [image],
        "acceptedMediaTypes": MEDIA_TYPES,
    }


def image_exists(aws: Stubs, parameters: dict[str, Any]) -> None:
    image = {"imageId": {"imageDigest": DIGEST}, "imageManifest": "{}", "imageManifestMediaType": "a"}
    aws.ecr.add_response("batch_get_image", {"images": [image], "failures": []}, parameters)


def image_is_missing(aws: Stubs, code: str = "ImageNotFound") -> None:
    failure: dict[str, Any] = {"failureCode": code, "failureReason": "the reason"}
    aws.ecr.add_response("batch_get_image", {"images": [], "failures": [failure]})


def denied(aws: Stubs, ending: str) -> None:
    message = f"User: x is not authorized to perform: ecr:BatchGetImage on resource: y {ending}"
    aws.ecr.add_client_error("batch_get_image", "AccessDeniedException", message, 400)


def test_a_tag_means_a_digest_now(aws: Stubs) -> None:
    image_exists(aws, requested("222222222222", imageTag="1.2"))
    assert ecr_client.digest_of(f"{OWN}:1.2", account=account()) == DIGEST


def test_an_image_without_a_tag_is_the_latest(aws: Stubs) -> None:
    image_exists(aws, requested("222222222222", imageTag="latest"))
    assert ecr_client.digest_of(OWN, account=account()) == DIGEST


@pytest.mark.parametrize(
    ("image", "digest"),
    [
        (f"{OWN}:1.2@{DIGEST}", DIGEST),
        ("public.ecr.aws/team/model:1", None),
        ("team/model", None),
        (f"{OWN}@sha512:{'a' * 128}", None),
        (OWN.replace("us-east-1", "eu-west-1"), None),
    ],
)
def test_what_is_pinned_or_cannot_be_asked_here_is_not_asked_for(aws: Stubs, image: str, digest: str | None) -> None:
    assert ecr_client.digest_of(image, account=account()) == digest


def test_each_image_is_asked_for(aws: Stubs) -> None:
    image_exists(aws, requested("222222222222", imageTag="1"))
    image_exists(aws, requested("555555555555", imageTag="2"))
    assert ecr_client.digests([f"{OWN}:1", f"{THEIRS}:2"], account()) == {f"{OWN}:1": DIGEST, f"{THEIRS}:2": DIGEST}


def test_a_missing_image_is_refused_by_its_uri(aws: Stubs) -> None:
    image_is_missing(aws)
    with pytest.raises(ImageNotFound, match=rf"{OWN}:1 .*account 222222222222 in us-east-1, repository team/model"):
        ecr_client.digest_of(f"{OWN}:1", account=account())


def test_a_repository_that_is_missing_has_no_image(aws: Stubs) -> None:
    aws.ecr.add_client_error("batch_get_image", "RepositoryNotFoundException", "The repository does not exist")
    with pytest.raises(ImageNotFound):
        ecr_client.digest_of(f"{OWN}:1", account=account())


@pytest.mark.parametrize("ending", REPOSITORY_SIDE)
def test_a_repository_that_does_not_let_us_ask_leaves_the_tag(aws: Stubs, ending: str) -> None:
    denied(aws, ending)
    assert ecr_client.digest_of(f"{THEIRS}:1", account=account()) is None


@pytest.mark.parametrize("ending", [*OWN_SIDE, "", "with an explicit deny", NAMED_LIKE_A_REASON])
def test_a_denial_by_our_own_side_is_never_missed_silently(aws: Stubs, ending: str) -> None:
    denied(aws, ending)
    with pytest.raises(AccessDenied, match="ecr:BatchGetImage"):
        ecr_client.digest_of(f"{THEIRS}:1", account=account())


@pytest.mark.parametrize("ending", [*OWN_SIDE, *REPOSITORY_SIDE])
def test_the_images_own_account_always_lets_us_ask(aws: Stubs, ending: str) -> None:
    denied(aws, ending)
    with pytest.raises(AccessDenied):
        ecr_client.digest_of(f"{OWN}:1", account=account())


def test_the_recorded_denials_tell_the_two_sides_apart(aws: Stubs) -> None:
    for recorded in (
        store.error("ecr/BatchGetImage/denied-by-no-policy-of-the-repository"),
        store.error("ecr/BatchGetImage/denied-by-no-policy-of-the-role"),
    ):
        error = recorded.response["Error"]
        aws.ecr.add_client_error("batch_get_image", error["Code"], error["Message"], 400)
    assert ecr_client.digest_of(f"{THEIRS}:1", account=account()) is None
    with pytest.raises(AccessDenied):
        ecr_client.digest_of(f"{THEIRS}:1", account=account())


def test_an_image_that_ecr_does_not_return_is_reported_with_its_reason(aws: Stubs) -> None:
    image_is_missing(aws, "ImageInaccessible")
    with pytest.raises(CallRefused, match="ImageInaccessible: the reason"):
        ecr_client.digest_of(f"{OWN}:1", account=account())


def test_a_throttled_query_is_retried_by_the_workflow(aws: Stubs) -> None:
    aws.ecr.add_client_error("batch_get_image", "ThrottlingException", "Rate exceeded")
    with pytest.raises(Throttled):
        ecr_client.digest_of(f"{OWN}:1", account=account())


# What the target may use


def test_images_that_the_target_may_use_are_asked_for_by_their_digest_and_go_further(aws: Stubs) -> None:
    image_exists(aws, requested("222222222222", imageDigest=DIGEST))
    image_exists(aws, requested("333333333333", imageDigest=DIGEST))
    images = [f"{OWN}@{DIGEST}", f"{HERE}@{DIGEST}", "registry.example/team/model:1"]
    ecr_client.require_usable(images, QA, source=DEV, account=account(*TARGET))


def test_a_missing_image_is_refused(aws: Stubs) -> None:
    image_is_missing(aws)
    with pytest.raises(ImageNotFound, match=rf"{OWN}@{DIGEST} does not exist: account 222222222222"):
        ecr_client.require_usable([f"{OWN}@{DIGEST}"], QA, source=DEV, account=account(*TARGET))


def test_an_image_that_may_not_be_pulled_is_reported_with_the_required_statements(aws: Stubs) -> None:
    denied(aws, REPOSITORY_SIDE[0])
    with pytest.raises(ImageNotAccessible) as message:
        ecr_client.require_usable([f"{OWN}@{DIGEST}"], QA, source=DEV, account=account(*TARGET))
    for words in (
        "arn:aws:iam::333333333333:role/promote-qa-deployer",
        "In account 222222222222 the policy of the repository team/model",
        '"Principal": {"AWS": "arn:aws:iam::333333333333:root"}',
        '"Action": ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]',
        "arn:aws:iam::333333333333:role/promote-qa-execution",
        "arn:aws:ecr:us-east-1:222222222222:repository/team/model",
        "ecr:GetAuthorizationToken",
    ):
        assert words in str(message.value)


def test_the_remedy_in_promotion_yaml_is_named(aws: Stubs) -> None:
    for image, copied in ((OWN, True), (THEIRS, False)):
        denied(aws, REPOSITORY_SIDE[0])
        with pytest.raises(ImageNotAccessible, match=r"`images` of the stage") as message:
            ecr_client.require_usable([f"{image}@{DIGEST}"], QA, source=DEV, account=account(*TARGET))
        assert ("`copy_images: true`" in str(message.value)) is copied


ALGORITHM = "811284229777.dkr.ecr.us-east-1.amazonaws.com/blazingtext:1"


@pytest.mark.parametrize("ending", REPOSITORY_SIDE)
def test_an_image_that_aws_lets_only_sagemaker_pull_is_not_verified(aws: Stubs, ending: str) -> None:
    denied(aws, ending)
    images = [ALGORITHM, "public.ecr.aws/a:1"]
    assert ecr_client.require_usable(images, QA, source=DEV, account=account(*TARGET)) == [ALGORITHM]


@pytest.mark.parametrize("ending", OWN_SIDE)
def test_a_denial_by_our_own_side_of_awss_image_is_told(aws: Stubs, ending: str) -> None:
    denied(aws, ending)
    with pytest.raises(ImageNotAccessible, match="The execution role"):
        ecr_client.require_usable([ALGORITHM], QA, source=DEV, account=account(*TARGET))


def test_the_recorded_denial_of_an_algorithm_is_the_repositorys(aws: Stubs) -> None:
    message = store.error("ecr/BatchGetImage/built-in-algorithm-denied").response["Error"]["Message"]
    aws.ecr.add_client_error("batch_get_image", "AccessDeniedException", message, 400)
    image = "272398656194.dkr.ecr.me-central-1.amazonaws.com/forecasting-deepar:1"
    assert ecr_client.require_usable([image], QA, source=DEV, account=account(*TARGET)) == [image]


@pytest.mark.parametrize("ending", OWN_SIDE)
def test_a_denial_by_our_own_side_asks_for_no_repository_policy(aws: Stubs, ending: str) -> None:
    denied(aws, ending)
    with pytest.raises(ImageNotAccessible) as message:
        ecr_client.require_usable([f"{OWN}@{DIGEST}"], QA, source=DEV, account=account(*TARGET))
    assert ending in str(message.value)
    assert "TargetsPull" not in str(message.value)


def test_in_its_own_account_an_image_needs_no_repository_policy(aws: Stubs) -> None:
    denied(aws, OWN_SIDE[0])
    with pytest.raises(ImageNotAccessible) as message:
        ecr_client.require_usable([f"{HERE}@{DIGEST}"], QA, source=DEV, account=account(*TARGET))
    assert "TargetsPull" not in str(message.value)


def test_all_problems_of_all_images_are_reported_at_once(aws: Stubs) -> None:
    image_is_missing(aws)
    denied(aws, REPOSITORY_SIDE[0])
    with pytest.raises(ImageNotAccessible) as message:
        ecr_client.require_usable([f"{OWN}:1", f"{THEIRS}:1"], QA, source=DEV, account=account(*TARGET))
    assert f"{OWN}:1 does not exist" in str(message.value)
    assert "In account 555555555555" in str(message.value)


def test_all_missing_images_are_reported_at_once(aws: Stubs) -> None:
    for _ in range(2):
        image_is_missing(aws)
    with pytest.raises(ImageNotFound, match=rf"{OWN}:1 does not exist.*{THEIRS}:1 does not exist"):
        ecr_client.require_usable([f"{OWN}:1", f"{THEIRS}:1"], QA, source=DEV, account=account(*TARGET))


def test_an_answer_with_neither_an_image_nor_a_reason_is_named(aws: Stubs) -> None:
    aws.ecr.add_response("batch_get_image", {"images": [], "failures": []})
    with pytest.raises(CallRefused, match=r"does not return the image .*team/model.* \(without a reason\)"):
        ecr_client.digest_of(f"{OWN}:v1", account=account())
