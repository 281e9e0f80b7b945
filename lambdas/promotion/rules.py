"""What is allowed and what follows from what was seen. Pure: no AWS here; a rule raises or returns a value."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from lambdas.promotion import names
from lambdas.promotion.document import Artifact, Change, Progress, Promotion, Request, S3Object
from lambdas.promotion.errors import (
    ArtifactChanged,
    ArtifactMismatch,
    DeploymentRolledBack,
    DeploymentSuperseded,
    DeploymentTimedOut,
    EndpointBusy,
    EndpointFailed,
    FailedEndpointInTheWay,
    InvalidInput,
    ModelPackageNotApproved,
    NameTaken,
    RollbackFailed,
    UnknownApplication,
    UnknownStage,
    UnsupportedModel,
    WrongModelPackageGroup,
    WrongSource,
)
from lambdas.promotion.settings import Application, Environment, Settings, Stage

# SageMaker's own pattern and length for model names (API: ModelName).
_MODEL_NAME = re.compile(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}")
_PACKAGE_ARN = re.compile(
    r"arn:aws[a-z-]*:sagemaker:(?P<region>[a-z0-9-]+):(?P<account>\d{12}):model-package/(?P<group>[a-zA-Z0-9-]+)/(?P<version>\d+)"
)
_MEMBERS = {"application", "stage", "model_name", "model_package_arn"}
_EXAMPLE = '{"application": "text-classifier", "stage": "qa", "model_name": "my-model"}'
_LONGEST_NAME = 63
_LONGEST_QUOTE = 120
_MOST_TOLD = 10
_MOST_TAGS = 50
# What SageMaker never fills in by itself: where it stands, somebody put it there.
_NEVER_FILLED_IN = {
    "AdditionalModelDataSources",
    "InferenceExecutionConfig",
    "InferenceSpecificationName",
    "ModelPackageName",
    "MultiModelConfig",
    "VpcConfig",
}


@dataclass(frozen=True, kw_only=True)
class EndpointSeen:
    """What DescribeEndpoint said. `pending_config` is set while a change to a configuration is under way."""

    status: str
    config: str
    modified_at: datetime
    pending_config: str | None = None
    failure_reason: str | None = None
    counts_settled: bool = True

    @property
    def heading_for(self) -> str:
        return self.pending_config or self.config

    @property
    def reason(self) -> str:
        return f"SageMaker says: {self.failure_reason}" if self.failure_reason else "SageMaker gives no reason."


def require_request(raw: object) -> Request:
    """Return the request that the input is, or raise InvalidInput with every mistake in it."""
    if not isinstance(raw, Mapping):
        raise InvalidInput(f"The input must be a JSON object such as {_EXAMPLE}, not {type(raw).__name__}.")
    unknown = sorted(set(raw) - _MEMBERS)
    problems = [f"{_short(name)} is not a member of the input" for name in unknown[:_MOST_TOLD]]
    if len(unknown) > _MOST_TOLD:
        problems.append(f"so are {len(unknown) - _MOST_TOLD} others")
    for name in sorted(_MEMBERS & set(raw)):
        if not isinstance(raw[name], str) or not raw[name].strip():
            problems.append(f"{name} must be text, not {_short(raw[name])}")
        elif name in {"application", "stage"} and len(raw[name]) > _LONGEST_NAME:
            problems.append(f"{name} {_short(raw[name])} is longer than {_LONGEST_NAME} characters")
    problems += [f"{name} is missing" for name in ("application", "stage") if name not in raw]
    given = [name for name in ("model_name", "model_package_arn") if name in raw]
    if len(given) != 1:
        problems.append(f"give exactly one of model_name and model_package_arn, not {'both' if given else 'neither'}")
    if not problems and "model_name" in raw and not _MODEL_NAME.fullmatch(raw["model_name"]):
        problems.append(
            f"model_name {_short(raw['model_name'])} is no SageMaker name (letters, digits, hyphens; at most 63)"
        )
    if not problems and "model_package_arn" in raw and not _PACKAGE_ARN.fullmatch(raw["model_package_arn"]):
        problems.append(
            f"model_package_arn {_short(raw['model_package_arn'])} is no ARN of a version "
            "(arn:aws:sagemaker:<region>:<account>:model-package/<group>/<version>)"
        )
    if problems:
        raise InvalidInput(f"The input cannot be understood: {'; '.join(problems)}. An example: {_EXAMPLE}.")
    return Request(**{name: raw[name] for name in _MEMBERS & set(raw)})


def _short(value: object) -> str:
    """Quote a value in a message without letting it fill the message."""
    quoted = repr(value)
    return quoted if len(quoted) <= _LONGEST_QUOTE else f"{quoted[:_LONGEST_QUOTE]}…"


def find_stage(request: Request, settings: Settings) -> tuple[Application, Stage]:
    """Return the application and stage that the request names, or refuse with the names that exist."""
    application = settings.applications.get(request.application)
    if application is None:
        raise UnknownApplication(
            f"There is no application {_short(request.application)} in the deployed configuration. "
            f"It has: {', '.join(sorted(settings.applications)) or 'none'}."
        )
    stage = application.stages.get(request.stage)
    if stage is None:
        raise UnknownStage(
            f"Application {application.name!r} has no stage {_short(request.stage)}. "
            f"It has: {', '.join(application.stages)}."
        )
    return application, stage


def require_package_of(application: Application, arn: str, registry: Environment, source: Environment) -> None:
    """Only a version of the application's own group, in the registry of the environment the stage takes from."""
    parts = _PACKAGE_ARN.fullmatch(arn)
    if parts is None:
        raise InvalidInput(f"{arn!r} is no ARN of a model package version.")
    # SageMaker may write names in ARNs in lower case.
    if parts["group"].lower() != application.model_package_group.lower():
        raise WrongModelPackageGroup(
            f"{arn} belongs to the model package group {parts['group']!r}; application {application.name!r} "
            f"promotes from {application.model_package_group!r}. Start the application that owns the group."
        )
    if (parts["account"], parts["region"]) != (registry.account, registry.region):
        raise WrongSource(
            f"{arn} does not lie in the registry of {application.name!r}, which is account {registry.account} "
            f"in {registry.region} ({registry.name})."
        )
    if registry.name != source.name:
        raise WrongSource(
            f"This stage takes its models from {source.name!r}, and {arn} lies in {registry.name!r}. Promote the "
            f"version to the stage in {source.name!r} first, then promote the model there by its model_name."
        )


