"""Container images: the parts of an image URI, and the URI of the same image in the target. Pure: no AWS calls.

A promoted model names its image by digest wherever the digest is known: a tag may move between the approval and the
day on which SageMaker replaces an instance.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from lambdas.promotion.contract import resource_names
from lambdas.promotion.contract.document import ImageCopy
from lambdas.promotion.contract.settings import Environment, Stage
from lambdas.promotion.images import aws_images, ecr_hosts

# API: ModelPackageContainerDefinition, ImageDigest, allows any letter case; a registry has lower case.
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}", re.IGNORECASE)
_DOCKER_HUB = "docker.io"
_LONGEST = 255  # API: ContainerDefinition, Image


class ImageProblem(ValueError):
    """The image cannot be used in the target. The message is a phrase with the problem and its remedy."""


@dataclass(frozen=True, kw_only=True)
class Image:
    """An image URI in its parts. `account` and `region` are those of an ECR registry, by whichever host, or None.

    `registry` is empty where the URI names none (Docker then uses Docker Hub).
    """

    registry: str
    repository: str
    tag: str | None = None
    digest: str | None = None
    account: str | None = None
    region: str | None = None

    @property
    def name(self) -> str:
        """Registry and repository, without tag and digest."""
        return f"{self.registry}/{self.repository}" if self.registry else self.repository

    @property
    def full_name(self) -> str:
        """The name with what Docker leaves out of it: its own registry, and the repository of official images."""
        registry = self.registry.lower() or _DOCKER_HUB
        official = registry == _DOCKER_HUB and "/" not in self.repository
        return f"{registry}/library/{self.repository}" if official else f"{registry}/{self.repository}"

    @property
    def repository_arn(self) -> str:
        return f"arn:aws:ecr:{self.region}:{self.account}:repository/{self.repository}"


def parse(uri: str) -> Image:
    """Return the parts of `[registry/]repository[:tag][@digest]`. Raises ImageProblem for an unknown digest form."""
    rest, separator, digest = uri.partition("@")
    if separator and not _DIGEST.fullmatch(digest):
        raise ImageProblem(f"the image {uri!r} is pinned to something that is not a sha256 digest")
    first, slash, others = rest.partition("/")
    # Docker's rule: what comes before the first slash is a registry if it looks like a host.
    registry = first if slash and ("." in first or ":" in first or first == "localhost") else ""
    path = others if registry else rest
    repository, _, tag = path.partition(":")
    account, region = ecr_hosts.location_of(registry) or (None, None)
    return Image(
        registry=ecr_hosts.host_of(account, region) if account and region else registry,
        repository=repository,
        tag=tag or None,
        digest=digest.lower() or None,
        account=account,
        region=region,
    )


def in_target(image: str, digest: str | None, *, source: Environment, target: Environment, stage: Stage) -> str:
    """Return the image as the target's model names it, pinned to the digest where one is known.

    In this order: the stage's own mapping; AWS's image in the account that AWS has for the target's Region; our copy,
    where the application copies images; otherwise the image itself, if it is stored in the target's Region.

    AWS does not guarantee that its image has one digest in every Region. The digest is kept nevertheless: what was
    approved must be deployed, and the check of the images rejects a missing digest before anything is created. The tag
    could refer to another image in that Region.

    Raises ImageProblem.
    """
    parsed = parse(image)
    pinned_to = parsed.digest or digest
    repository = _repository_in_target(parsed, source=source, target=target, stage=stage)
    if pinned_to:
        uri = f"{repository}@{pinned_to}"
    elif is_copied(parsed, source=source, target=target, stage=stage):
        raise ImageProblem(f"the image {image} cannot be copied, because the digest of its tag cannot be queried")
    else:
        uri = f"{repository}:{parsed.tag}" if parsed.tag else repository
    if len(uri) > _LONGEST:
        raise ImageProblem(
            f"the image {uri} has a URI of {len(uri)} characters, and SageMaker allows {_LONGEST}: map it "
            "to a repository with a shorter name (`images` of the stage)"
        )
    return uri


def to_copy(
    images: Iterable[str],
    digests: Mapping[str, str | None],
    *,
    source: Environment,
    target: Environment,
    stage: Stage,
) -> tuple[ImageCopy, ...]:
    """Return what must be copied into the target's image registry, each image once."""
    copies: dict[str, ImageCopy] = {}
    for image in images:
        parsed = parse(image)
        if is_copied(parsed, source=source, target=target, stage=stage):
            uri = in_target(image, digests.get(image), source=source, target=target, stage=stage)
            copies[uri] = ImageCopy(source=f"{parsed.name}@{parse(uri).digest}", target=uri)
    return tuple(copies.values())


