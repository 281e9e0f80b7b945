"""Which objects each S3 URI of a model refers to, looked up in the source with the reader's role."""

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
from lambdas.promotion.contract.errors import ArtifactNotFound, CallRefused, UnsupportedModel
from lambdas.promotion.model import s3_uris
from lambdas.promotion.model.s3_uris import S3Reference, S3ReferenceKind

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# A manifest is a list of S3 URIs. An object that is larger than this (bytes) is something else.
_LARGEST_MANIFEST = 1024**2
# They are looked up sequentially.
_MOST_IN_MANIFEST = 1000


def find_all(references: Iterable[S3Reference], *, owner: str, s3: S3Client, subject: str) -> dict[str, Listing]:
    """Return the objects at each S3 URI, and at those in the manifests among them. `subject` names the model.

    Raises ArtifactNotFound, ArtifactChanged, UnsupportedModel, CallRefused; a missing permission is AccessDenied.
    """
    listings: dict[str, Listing] = {}
    queue = list(references)
    for reference in queue:
        if reference.uri in listings:
            continue
        listings[reference.uri] = listing = _look_up(reference, owner=owner, s3=s3)
        if reference.kind is S3ReferenceKind.MANIFEST:
            text = _text_of(listing.objects[0], owner=owner, s3=s3, subject=subject)
            listings[reference.uri] = Listing(objects=listing.objects, text=text)
            listed = s3_uris.in_manifest(text, location=reference.location)
            if len(listed) > _MOST_IN_MANIFEST:
                raise UnsupportedModel(
                    f"{subject}: {reference.uri} lists {len(listed)} S3 URIs, more than {_MOST_IN_MANIFEST}. "
                    "Nothing was created. Store the objects below one prefix."
                )
            queue += listed
        elif reference.as_files and listing.prefix is not None:
            subject_of_files = f"{subject}: {reference.location}"
            artifact_checks.require_file_names(listing.objects, listing.prefix, subject=subject_of_files)
    return listings


def _look_up(reference: S3Reference, *, owner: str, s3: S3Client) -> Listing:
    """Return the objects at an S3 URI. What S3 refuses is named by the field that refers to it."""
    try:
        return _find(reference, owner=owner, s3=s3)
    except UnsupportedModel as error:
        raise UnsupportedModel(f"The model refers to {reference.uri} ({reference.location}). {error}") from error
    except ClientError as error:
        if error_codes.code_of(error) == error_codes.S3_NO_SUCH_BUCKET:
            raise _missing(reference, owner, f"no bucket {s3_uris.bucket_of(reference.uri)}") from error
        raise CallRefused(
            f"The model refers to {reference.uri} ({reference.location}), and S3 refuses it: {error}. Correct the "
            "reference and register the model again, or look S3's error up."
        ) from error


def _find(reference: S3Reference, *, owner: str, s3: S3Client) -> Listing:
    # The object "a/" is a folder's marker: a URI that ends with a slash and may be either is taken for a folder.
    folder = reference.kind is S3ReferenceKind.PREFIX or (
        reference.kind is S3ReferenceKind.EITHER and reference.uri.endswith("/")
    )
    if not folder:
        observed = s3_objects.find(reference.uri, owner=owner, s3=s3)
        if observed:
            artifact_checks.require_pinned(reference, observed)
            return Listing(objects=(observed,))
    if reference.kind not in {S3ReferenceKind.PREFIX, S3ReferenceKind.EITHER}:
        raise _missing(reference, owner, "no such object")
    bucket, prefix = s3_objects.split_uri(reference.uri)
    prefix = f"{prefix}/" if prefix and not prefix.endswith("/") else prefix
    # One more than is supported is enough to reject them: a whole bucket may have billions.
    objects = tuple(islice(s3_objects.listed(bucket, prefix, owner=owner, s3=s3), inventory.MOST_OBJECTS + 1))
    if not objects:
        absence = "nothing below it" if folder else "neither such an object nor anything below"
        raise _missing(reference, owner, absence)
    return Listing(objects=objects, prefix=prefix)


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
            f"{subject}: {manifest.uri} is not text ({error}), so the S3 URIs in it cannot be rewritten. "
            "Nothing was created."
        ) from error


def _missing(reference: S3Reference, owner: str, absence: str) -> ArtifactNotFound:
    written = (
        " If the container writes there, name the target's location in promotion.yaml (variables.replace, or drop or "
        f"keep {reference.variable})."
        if reference.variable
        else ""
    )
    return ArtifactNotFound(
        f"The model refers to {reference.uri} ({reference.location}), and account {owner} has {absence}. "
        f"Restore it or register the model again.{written}"
    )
