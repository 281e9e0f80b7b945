"""What is allowed and what follows from what was seen. Pure: no AWS here; a rule raises or returns a value."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from lambdas.promotion.contract import resource_names
from lambdas.promotion.contract.document import Artifact, Request, S3Object
from lambdas.promotion.contract.errors import (
    ArtifactChanged,
    ArtifactMismatch,
    InvalidInput,
    ModelPackageNotApproved,
    NameTaken,
    UnknownApplication,
    UnknownStage,
    UnsupportedModel,
    WrongModelPackageGroup,
    WrongSource,
)
from lambdas.promotion.contract.settings import Application, Environment, Settings, Stage
from lambdas.promotion.model.s3_uris import Address

# SageMaker's own pattern and length for model names (API: ModelName).
_MODEL_NAME = re.compile(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}")
_PACKAGE_ARN = re.compile(
    r"arn:aws[a-z-]*:sagemaker:(?P<region>[a-z0-9-]+):(?P<account>\d{12}):model-package/(?P<group>[a-zA-Z0-9-]+)/(?P<version>\d+)"
)
_TEXTS = {"application", "stage", "model_name", "model_package_arn", "requested_by"}
_SWITCHES = {"allow_older", "dry_run", "roll_back"}
_MEMBERS = _TEXTS | _SWITCHES
_EXAMPLE = '{"application": "text-classifier", "stage": "qa", "model_name": "my-model"}'
_LONGEST = {"application": 63, "stage": 63, "requested_by": 256}
_LONGEST_QUOTE = 120
_MOST_TOLD = 10
_MOST_TAGS = 50
_LONGEST_FILE_NAME = 255
# What SageMaker never fills in by itself: where it stands, somebody put it there.
_NEVER_FILLED_IN = {
    "AdditionalModelDataSources",
    "AsyncInferenceConfig",
    "CapacityReservationConfig",
    "CoreDumpConfig",
    "DataCaptureConfig",
    "ExplainerConfig",
    "InferenceExecutionConfig",
    "InferenceSpecificationName",
    "InstancePools",
    "KmsKeyId",
    "ModelPackageName",
    "MultiModelConfig",
    "ServerlessConfig",
    "ShadowProductionVariants",
    "VpcConfig",
}


def require_request(raw: object) -> Request:
    """Return the request that the input is, or raise InvalidInput with every mistake in it."""
    if not isinstance(raw, Mapping):
        raise InvalidInput(f"The input must be a JSON object such as {_EXAMPLE}, not {_kind(raw)}.")
    unknown = sorted(set(raw) - _MEMBERS)
    problems = [f"{_short(name)} is not a member of the input" for name in unknown[:_MOST_TOLD]]
    if len(unknown) > _MOST_TOLD:
        problems.append(f"so are {len(unknown) - _MOST_TOLD} others")
    problems += [f"{name} {problem}" for name in sorted(_MEMBERS & set(raw)) if (problem := _wrong(name, raw[name]))]
    problems += [f"{name} is missing" for name in ("application", "stage") if name not in raw]
    given = [name for name in ("model_name", "model_package_arn") if raw.get(name) is not None]
    if raw.get("roll_back") is True:
        problems += [f"give no {name} with roll_back: the record says what is gone back to" for name in given]
        problems += [f"{name} says nothing beside roll_back" for name in ("allow_older", "dry_run") if name in raw]
    elif len(given) != 1:
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


def _wrong(name: str, value: object) -> str | None:
    """Return what is wrong with a member of the input by itself."""
    if name in _SWITCHES:
        return None if isinstance(value, bool) else f"must be true or false, not {_kind(value)}"
    if not isinstance(value, str):
        return f"must be text, not {_kind(value)}"
    if not value.strip():
        return "is empty"
    longest = _LONGEST.get(name, len(value))
    return f"{_short(value)} is longer than {longest} characters" if len(value) > longest else None


def _kind(value: object) -> str:
    """Say what a value is in JSON's words, for a person who typed JSON."""
    kinds = {dict: "an object", list: "a list", str: "text", bool: "true or false", type(None): "null"}
    return kinds.get(type(value), "a number")


def _short(value: object) -> str:
    """Quote a value in a message without letting it fill the message."""
    quoted = json.dumps(value, ensure_ascii=False, default=str)
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


