"""What lies at each address of a model, looked up in the source with the reader's role."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from lambdas.promotion.artifacts import checks as artifact_checks
from lambdas.promotion.artifacts import inventory, s3_objects
from lambdas.promotion.artifacts.inventory import Listing
from lambdas.promotion.aws import error_codes
from lambdas.promotion.contract.document import S3Object
from lambdas.promotion.contract.errors import ArtifactNotFound, UnsupportedModel
from lambdas.promotion.model import s3_uris
from lambdas.promotion.model.s3_uris import S3Reference, S3ReferenceKind

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# A manifest is a list of addresses. One that is larger than this (bytes) is something else.
_LARGEST_MANIFEST = 1024**2
# They are looked up one after the other.
_MOST_IN_MANIFEST = 1000


def find_all(needed: Iterable[S3Reference], *, owner: str, s3: S3Client, subject: str) -> dict[str, Listing]:
    """Return what lies at each address, and at those in the manifests among them. `where` names the model.

    Raises ArtifactNotFound, ArtifactChanged, UnsupportedModel; a missing right is AccessDenied.
    """
    found: dict[str, Listing] = {}
    ahead = list(needed)
    for address in ahead:
        if address.uri in found:
            continue
        found[address.uri] = at = _find(address, owner=owner, s3=s3)
        if address.kind is S3ReferenceKind.MANIFEST:
            text = _text_of(at.objects[0], owner=owner, s3=s3, subject=subject)
            found[address.uri] = Listing(objects=at.objects, text=text)
            named = s3_uris.in_manifest(text, location=address.location)
            if len(named) > _MOST_IN_MANIFEST:
                raise UnsupportedModel(
                    f"{subject}: {address.uri} names {len(named)} addresses, more than {_MOST_IN_MANIFEST}. Put the "
                    "objects below one prefix. Nothing was created."
                )
            ahead += named
        elif address.as_files and at.prefix is not None:
            artifact_checks.require_file_names(at.objects, at.prefix, subject=f"{subject}: {address.location}")
    return found


def _find(address: S3Reference, *, owner: str, s3: S3Client) -> Listing:
    # The object "a/" is a folder's marker: what ends with a slash and may be either is meant as a folder.
    folder = address.kind is S3ReferenceKind.PREFIX or (
        address.kind is S3ReferenceKind.EITHER and address.uri.endswith("/")
    )
    if not folder:
        found = s3_objects.find(address.uri, owner=owner, s3=s3)
        if found:
            artifact_checks.require_pinned(address, found)
            return Listing(objects=(found,))
    if address.kind not in {S3ReferenceKind.PREFIX, S3ReferenceKind.EITHER}:
        raise _missing(address, owner, "no such object")
    bucket, prefix = s3_objects.split_uri(address.uri)
    prefix = f"{prefix}/" if prefix and not prefix.endswith("/") else prefix
    objects = _listed(bucket, prefix, owner=owner, s3=s3)
    if not objects:
        what = "nothing below it" if folder else "neither such an object nor anything below"
        raise _missing(address, owner, what)
    return Listing(objects=objects, prefix=prefix)


def _listed(bucket: str, prefix: str, *, owner: str, s3: S3Client) -> tuple[S3Object, ...]:
    """Return the objects below a prefix; none if the bucket does not exist, as for a single object."""
    try:
        # One more than is supported is enough to reject them: a whole bucket may have billions.
        return tuple(islice(s3_objects.listed(bucket, prefix, owner=owner, s3=s3), inventory.MOST_OBJECTS + 1))
    except ClientError as error:
        if error_codes.code_of(error) == error_codes.S3_NO_SUCH_BUCKET:
            return ()
        raise


def _text_of(manifest: S3Object, *, owner: str, s3: S3Client, subject: str) -> str:
    if manifest.size > _LARGEST_MANIFEST:
        raise UnsupportedModel(
            f"{subject}: {manifest.uri} has {manifest.size} bytes, more than a manifest's {_LARGEST_MANIFEST}. "
            "Nothing was created."
        )
    content = s3_objects.read(manifest, owner=owner, s3=s3)
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise UnsupportedModel(
            f"{subject}: {manifest.uri} is no text ({error}), so the addresses in it cannot be rewritten. "
            "Nothing was created."
        ) from error


def _missing(address: S3Reference, owner: str, what: str) -> ArtifactNotFound:
    return ArtifactNotFound(
        f"The model needs {address.uri} ({address.location}), and account {owner} has {what}. "
        "Restore it or register the model again."
    )