def named_in(create_model_request: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the images of a CreateModel request that SageMaker pulls without the model's VPC, each once."""
    containers = create_model_request.get("Containers") or [create_model_request.get("PrimaryContainer", {})]
    pulled = (container for container in containers if not is_in_vpc_registry(container))
    return tuple(dict.fromkeys(container["Image"] for container in pulled if container.get("Image")))


def is_mapped(uri: str, stage: Stage) -> bool:
    """Whether the stage takes the image from another location, in whichever way it is pinned."""
    return _mapped_to(parse(uri.partition("@")[0]), stage) is not None


def is_in_ecr(uri: str) -> bool:
    return parse(uri.partition("@")[0]).account is not None


def is_awss_own(image: Image) -> bool:
    """Whether AWS offers images where this one is stored."""
    return bool(image.account and image.region) and aws_images.are_in(str(image.account), str(image.region))


def is_in_account(uri: str, account: str) -> bool:
    """Whether the image is in an account's registry, or offered by AWS: what a serverless endpoint requires."""
    image = parse(uri)
    return image.account == account or is_awss_own(image)


def remedy_in_file(image: Image, *, source: Environment, to: str) -> str:
    """Return what promotion.yaml must have so that the target takes an image from elsewhere: a part of a sentence.

    `to`: whose repositories the target can use.
    """
    copied = "let the application copy its images (`copy_images: true`), or " if image.account == source.account else ""
    return f"in promotion.yaml, {copied}map it to a repository {to} (`images` of the stage)"


def unused_mappings(images: Iterable[str], stage: Stage) -> list[str]:
    """Return the names that the stage maps and that none of the images has."""
    names = {parse(uri.partition("@")[0]).full_name for uri in images}
    return [name for name in stage.images if parse(name).full_name not in names]


def is_in_vpc_registry(container: Mapping[str, Any]) -> bool:
    """Whether a container's image comes from a registry that is reached through the model's VPC, not from ECR."""
    return bool(container.get("ImageConfig", {}).get("RepositoryAccessMode") == "Vpc")


def is_copied(image: Image, *, source: Environment, target: Environment, stage: Stage) -> bool:
    """Whether the target gets a copy: of the source account's own images, unless it has them or a mapping."""
    exists = (image.account, image.region) == (target.account, target.region)
    return stage.copy_images and image.account == source.account and not exists and not _mapped_to(image, stage)


def _repository_in_target(image: Image, *, source: Environment, target: Environment, stage: Stage) -> str:
    mapped = _mapped_to(image, stage)
    if mapped:
        return mapped.name
    if image.account is None:
        return image.name
    if image.account not in (source.account, target.account) and is_awss_own(image):
        return _offered_in(target, image)
    if is_copied(image, source=source, target=target, stage=stage):
        return f"{ecr_hosts.host_of(target.account, target.region)}/{resource_names.image_repository(image.repository)}"
    if image.region == target.region:
        return image.name
    is_sources = image.account == source.account
    raise ImageProblem(
        f"the image {image.name} is stored in {image.region}, the target is {target.region}, and SageMaker pulls only "
        "from the endpoint's own Region: "
        + ("let the application copy its images (`copy_images: true`), or " if is_sources else "")
        + f"map it to a repository in {target.region} that holds it (`images` of the stage)"
    )


def _mapped_to(image: Image, stage: Stage) -> Image | None:
    return {parse(name).full_name: parse(other) for name, other in stage.images.items()}.get(image.full_name)


def _offered_in(target: Environment, image: Image) -> str:
    location = (str(image.account), str(image.region))
    account = aws_images.account_of(image.repository, offered_in=location, region=target.region)
    if account is None:
        raise ImageProblem(
            f"the image {image.name} is one of AWS's own, and AWS's table names no account that has it in "
            f"{target.region} ({aws_images.source()}): map it to a repository in {target.region} that holds it "
            "(`images` of the stage)"
        )
    return f"{ecr_hosts.host_of(account, target.region)}/{image.repository}"
