"""Preflight checks of the container images: those in use can be pulled, those to copy can be fetched and pushed."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from lambdas.promotion.aws.sessions import RoleSession
from lambdas.promotion.contract.document import ImageCopy
from lambdas.promotion.contract.errors import (
    CallRefused,
    ImageNotAccessible,
    ImageNotFound,
    PromotionError,
    UnsupportedModel,
)
from lambdas.promotion.contract.roles import Role
from lambdas.promotion.contract.settings import Environment
from lambdas.promotion.images import ecr_client, oci_manifest, references
from lambdas.promotion.preflight import findings
from lambdas.promotion.preflight.access import Purpose
from lambdas.promotion.preflight.check import Check
from lambdas.promotion.preflight.context import Context
from lambdas.promotion.preflight.findings import CheckResult, Finding, Inconclusive
from lambdas.promotion.preflight.iam_simulation import RequiredPermission
from lambdas.promotion.preflight.probes import Probe, probe

_PUSH = (
    "ecr:BatchCheckLayerAvailability",
    "ecr:CompleteLayerUpload",
    "ecr:CreateRepository",
    "ecr:InitiateLayerUpload",
    "ecr:PutImage",
    "ecr:UploadLayerPart",
)
_PULL = ("ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer")


def _pull_probes(context: Context) -> Iterator[Probe]:
    promotion, deployer = context.promotion, context.session(Role.DEPLOYER, Purpose.DEPLOY)
    _ = deployer.ecr  # created here: see Check.probes
    to_copy = {image.target for image in promotion.images}
    for image in references.named_in(promotion.desired_model.request):
        if image not in to_copy:
            yield functools.partial(pull, image, promotion.target, source=promotion.source, account=deployer)


def pull(image: str, target: Environment, *, source: Environment, account: RoleSession) -> list[CheckResult]:
    """Read the manifest of an image that the target's model uses."""
    try:
        unverified = ecr_client.require_usable([image], target, source=source, account=account)
    except (ImageNotFound, ImageNotAccessible, CallRefused) as error:
        return [
            Finding(
                role=account.role_arn,
                action="ecr:BatchGetImage",
                resource=image,
                message=str(error),
                remedy="",
                error=type(error),
            )
        ]
    reason = "it is one of AWS's own, which AWS lets SageMaker pull, and no customer"
    return [Inconclusive(subject=f"The image {uri}", reason=reason) for uri in unverified]


def _fetch_probes(context: Context) -> Iterator[Probe]:
    for image in context.missing_images:
        if context.has_session(Role.READER, Purpose.FETCH_IMAGE, subject=image.source):
            reader = context.session(Role.READER, Purpose.FETCH_IMAGE, subject=image.source)
            yield functools.partial(fetch, image, account=reader)


def fetch(image: ImageCopy, *, account: RoleSession) -> list[CheckResult]:
    """Read the manifest of an image that is copied, and the download URL of one of its layers."""
    source = references.parse(image.source)
    unusable: list[CheckResult] = []

    def report(message: str, remedy: str, error: type[PromotionError]) -> None:
        unusable.append(
            Finding(
                role=account.role_arn,
                action="ecr:BatchGetImage",
                resource=image.source,
                message=message,
                remedy=remedy,
                error=error,
            )
        )

    def read_image() -> None:
        manifest = ecr_client.find(source, ecr=account.ecr)
        if manifest is None:
            report("There is no such image.", "Push it there, or register the model again.", ImageNotFound)
            return
        try:
            layers = oci_manifest.layers(manifest.content, subject=image.source)
        except UnsupportedModel as error:
            report(str(error), "", UnsupportedModel)
            return
        if layers:
            account.ecr.get_download_url_for_layer(
                registryId=str(source.account), repositoryName=source.repository, layerDigest=layers[-1].digest
            )

    return [*probe(read_image), *unusable]


def permissions_to_pull(target: Environment, model: Mapping[str, Any]) -> Iterator[RequiredPermission]:
    """Yield what the execution role needs for the images of the model (a CreateModel request)."""
    role, region = target.role_arn(Role.EXECUTION), {"aws:RequestedRegion": target.region}
    repositories = {
        image.repository_arn
        for reference in references.named_in(model)
        if (image := references.parse(reference)).account
    }
    for repository in sorted(repositories):
        yield RequiredPermission(role=role, actions=_PULL, resource=repository, context=region)
    if repositories:
        yield RequiredPermission(role=role, actions=("ecr:GetAuthorizationToken",), resource="*", context=region)


def permissions_to_push(target: Environment, missing: Sequence[ImageCopy]) -> Iterator[RequiredPermission]:
    """Yield what the pusher needs for the images that the target's registry does not have."""
    for image in missing:
        yield RequiredPermission(
            role=target.role_arn(Role.PUSHER),
            actions=_PUSH,
            resource=references.parse(image.target).repository_arn,
            context={"aws:RequestedRegion": target.region},
        )


CHECKS = (
    Check(
        title="The deployer can read the images that the model uses",
        role=Role.DEPLOYER,
        purpose=Purpose.DEPLOY,
        remedy=findings.GRANT_PERMISSION,
        probes=_pull_probes,
    ),
    Check(
        title="The execution role can pull the images that the model uses",
        role=Role.DEPLOYER,  # IAM is asked in its session
        remedy=findings.GRANT_PERMISSION,
        permissions=lambda context: permissions_to_pull(
            context.promotion.target, context.promotion.desired_model.request
        ),
    ),
    Check(
        title="The reader can fetch the images that are copied",
        role=Role.READER,
        purpose=Purpose.FETCH_IMAGE,
        remedy=findings.GRANT_PERMISSION,
        applies=lambda promotion: bool(promotion.images),
        probes=_fetch_probes,
    ),
    Check(
        title="The pusher can push the images that are copied",
        role=Role.PUSHER,
        remedy=findings.GRANT_PERMISSION,
        applies=lambda promotion: bool(promotion.images),
        permissions=lambda context: permissions_to_push(context.promotion.target, context.missing_images),
    ),
)