def require_approved(package: Mapping[str, Any]) -> None:
    """Only what the registry calls Approved at this moment goes further; an event is never believed."""
    approval, status = package.get("ModelApprovalStatus"), package.get("ModelPackageStatus")
    if approval != "Approved" or status != "Completed":
        raise ModelPackageNotApproved(
            f"The registry says {approval} (status {status}) for {package['ModelPackageArn']}. "
            "Only an Approved, Completed version is promoted: approve it, then start again."
        )


def require_application_of(tags: Mapping[str, str], application: Application, *, where: str) -> None:
    """A model that Promote made for one application is not taken over by another."""
    owner = tags.get(f"{names.TAG_PREFIX}application", application.name)
    if owner != application.name:
        raise WrongModelPackageGroup(
            f"{where} was promoted for application {owner!r}, not for {application.name!r}. Start {owner!r} instead."
        )


def believed(tags: Mapping[str, str], source: Environment, settings: Settings) -> dict[str, str]:
    """Leave out tags in Promote's name of a model that Promote cannot have made: where nothing is promoted to."""
    promoted_to = {stage.environment for one in settings.applications.values() for stage in one.stages.values()}
    if source.name in promoted_to:
        return dict(tags)
    return {key: value for key, value in tags.items() if not key.startswith(names.TAG_PREFIX)}


def require_pinned(pinned: Mapping[str, str], objects: Mapping[str, S3Object]) -> None:
    """What lies at the address must still be what was registered."""
    for uri, etag in pinned.items():
        if objects[uri].etag.strip('"') != etag.strip('"'):
            raise ArtifactChanged(
                f"{uri} is no longer what was registered: its ETag is {objects[uri].etag}, "
                f"the model package says {etag}. Register the model again."
            )


def require_tags(tags: Mapping[str, str], *, where: str) -> dict[str, str]:
    """SageMaker allows 50 tags; none is dropped to make room for the tags that tell where a model came from."""
    if len(tags) > _MOST_TAGS:
        raise UnsupportedModel(
            f"{where} would have {len(tags)} tags with those that Promote adds; SageMaker allows {_MOST_TAGS}. "
            "Remove some of the source's."
        )
    return dict(tags)


