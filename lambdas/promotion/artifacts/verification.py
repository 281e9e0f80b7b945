"""Copy verification with the target's own role: which copies exist, whether they match the source, open uploads."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING
from urllib.parse import unquote_plus

from botocore.exceptions import ClientError

from lambdas.promotion.artifacts import checks as artifact_checks
from lambdas.promotion.artifacts import inventory, s3_objects
from lambdas.promotion.artifacts.s3_objects import ListedObject
from lambdas.promotion.aws import error_codes
from lambdas.promotion.contract.document import Artifact, S3Object, Transfer
from lambdas.promotion.contract.errors import ArtifactMismatch, UnsupportedModel
from lambdas.promotion.contract.settings import Environment

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_PAGE = 1000  # objects that S3 lists at once (API: ListObjectsV2, MaxKeys)


def listed(folders: Iterable[str], target: Environment, *, s3: S3Client) -> dict[str, ListedObject]:
    """Return the objects in the folders (key prefixes) of the target's bucket, by key."""
    return {
        item.object.key: item
        for folder in folders
        for item in s3_objects.listed_with_algorithms(target.artifact_bucket, folder, owner=target.account, s3=s3)
    }


def listing_calls(
    artifacts: Sequence[Artifact], prefix: str, target: Environment, *, s3: S3Client
) -> list[Callable[[], dict[str, ListedObject]]]:
    """Return calls that list the artifacts' folders as `listed` does, each a part, so that they can be concurrent.

    Every folder is listed from its beginning to its end: the parts begin after keys that are expected there, as many as
    a page of S3's has.
    """
    keys: dict[str, list[str]] = {folder: [] for folder in inventory.folders(artifacts, prefix)}
    for artifact in artifacts:
        keys[inventory.folder(artifact, prefix)].append(artifact.key)
    calls: list[Callable[[], dict[str, ListedObject]]] = []
    for folder, expected in keys.items():
        in_order = sorted(expected, key=_in_s3s_order)
        bounds = [None, *in_order[_PAGE - 1 : -1 : _PAGE], None]
        calls += [
            functools.partial(_listed_between, folder, after, last, target, s3=s3)
            for after, last in itertools.pairwise(bounds)
        ]
    return calls


def _listed_between(
    folder: str, after: str | None, last: str | None, target: Environment, *, s3: S3Client
) -> dict[str, ListedObject]:
    """Return the objects in the folder that follow the key `after`, up to the key `last`."""
    items = s3_objects.listed_with_algorithms(target.artifact_bucket, folder, owner=target.account, after=after, s3=s3)
    if last is not None:
        items = itertools.takewhile(lambda item: _in_s3s_order(item.object.key) <= _in_s3s_order(last), items)
    return {item.object.key: item for item in items}


def _in_s3s_order(key: str) -> bytes:
    """Return what S3 sorts keys by (API: ListObjectsV2, "UTF-8 binary order")."""
    return key.encode(errors="surrogatepass")


def status_of(artifact: Artifact, copy: ListedObject | None) -> Transfer:
    """Return what is known of an artifact's copy before the plan: whether it exists, and which checksum it has."""
    return Transfer(artifact=artifact, exists=copy is not None, copy_algorithm=copy.algorithm if copy else None)


def require_verified(artifact: Artifact, target: Environment, *, s3: S3Client) -> S3Object:
    """Compare a copy's size and full-object checksum with the artifact's, and return the copy.

    Raises ArtifactMismatch if it does not exist or differs.
    """
    try:
        copy = s3_objects.find(f"s3://{target.artifact_bucket}/{artifact.key}", owner=target.account, s3=s3)
    except UnsupportedModel as error:
        raise ArtifactMismatch(
            f"Another principal put an object in the place of a copy. {error} Delete it from the target's bucket, then "
            "promote again."
        ) from error
    artifact_checks.require_verified(artifact, copy, bucket=target.artifact_bucket)
    assert copy is not None  # noqa: S101 - require_verified has raised
    return copy


def abort_uploads(
    folders: Iterable[str], target: Environment, *, opened_by: datetime | None = None, s3: S3Client
) -> int:
    """Abort every upload that is open in the folders, and return how many there were.

    Those that were opened after `opened_by` are kept.
    """
    aborted = 0
    for folder in folders:
        for key, upload_id in list(_open_uploads(folder, target, opened_by, s3=s3)):
            try:
                s3.abort_multipart_upload(
                    Bucket=target.artifact_bucket, Key=key, UploadId=upload_id, ExpectedBucketOwner=target.account
                )
            except ClientError as error:
                if error_codes.code_of(error) != error_codes.S3_NO_SUCH_UPLOAD:
                    raise
            aborted += 1
    return aborted


def _open_uploads(
    folder: str, target: Environment, opened_by: datetime | None, *, s3: S3Client
) -> Iterator[tuple[str, str]]:
    # Encoded, because one key that XML cannot carry makes the whole answer unreadable. botocore decodes no such list,
    # and its paginator would send the encoded markers.
    markers: dict[str, str] = {}
    while True:
        page = s3.list_multipart_uploads(
            Bucket=target.artifact_bucket,
            Prefix=folder,
            EncodingType="url",
            ExpectedBucketOwner=target.account,
            **markers,  # type: ignore[arg-type]
        )
        is_encoded = page.get("EncodingType") == "url"
        for upload in page.get("Uploads", []):
            if opened_by is None or upload["Initiated"] <= opened_by:
                yield _decoded(upload["Key"], is_encoded), upload["UploadId"]
        if not page.get("IsTruncated"):
            return
        markers = {
            "KeyMarker": _decoded(page["NextKeyMarker"], is_encoded),
            "UploadIdMarker": page["NextUploadIdMarker"],
        }


def _decoded(key: str, is_encoded: bool) -> str:
    return unquote_plus(key) if is_encoded else key
