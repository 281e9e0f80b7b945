"""Container images: whether a URI can be one, whether ECR has it, and whether a role may pull it."""

import re
from dataclasses import dataclass
from typing import Any

from ministack.core.responses import request_scope
from ministack.services import ecr

from sandbox.aws.sagemaker.api import permissions
from sandbox.aws.sagemaker.api.errors import Invalid
from sandbox.aws.sagemaker.api.roles import Credentials
from sandbox.aws.sagemaker.models import prebuilt_images
from sandbox.aws.sagemaker.state import Record

URI_PATTERN = re.compile(
    r"(?P<registry>(?P<account>\d{12})\.dkr\.ecr\.(?P<region>[a-z0-9-]+)\.amazonaws\.com(?:\.cn)?)"
    r"/(?P<repository>[^:@\s]+)(?::(?P<tag>[^@\s]+))?(?:@(?P<digest>sha256:[0-9a-f]{64}))?"
)
# What pulling takes (AWS: How to use SageMaker execution roles, CreateModel API), beside ecr:GetAuthorizationToken.
PULLING = ("BatchGetImage", "GetDownloadUrlForLayer", "BatchCheckLayerAvailability")


@dataclass(frozen=True)
class ImageUri:
    """An image in a registry of ECR."""

    registry: str
    account: str
    region: str
    repository: str
    tag: str | None
    digest: str | None

    @property
    def arn(self) -> str:
        return f"arn:aws:ecr:{self.region}:{self.account}:repository/{self.repository}"


def parse_uri(image: str) -> ImageUri | None:
    """The parts of an ECR image's URI, or None if it is another registry's."""
    match = URI_PATTERN.fullmatch(image)
    return ImageUri(**match.groupdict()) if match else None


def require_possible(container: Record, region: str, *, in_vpc: bool) -> None:
    """Raise CreateModel's error for an image that no role can pull."""
    image, config = container["Image"], container.get("ImageConfig", {})
    if _of_private_registry(container):
        if not in_vpc:
            raise Invalid(f'Image "{image}": RepositoryAccessMode Vpc needs the model\'s VpcConfig.')
        return
    if "RepositoryAuthConfig" in config:
        raise Invalid(f'Image "{image}": RepositoryAuthConfig needs RepositoryAccessMode Vpc.')
    reference = parse_uri(image)
    if reference is None:
        raise Invalid(f'Using non-ECR image "{image}" without Vpc repository access mode is not supported.')
    if reference.region != region:
        raise Invalid(
            f'Region of "{image}" does not match expected region of {region}. '
            "Cross region ECR image pulls are not allowed."
        )
    if _is_missing(reference, container.get("ImageDigest")):
        raise Invalid(f"Requested image {image} not found.")


def refusal_to_pull(container: Record, credentials: Credentials, role_arn: str, variant: str) -> str | None:
    """Why an endpoint cannot get an image, as its FailureReason; None if it can."""
    reference = parse_uri(container["Image"])
    if _of_private_registry(container) or reference is None:
        return None
    if not permissions.allows(credentials, "ecr:GetAuthorizationToken", "*"):
        return _no_permission(role_arn, "GetAuthorizationToken", container["Image"])
    for action in PULLING:
        if not _may(credentials, f"ecr:{action}", reference):
            return _no_permission(role_arn, action, container["Image"])
    if _is_missing(reference, container.get("ImageDigest")):
        return (
            f"Please make sure all images included in the model for the production variant {variant} exist, and that "
            "the execution role used to create the model has permissions to access them."
        )
    return None


def resolved(container: Record) -> str:
    """The image by its digest (API: DeployedImage.ResolvedImage), as far as ECR knows it."""
    image = str(container["Image"])
    reference = parse_uri(image)
    if _of_private_registry(container) or reference is None:
        return image
    digest = (container.get("ImageDigest") or reference.digest or "").lower()
    if not digest and (record := _record(reference, None)):
        digest = record["imageDigest"]
    return f"{reference.registry}/{reference.repository}@{digest}" if digest else image


def is_own_or_prebuilt(image: str, account: str) -> bool:
    """What a serverless endpoint may run."""
    reference = parse_uri(image)
    if reference is None:
        return False
    return reference.account in prebuilt_images.ACCOUNTS | {account} or prebuilt_images.is_algorithm(
        reference.account, reference.repository
    )


def _of_private_registry(container: Record) -> bool:
    return bool(container.get("ImageConfig", {}).get("RepositoryAccessMode") == "Vpc")


def _may(credentials: Credentials, action: str, image: ImageUri) -> bool:
    if not _repository_exists(image):
        return permissions.allows(credentials, action, image.arn)
    with request_scope(image.account, image.region):
        policy = ecr._repo_policies.get(image.repository)
    return permissions.guarded_allows(credentials, action, image.arn, policy)


def _is_missing(image: ImageUri, digest: str | None) -> bool:
    # A repository that the sandbox has not got says nothing: AWS's own images lie in accounts that it has not got.
    return _repository_exists(image) and _record(image, digest) is None


def _repository_exists(image: ImageUri) -> bool:
    with request_scope(image.account, image.region):
        return image.repository in ecr._repositories


def _record(image: ImageUri, digest: str | None) -> dict[str, Any] | None:
    digest = (digest or image.digest or "").lower()
    wanted = {"imageDigest": digest} if digest else {"imageTag": image.tag or "latest"}
    with request_scope(image.account, image.region):
        record: dict[str, Any] | None = ecr._find_image(image.repository, wanted)
    return record


def _no_permission(role_arn: str, action: str, image: str) -> str:
    return f"The role '{role_arn}' does not have {action} permission for the image: '{image}'."