def require_arrived(artifact: Artifact, found: S3Object | None) -> None:
    """What arrived must be what was resolved, by size and full-object checksum; ETags differ across copies."""
    if found is None:
        raise ArtifactMismatch(f"{artifact.uri} is not there after its copy. Promote again.")
    source = artifact.source
    differences = [
        f"{what} {here} instead of {there}"
        for what, here, there in (("size", found.size, source.size), ("checksum", found.checksum, source.checksum))
        if there is not None and here != there
    ]
    if differences:
        raise ArtifactMismatch(
            f"{artifact.uri} is not {source.uri}: {', '.join(differences)}. "
            "Nothing was deployed. Delete it from the target's bucket, then promote again."
        )


def require_same(kind: str, name: str, wanted: Mapping[str, Any], found: Mapping[str, Any]) -> None:
    """ "Already exists" is success only if it says what we want."""
    different = sorted(
        [member for member, value in wanted.items() if not _says(found.get(member), value)]
        + [member for member in _NEVER_FILLED_IN - set(wanted) if found.get(member)]
    )
    if different:
        raise NameTaken(
            f"The {kind} {name} exists and differs from what is wanted in {', '.join(different)}. Promote names "
            "resources by their content, so somebody else made or changed it: find out who, delete it, promote again."
        )


def _says(found: Any, wanted: Any) -> bool:
    """What we asked for must be there, and nothing beside it but the defaults that SageMaker fills in."""
    if isinstance(wanted, Mapping):
        if not isinstance(found, Mapping) or any(found.get(name) for name in _NEVER_FILLED_IN - set(wanted)):
            return False
        if "Image" in wanted and found.get("Mode", "SingleModel") != wanted.get("Mode", "SingleModel"):
            return False
        return all(
            (found.get(name) or {}) == value if name == "Environment" else _says(found.get(name), value)
            for name, value in wanted.items()
        )
    if isinstance(wanted, list | tuple):
        return (
            isinstance(found, list)
            and len(found) == len(wanted)
            and all(_says(one, other) for one, other in zip(found, wanted, strict=True))
        )
    return bool(found == wanted) or (wanted is False and found is None)


def resource_name(application: str, stage: str, created_at: datetime, digest: str) -> str:
    """Return a content-addressed name: readable, unique to its content, within SageMaker's 63 characters."""
    return f"{names.resource_beginning(application, stage)}{created_at.astimezone(UTC):%Y%m%d%H%M%S}-{digest[:12]}"


def before_change(promotion: Promotion, seen: EndpointSeen | None) -> Change:
    """Return what is to be done with the endpoint as it is now.

    Raises FailedEndpointInTheWay.
    """
    if seen is None:
        return Change(progress=Progress.CHANGE_WANTED)
    ours = seen.heading_for == promotion.wanted_config.name
    where = f"The endpoint {promotion.stage.endpoint} in {promotion.target.name} ({promotion.target.account})"
    if seen.status == "Failed":
        raise FailedEndpointInTheWay(
            f"{where} is Failed, so SageMaker allows only its deletion. {seen.reason} "
            f"Delete it (aws sagemaker delete-endpoint --endpoint-name {promotion.stage.endpoint}), then promote again."
        )
    if seen.status == "InService" and seen.config == promotion.wanted_config.name and not seen.pending_config:
        return Change(progress=Progress.NOTHING_TO_DO, previous_config=seen.config, joined=True)
    if seen.status in {"Creating", "Updating"} and ours:
        return Change(progress=Progress.UNDER_WAY, previous_config=_other(seen.config, promotion), joined=True)
    if seen.status in {"InService", "OutOfService", "UpdateRollbackFailed"}:
        return Change(
            progress=Progress.CHANGE_WANTED,
            previous_config=_other(seen.config, promotion),
            previous_modified_at=seen.modified_at,
        )
    return Change(progress=Progress.BUSY, previous_config=seen.config, previous_modified_at=seen.modified_at)


def require_time_to_change(promotion: Promotion, *, now: datetime) -> None:
    """A change is not begun after the deadline: nobody would watch it."""
    if now > promotion.deadline:
        raise DeploymentTimedOut(
            f"The deadline of stage {promotion.stage.name!r} ({promotion.deadline:%Y-%m-%d %H:%M} UTC) passed before "
            f"the endpoint {promotion.stage.endpoint} in {promotion.target.name} was changed; what served it serves. "
            "Promote again, with a longer deadline if the copy takes that long."
        )


