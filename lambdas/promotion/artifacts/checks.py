"""What must hold of artifacts: pinned, deployable as files, and copied as resolved. Pure: no AWS calls."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from lambdas.promotion.artifacts.s3_objects import ListedObject
from lambdas.promotion.contract.document import Artifact, S3Object, Transfer, VerifiedCopy
from lambdas.promotion.contract.errors import (
    ArtifactChanged,
    ArtifactMismatch,
    UnsupportedModel,
)
from lambdas.promotion.model.s3_uris import S3Reference

_MOST_REPORTED = 10
_LONGEST_FILE_NAME = 255


def require_pinned(reference: S3Reference, observed: S3Object) -> None:
    """The object must still be the one that was registered."""
    if reference.etag is not None and observed.etag.strip('"') != reference.etag.strip('"'):
        raise ArtifactChanged(
            f"{reference.uri} is no longer what was registered: its ETag is {observed.etag}, "
            f"the registered one is {reference.etag}. Register the model again."
        )


def require_file_names(objects: Iterable[S3Object], prefix: str, *, subject: str) -> None:
    """SageMaker stores the objects below a prefix as files, and does not deploy names that cannot be files.

    (API: S3ModelDataSource, CompressionType. The source account could not deploy such a model either.)
    """
    paths = [(item, item.key[len(prefix) :]) for item in objects]
    folders = {path.rpartition("/")[0] for _, path in paths}
    folders |= {folder[:end] for folder in folders for end, character in enumerate(folder) if character == "/"}
    problems = [
        f"{item.uri} ({problem})"
        for item, path in paths
        if (problem := _file_problem(path) or ("a file and a folder at once" if path in folders else None))
    ]
    if problems:
        more = f"; and {len(problems) - _MOST_REPORTED} more" if len(problems) > _MOST_REPORTED else ""
        raise UnsupportedModel(
            f"{subject} has names that SageMaker does not deploy: {'; '.join(problems[:_MOST_REPORTED])}{more}. "
            "Nothing was created. Rename or delete them and register the model again."
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


def other_algorithm(transfer: Transfer) -> str | None:
    """Return the algorithm of an existing copy's checksum if its source has a checksum of another one, else None.

    Two such checksums say nothing about each other. An empty object needs none, and the content of a rewritten
    manifest is not the source's.
    """
    source, algorithm = transfer.artifact.source, transfer.copy_algorithm
    if not algorithm or not source.checksum or not source.size or transfer.artifact.text is not None:
        return None
    return None if algorithm == source.checksum.partition(":")[0] else algorithm


def require_observed(transfer: Transfer, observed: Mapping[str, Artifact]) -> Artifact:
    """Return the artifact as it was observed just before its copy: that of a shared upload by the plan.

    `observed` are those of the work units, by key. They must be what was resolved.
    """
    artifact = transfer.artifact
    if transfer.upload_id:
        return artifact
    latest = observed.get(artifact.key)
    if latest is None or _resolved(latest.source) != _resolved(artifact.source):
        raise ArtifactMismatch(
            f"No work unit has observed {artifact.source.uri} as it was resolved, so its copy cannot be verified. "
            "Nothing was deployed. Promote again."
        )
    return latest


def _resolved(source: S3Object) -> tuple[str, str, str, int]:
    return source.bucket, source.key, source.etag, source.size


def require_all_verified(
    artifacts: Iterable[Artifact], verified: Iterable[VerifiedCopy | Artifact], *, bucket: str
) -> None:
    """What the work units have verified, and what is still to be verified, must be every copy."""
    missing = {artifact.key for artifact in artifacts} - {copy.key for copy in verified}
    if missing:
        raise ArtifactMismatch(
            f"{len(missing)} copies were verified by no work unit, first s3://{bucket}/{min(missing)}. Nothing was "
            "deployed. Promote again."
        )


def require_verified(artifact: Artifact, copy: S3Object | None, *, bucket: str) -> bool:
    """The copy must be what was resolved, by size and full-object checksum; ETags differ across copies.

    The plan has compared the algorithms of the checksums (`other_algorithm`), so one that differs now belongs to an
    object that was put since. Return whether there was a checksum to compare.
    """
    source, subject = artifact.source, f"s3://{bucket}/{artifact.key}"
    if copy is None:
        raise ArtifactMismatch(
            f"{subject} does not exist after the copy. Another promotion of the same model that failed meanwhile may "
            "have aborted its upload. Nothing was deployed. Promote again."
        )
    differences = [
        f"{name} {actual} instead of {expected}"
        for name, actual, expected in (("size", copy.size, source.size), ("checksum", copy.checksum, source.checksum))
        if expected is not None and actual != expected and (source.size or name == "size")
    ]
    if differences:
        raise ArtifactMismatch(
            f"{subject} is not {source.uri}: {', '.join(differences)}. "
            "Nothing was deployed. Delete it from the target's bucket, then promote again."
        )
    return source.checksum is not None


def missing_copies(
    artifacts: Iterable[Artifact], existing: Mapping[str, ListedObject], *, bucket: str
) -> list[Artifact]:
    """Return the artifacts without a copy. Other objects must not exist in their folders: SageMaker loads all of them.

    `existing` are the objects in the artifacts' folders, by key. Raises ArtifactMismatch with the first differences.
    """
    expected = {artifact.key: artifact for artifact in artifacts}
    differences = [
        f"{copy.uri} has size {copy.size} instead of {expected[key].source.size}"
        if key in expected
        else f"{copy.uri} is not part of the model"
        for key, copy in ((key, item.object) for key, item in existing.items())
        if key not in expected or copy.size != expected[key].source.size
    ]
    if differences:
        more = f"; and {len(differences) - _MOST_REPORTED} more" if len(differences) > _MOST_REPORTED else ""
        raise ArtifactMismatch(
            f"In the target's bucket {bucket}: {'; '.join(differences[:_MOST_REPORTED])}{more}. Another "
            "principal created or changed it. Nothing was deployed. Delete it, then promote again."
        )
    return [artifact for artifact in expected.values() if artifact.key not in existing]


def require_recorded(
    artifacts: Iterable[Artifact],
    recorded: Iterable[Mapping[str, Any]],
    *,
    bucket: str,
    objects: int,
    promoted_by: str,
) -> None:
    """The artifacts of a model that an earlier stage has must be those that were copied there, as its record has them.

    `recorded`: key, size and checksum of each of the model's `objects`, or of the first ones. Checksums are compared
    where both have one of the same algorithm; a manifest's own text is rewritten, and what it lists is compared.
    """
    expected = {entry["key"]: entry for entry in recorded}
    problems = []
    for artifact in artifacts:
        source = artifact.source
        entry = expected.get(source.key) if source.bucket == bucket else None
        if entry is None and (len(expected) == objects or source.bucket != bucket):
            problems.append(f"{source.uri} is not part of it")
        elif entry is not None and artifact.text is None and not _is_recorded(source, entry):
            problems.append(f"{source.uri} has another content")
    if problems:
        more = f"; and {len(problems) - _MOST_REPORTED} more" if len(problems) > _MOST_REPORTED else ""
        raise ArtifactChanged(
            f"The artifacts are no longer those of promotion {promoted_by}: {'; '.join(problems[:_MOST_REPORTED])}"
            f"{more}. Find out who changed them (CloudTrail), then promote the version to the earlier stage again."
        )


def _is_recorded(source: S3Object, entry: Mapping[str, Any]) -> bool:
    recorded, observed = entry.get("checksum") or "", source.checksum or ""
    comparable = source.size and recorded.partition(":")[0] == observed.partition(":")[0]
    return bool(source.size == entry["size"]) and (not comparable or recorded == observed)
