"""ECR: is an image there, which content does its name stand for, and may the target use it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from lambdas.promotion.aws import error_codes
from lambdas.promotion.aws.sessions import RoleSession
from lambdas.promotion.contract.errors import AccessDenied, CallRefused, ImageNotAccessible, ImageNotFound
from lambdas.promotion.contract.resource_names import Role
from lambdas.promotion.contract.settings import Environment
from lambdas.promotion.images import references
from lambdas.promotion.images.references import Image

if TYPE_CHECKING:
    from mypy_boto3_ecr import ECRClient
    from mypy_boto3_ecr.type_defs import ImageIdentifierTypeDef

# Every kind of manifest that we take as it was pushed. The API's page knows no index; AWS's own resolver for containerd
# asks for these (awslabs/amazon-ecr-containerd-resolver, ecr/base.go).
_MEDIA_TYPES = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
# What a pull takes (AWS: ECR, repository policy examples), beside GetAuthorizationToken.
_PULL = ("ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer")


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """An image as its registry has it: `content` is the very text whose sha256 is the digest.

    `media_type` is None where only the content says it.
    """

    digest: str
    media_type: str | None
    content: str


def digests(addresses: Iterable[str], account: RoleSession) -> dict[str, str | None]:
    """Return the digest of each image, or None where it cannot be asked for. Raises what digest_of raises."""
    return {address: digest_of(address, account=account) for address in addresses}


def digest_of(address: str, *, account: RoleSession) -> str | None:
    """Return the digest that an image's tag stands for now; one that names its digest is not asked for.

    None for a registry that is not ECR, that lies in another Region (SageMaker would not pull from there either), or
    whose repository's policy does not let this account ask. A right that our own role lacks is AccessDenied: the model
    would not be pinned, and nobody would know.

    Raises ImageNotFound, AccessDenied.
    """
    image = references.parse(address)
    if image.digest or image.region != account.region:
        return image.digest
    try:
        found = find(image, ecr=account.ecr)
    except AccessDenied as error:
        # AWS: "Troubleshoot access denied error messages", implicit denials name the kind of policy that is missing.
        if image.account == account.id or "identity-based policy" in str(error):
            raise
        return None
    if found is None:
        raise ImageNotFound(
            f"The model's image {address} is not there: {_where(image)} has no such image. Push it or register the "
            "model again."
        )
    return found.digest


def exists(address: str, *, account: RoleSession) -> bool:
    """Say whether the account's registry has an image."""
    return find(references.parse(address), ecr=account.ecr) is not None


def find(image: Image, *, ecr: ECRClient) -> Manifest | None:
    """Return the image as it is now, None if the image or its repository does not exist. Raises AccessDenied."""
    named: ImageIdentifierTypeDef = (
        {"imageDigest": image.digest} if image.digest else {"imageTag": image.tag or "latest"}
    )
    try:
        answer = ecr.batch_get_image(
            registryId=str(image.account),
            repositoryName=image.repository,
            imageIds=[named],
            acceptedMediaTypes=list(_MEDIA_TYPES),
        )
    except ClientError as error:
        if error_codes.code_of(error) == error_codes.ECR_NO_SUCH_REPOSITORY:
            return None
        raise
    for found in answer["images"]:
        return Manifest(
            digest=found["imageId"]["imageDigest"],
            media_type=found.get("imageManifestMediaType"),
            content=found["imageManifest"],
        )
    (failure,) = answer["failures"]
    if failure["failureCode"] == error_codes.ECR_NO_SUCH_IMAGE:
        return None
    raise CallRefused(
        f"ECR does not give the image {image.name} ({failure['failureCode']}: {failure.get('failureReason')})."
    )


def require_usable(addresses: Iterable[str], target: Environment, *, account: RoleSession) -> None:
    """Ask for each image as the target will. What is not in ECR is not asked for.

    Raises ImageNotFound, or ImageNotAccessible if some image may not be pulled, with all problems of all images.
    """
    missing, denied = [], []
    for address in addresses:
        image = references.parse(address)
        if image.account is None:
            continue
        try:
            if find(image, ecr=account.ecr) is None:
                missing.append(f"{address} is not there: {_where(image)} has no such image. {_advice(image, target)}")
        except AccessDenied as error:
            denied.append(f"{error} {_remedy(image, target)}")
    if denied:
        raise ImageNotAccessible(" ".join([*denied, *missing]))
    if missing:
        raise ImageNotFound(" ".join(missing))


def _where(image: Image) -> str:
    return f"account {image.account} in {image.region}, repository {image.repository},"


def _advice(image: Image, target: Environment) -> str:
    if image.account == target.account:
        return "Push it there, with this digest if one is named."
    return (
        "Push it there, with this digest if one is named, or push it to a repository of yours and map it (`images` of "
        "the stage)."
    )


def _remedy(image: Image, target: Environment) -> str:
    execution_role = target.role_arn(Role.EXECUTION)
    rights = f"{', '.join(_PULL)} on {image.repository_arn}, and ecr:GetAuthorizationToken"
    if image.account == target.account:
        return f"The execution role {execution_role} needs {rights}."
    statement = {
        "Sid": "TargetsPull",
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{target.account}:root"},
        "Action": list(_PULL),
    }
    return (
        f"In account {image.account} the policy of the repository {image.repository} in {image.region} must have the "
        f"statement {json.dumps(statement)}. In the target the execution role {execution_role} needs {rights}."
    )