def require_time_left(promotion: Promotion, seen: EndpointSeen | None, *, now: datetime) -> None:
    """Somebody else's change of the endpoint is waited for, but not for ever."""
    if now > promotion.deadline:
        raise EndpointBusy(
            f"The endpoint {promotion.stage.endpoint} in {promotion.target.name} was still "
            f"{seen.status if seen else 'being created'} by somebody else's doing at the deadline of stage "
            f"{promotion.stage.name!r} ({promotion.deadline:%Y-%m-%d %H:%M} UTC). This promotion changed nothing "
            "there. Promote again when it is InService."
        )


def joined(known: Change | None, change: Change, *, tried: bool) -> Change:
    """Say whose change it is that is under way to our configuration, and keep what the endpoint served before it.

    A step that is run again sees its own effect: what this execution has `tried` counts as its own.
    """
    tried = tried or bool(known and known.tried)
    if known is None or not change.joined:
        return replace(change, tried=tried)
    # It served our configuration from the beginning, and the promotion mended what the endpoint needs beside it.
    mended = change.progress is Progress.NOTHING_TO_DO and change.previous_config == known.previous_config
    return replace(
        change,
        previous_config=known.previous_config,
        previous_modified_at=known.previous_modified_at,
        joined=not mended and not tried,
        tried=tried,
    )


def after_change(promotion: Promotion, seen: EndpointSeen | None, *, now: datetime) -> Progress:
    """Say whether the endpoint serves our configuration; InService alone proves nothing.

    Raises what the endpoint's state means for the promotion.
    """
    change = promotion.change or Change(progress=Progress.UNDER_WAY)
    wanted = promotion.wanted_config.name
    where = f"The endpoint {promotion.stage.endpoint} in {promotion.target.name} ({promotion.target.account})"
    if seen is None or seen.status == "Deleting":
        raise DeploymentSuperseded(f"{where} was deleted while it was being changed. Promote again to make it anew.")
    if seen.status in {"Failed", "OutOfService"}:
        raise EndpointFailed(
            f"{where} is {seen.status} on configuration {seen.config or wanted}. {seen.reason} "
            "Read the endpoint's log group, delete a Failed endpoint, then promote again."
        )
    if seen.status == "UpdateRollbackFailed":
        raise RollbackFailed(
            f"{where} failed to change to {wanted} and failed to go back: a mix of {wanted} and "
            f"{change.previous_config} may serve now. {seen.reason} Update it to a configuration that is known to "
            "be good at once."
        )
    if seen.pending_config not in {None, wanted, change.previous_config}:
        raise DeploymentSuperseded(
            f"{where} is being changed to {seen.pending_config}, which this promotion did not make: somebody else "
            f"changes it after {wanted}. Decide which one should serve and promote that."
        )
    if seen.status == "InService" and not seen.pending_config:
        if seen.config == wanted and seen.counts_settled:
            return Progress.IN_SERVICE
        # Right after the call an answer may still be the old one; nothing has been modified since in that case.
        stale = change.previous_modified_at is not None and seen.modified_at <= change.previous_modified_at
        if seen.config == change.previous_config and not stale:
            raise DeploymentRolledBack(
                f"{where} is InService, but on its previous configuration {seen.config} again: SageMaker rolled "
                f"{wanted} back{'' if seen.failure_reason else ', or somebody changed it back'}. {seen.reason} "
                "The previous model serves. Mend the model, then promote again."
            )
        if seen.config not in {wanted, change.previous_config}:
            raise DeploymentSuperseded(
                f"{where} is InService on {seen.config}, which this promotion did not make: somebody else changed it "
                f"after {wanted}. Decide which one should serve and promote that."
            )
    if now > promotion.deadline:
        raise DeploymentTimedOut(
            f"{where} was {seen.status} on {seen.config} at the deadline of stage {promotion.stage.name!r} "
            f"({promotion.deadline:%Y-%m-%d %H:%M} UTC) and not in service on {wanted}. {seen.reason} It may still get "
            "there: look at the endpoint, then promote again."
        )
    return Progress.UNDER_WAY


def _other(config: str, promotion: Promotion) -> str | None:
    return None if config == promotion.wanted_config.name else config
