"""Queries to ECR: whether an image exists, which digest its tag refers to, and whether the target may pull it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from lambdas.promotion.aws import error_codes
from lambdas.promotion.aws.sessions import RoleSession
from lambdas.promotion.contract.errors import (
    AccessDenied,
    CallRefused,
    ImageNotAccessible,
    ImageNotFound,
    ServiceUnavailable,
)
from lambdas.promotion.contract.roles import Role
from lambdas.promotion.contract.settings import Environment
from lambdas.promotion.images import references
from lambdas.promotion.images.references import Image

if TYPE_CHECKING:
    from mypy_boto3_ecr import ECRClient
    from mypy_boto3_ecr.type_defs import ImageIdentifierTypeDef

# Every kind of manifest that is copied as it was pushed. The API reference does not mention an index; AWS's own
# resolver for containerd requests these (awslabs/amazon-ecr-containerd-resolver, ecr/base.go).
_MEDIA_TYPES = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
_REPOSITORYS_DENIALS = ("because no resource-based policy allows", "with an explicit deny in a resource-based policy")
# The permissions of a pull (AWS: ECR, repository policy examples), beside GetAuthorizationToken.
_PULL = ("ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer")


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """A manifest as the image registry returns it: the sha256 of `content` is the digest.

    `media_type` is None where only the content has it.
    """

    digest: str
    media_type: str | None
    content: str


def digests(images: Iterable[str], account: RoleSession) -> dict[str, str | None]:
    """Return the digest of each image, or None where it cannot be queried. Raises what digest_of raises."""
    return {image: digest_of(image, account=account) for image in images}


def digest_of(uri: str, *, account: RoleSession) -> str | None:
    """Return the digest that an image's tag refers to now; an image that is pinned to a digest is not queried.

    None for a URI that cannot be read, a registry that is not ECR, that is in another Region (SageMaker would not pull
    from there either), or whose repository policy does not let this account query it. Whatever else denies it is
    AccessDenied (an identity policy, a permissions boundary, a session policy, a control policy, a VPC endpoint's
    policy): the model would silently not be pinned.

    Raises ImageNotFound, AccessDenied, CallRefused.
    """
    try:
        image = references.parse(uri)
    except references.ImageProblem:
        # The adaptation to the stage refuses it by its field, together with all else (adaptation.py).
        return None
    if image.digest or image.region != account.region:
        return image.digest
    try:
        manifest = find(image, ecr=account.ecr)
    except AccessDenied as error:
        if image.account == account.id or not _is_repositorys_denial(error):
            raise
        return None
    if manifest is None:
        raise ImageNotFound(
            f"The model's image {uri} does not exist: {_location(image)} has no such image. Push it or register the "
            "model again."
        )
    return manifest.digest


def exists(uri: str, *, account: RoleSession) -> bool:
    """Whether the account's image registry has an image."""
    return find(references.parse(uri), ecr=account.ecr) is not None


def find(image: Image, *, ecr: ECRClient) -> Manifest | None:
    """Return the image as it is now, None if the image or its repository does not exist.

    Raises AccessDenied, CallRefused, ServiceUnavailable (Transient).
    """
    identifier: ImageIdentifierTypeDef = (
        {"imageDigest": image.digest} if image.digest else {"imageTag": image.tag or "latest"}
    )
    try:
        response = ecr.batch_get_image(
            registryId=str(image.account),
            repositoryName=image.repository,
            imageIds=[identifier],
            acceptedMediaTypes=list(_MEDIA_TYPES),
        )
    except ClientError as error:
        if error_codes.code_of(error) == error_codes.ECR_NO_SUCH_REPOSITORY:
            return None
        raise
    for described in response["images"]:
        return Manifest(
            digest=described["imageId"]["imageDigest"],
            media_type=described.get("imageManifestMediaType"),
            content=described["imageManifest"],
        )
    failures = [f"{failure.get('failureCode')}: {failure.get('failureReason')}" for failure in response["failures"]]
    codes = {failure.get("failureCode") for failure in response["failures"]}
    if codes == {error_codes.ECR_NO_SUCH_IMAGE}:
        return None
    reasons = "; ".join(failures) or "without a reason"
    if codes & error_codes.ECR_UPSTREAM_UNAVAILABLE:
        raise ServiceUnavailable(f"ECR does not return the image {image.name} ({reasons}). It was retried.")
    raise CallRefused(f"ECR does not return the image {image.name} ({reasons}).")


def require_usable(
    images: Iterable[str], target: Environment, *, source: Environment, account: RoleSession
) -> list[str]:
    """Query each image as the target will; return those that only SageMaker can query. Images outside of ECR are not
    queried.

    Those are of AWS: it lets no customer pull the images of SageMaker's algorithms, and SageMaker pulls them itself.

    Raises ImageNotFound, or ImageNotAccessible if some image may not be pulled, with all problems of all images; and
    as `find`.
    """
    missing, denied, unverified = [], [], []
    for uri in images:
        image = references.parse(uri)
        if image.account is None:
            continue
        try:
            if find(image, ecr=account.ecr) is None:
                missing.append(f"{uri} does not exist: {_location(image)} has no such image. {_advice(image, target)}")
        except AccessDenied as error:
            foreign = image.account != target.account and _is_repositorys_denial(error)
            if foreign and image.account != source.account and references.is_awss_own(image):
                unverified.append(uri)
            else:
                denied.append(f"{error} {_remedy(image, target, source=source, of_repository=foreign)}")
    if denied:
        raise ImageNotAccessible(" ".join([*denied, *missing]))
    if missing:
        raise ImageNotFound(" ".join(missing))
    return unverified


def _location(image: Image) -> str:
    return f"account {image.account} in {image.region}, repository {image.repository},"


def _advice(image: Image, target: Environment) -> str:
    if image.account == target.account:
        return "Push it, with this digest if the model names one."
    return (
        "Push it, with this digest if the model names one, or push it to a repository of yours and map it (`images` "
        "of the stage)."
    )


def _is_repositorys_denial(error: AccessDenied) -> bool:
    """Whether the repository's policy denied the call, and not the caller's own side.

    AWS names the type of the policy that denied, and only one if several do (AWS: IAM, troubleshoot access denied
    error messages).
    """
    return any(ending in error.message for ending in _REPOSITORYS_DENIALS)


def _remedy(image: Image, target: Environment, *, source: Environment, of_repository: bool) -> str:
    execution_role = target.role_arn(Role.EXECUTION)
    permissions = f"{', '.join(_PULL)} on {image.repository_arn}, and ecr:GetAuthorizationToken"
    if not of_repository:
        return f"The execution role {execution_role} requires {permissions}."
    statement = {
        "Sid": "TargetsPull",
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{target.account}:root"},
        "Action": list(_PULL),
    }
    remedy = references.remedy_in_file(image, source=source, to="that the target may pull")
    return (
        f"In account {image.account} the policy of the repository {image.repository} in {image.region} must have the "
        f"statement {json.dumps(statement)}. In the target the execution role {execution_role} requires "
        f"{permissions}. Or, {remedy}."
    )
