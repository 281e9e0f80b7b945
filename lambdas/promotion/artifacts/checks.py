"""What must hold of artifacts: pinned, deployable as files, and copied as resolved. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from lambdas.promotion.contract.document import Artifact, S3Object
from lambdas.promotion.contract.errors import (
    ArtifactChanged,
    ArtifactMismatch,
    UnsupportedModel,
)
from lambdas.promotion.model.s3_uris import S3Reference

_MOST_TOLD = 10
_LONGEST_FILE_NAME = 255


def require_pinned(address: S3Reference, found: S3Object) -> None:
    """What lies at the address must still be what was registered."""
    if address.etag is not None and found.etag.strip('"') != address.etag.strip('"'):
        raise ArtifactChanged(
            f"{address.uri} is no longer what was registered: its ETag is {found.etag}, "
            f"the registered one is {address.etag}. Register the model again."
        )


def require_file_names(objects: Iterable[S3Object], prefix: str, *, subject: str) -> None:
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
            f"{subject} has names that SageMaker does not deploy: {'; '.join(problems[:_MOST_TOLD])}{more}. "
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


def require_verified(artifact: Artifact, found: S3Object | None, *, bucket: str) -> bool:
    """What arrived must be what was resolved, by size and full-object checksum; ETags differ across copies.

    Return whether there was a checksum to compare.
    """
    source, subject = artifact.source, f"s3://{bucket}/{artifact.key}"
    if found is None:
        raise ArtifactMismatch(
            f"{subject} is not there after its copy. Another promotion of the same model that failed meanwhile may "
            "have dropped its parts. Nothing was deployed. Promote again."
        )
    differences = [
        f"{what} {here} instead of {there}"
        for what, here, there in (("size", found.size, source.size), ("checksum", found.checksum, source.checksum))
        if there is not None and here != there
    ]
    if differences:
        raise ArtifactMismatch(
            f"{subject} is not {source.uri}: {', '.join(differences)}. "
            "Nothing was deployed. Delete it from the target's bucket, then promote again."
        )
    return source.checksum is not None


def missing_copies(artifacts: Iterable[Artifact], there: Mapping[str, S3Object], *, bucket: str) -> list[Artifact]:
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