def require_version(named: str, *, where: str) -> None:
    """A model made from a package must name a version in a group: only those can be approved."""
    if not _PACKAGE_ARN.fullmatch(named):
        raise UnsupportedModel(
            f"{where} is made from the model package {named!r}, which is no version in a model package group, so "
            "nobody can approve it for an application. Register it in the application's group."
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
    owner = tags.get(f"{resource_names.TAG_PREFIX}application", application.name)
    if owner != application.name:
        raise WrongModelPackageGroup(
            f"{where} was promoted for application {owner!r}, not for {application.name!r}. Start {owner!r} instead."
        )


def believed(tags: Mapping[str, str], source: Environment, settings: Settings) -> dict[str, str]:
    """Leave out tags in Promote's name of a model that Promote cannot have made: where nothing is promoted to."""
    promoted_to = {stage.environment for one in settings.applications.values() for stage in one.stages.values()}
    if source.name in promoted_to:
        return dict(tags)
    return {key: value for key, value in tags.items() if not key.startswith(resource_names.TAG_PREFIX)}


def require_pinned(address: Address, found: S3Object) -> None:
    """What lies at the address must still be what was registered."""
    if address.etag is not None and found.etag.strip('"') != address.etag.strip('"'):
        raise ArtifactChanged(
            f"{address.uri} is no longer what was registered: its ETag is {found.etag}, "
            f"the registered one is {address.etag}. Register the model again."
        )


def require_file_names(objects: Iterable[S3Object], prefix: str, *, where: str) -> None:
    """SageMaker lays the objects below a prefix out as files, and does not deploy names that cannot be files.

    (API: S3ModelDataSource, CompressionType. The source could not serve such a model either.)
    """
    paths = [(found, found.key[len(prefix) :]) for found in objects]
    folders = {path.rpartition("/")[0] for _, path in paths}
    folders |= {folder[:end] for folder in folders for end, character in enumerate(folder) if character == "/"}
    problems = [
        f"{found.uri} ({problem})"
        for found, path in paths
        if (problem := _file_problem(path) or ("a file and a folder at once" if path in folders else None))
    ]
    if problems:
        more = f"; and {len(problems) - _MOST_TOLD} more" if len(problems) > _MOST_TOLD else ""
        raise UnsupportedModel(
            f"{where} has names that SageMaker does not deploy: {'; '.join(problems[:_MOST_TOLD])}{more}. Nothing was "
            "created. Rename or delete them and register the model again."
        )


def _file_problem(path: str) -> str | None:
    """Return why a path cannot be that of a file, or None."""
    if path.endswith("/") or not path:
        return "a folder made in the S3 console"
    for name in path.split("/"):
        if not name.strip():
            return "an empty name"
        if name in {".", ".."}:
            return f"the name {name!r}"
        if "\0" in name:
            return "a null byte"
        if len(name.encode(errors="surrogatepass")) > _LONGEST_FILE_NAME:
            return f"a name of more than {_LONGEST_FILE_NAME} bytes"
    return None


def require_tags(tags: Mapping[str, str], *, where: str) -> dict[str, str]:
    """SageMaker allows 50 tags; none is dropped to make room for the tags that tell where a model came from."""
    if len(tags) > _MOST_TAGS:
        raise UnsupportedModel(
            f"{where} would have {len(tags)} tags with those that Promote adds; SageMaker allows {_MOST_TAGS}. "
            "Remove some of the source's."
        )
    return dict(tags)


def require_arrived(artifact: Artifact, found: S3Object | None, *, bucket: str) -> bool:
    """What arrived must be what was resolved, by size and full-object checksum; ETags differ across copies.

    Return whether there was a checksum to compare.
    """
    source, where = artifact.source, f"s3://{bucket}/{artifact.key}"
    if found is None:
        raise ArtifactMismatch(
            f"{where} is not there after its copy. Another promotion of the same model that failed meanwhile may have "
            "dropped its parts. Nothing was deployed. Promote again."
        )
    differences = [
        f"{what} {here} instead of {there}"
        for what, here, there in (("size", found.size, source.size), ("checksum", found.checksum, source.checksum))
        if there is not None and here != there
    ]
    if differences:
        raise ArtifactMismatch(
            f"{where} is not {source.uri}: {', '.join(differences)}. "
            "Nothing was deployed. Delete it from the target's bucket, then promote again."
        )
    return source.checksum is not None


def missing_of(artifacts: Iterable[Artifact], there: Mapping[str, S3Object], *, bucket: str) -> list[Artifact]:
    """Return what is not in the target yet. What is there must be ours, by name and size: SageMaker loads all of it.

    `there` are the objects in the artifacts' folders, by key. Raises ArtifactMismatch with every difference.
    """
    wanted = {artifact.key: artifact for artifact in artifacts}
    wrong = [
        f"{found.uri} has size {found.size} instead of {wanted[key].source.size}"
        if key in wanted
        else f"{found.uri} is no part of the model"
        for key, found in there.items()
        if key not in wanted or found.size != wanted[key].source.size
    ]
    if wrong:
        more = f"; and {len(wrong) - _MOST_TOLD} more" if len(wrong) > _MOST_TOLD else ""
        raise ArtifactMismatch(
            f"In the target's bucket {bucket}: {'; '.join(wrong[:_MOST_TOLD])}{more}. Somebody else put or changed it. "
            "Nothing was deployed. Delete it there, then promote again."
        )
    return [artifact for artifact in wanted.values() if artifact.key not in there]


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
    if isinstance(wanted, float) and isinstance(found, int | float):
        # The API's floats have 32 bits.
        return math.isclose(found, wanted, rel_tol=1e-6)
    return bool(found == wanted) or (wanted is False and found is None)


def resource_name(application: str, stage: str, created_at: datetime, digest: str) -> str:
    """Return a content-addressed name: readable, unique to its content, within SageMaker's 63 characters."""
    beginning = resource_names.resource_beginning(application, stage)
    return f"{beginning}{created_at.astimezone(UTC):%Y%m%d%H%M%S}-{digest[:12]}"
